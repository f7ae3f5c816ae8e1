#include "stoker/base/image.h"

#include <cstring>

#include "stoker/base/error.h"

namespace stoker {

void copy_pixels(const ConstImage& from, const Image& to) {
  STOKER_CHECK(from.shape == to.shape);
  for (int y = 0; y < from.height(); ++y) {
    std::memcpy(to.row<uint8_t>(y), from.row<uint8_t>(y), from.shape.row_bytes());
  }
}

}  // namespace stoker
