#include "stoker/transform/blur_limit.h"

#include "stoker/transform/filter_rows.h"

namespace stoker {

void check_filtered(const std::string& op, const PlannedShape& in) {
  if (is_filtered(in.dtype)) return;
  throw ArgumentError(op + ": works on uint8, uint16, int16 and float32 images, got " +
                      std::string(name_of(in.dtype)) + "; convert the images first.");
}

}  // namespace stoker
