// Values that stand where an image has none: padding, holes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/operator.h"

namespace stoker {

enum class FillRounding : uint8_t {
  kNearest,  // halves to even, as OpenCV
  kCut,      // towards zero, as NumPy
};

// The bytes of one pixel of `shape`: channel c has fill[c], or the only number of the list, or 0 where the
// list is shorter. Integers are held to their range. Half floats take 0 alone.
std::vector<uint8_t> filled_pixel(const std::vector<double>& fill, const ImageShape& shape,
                                  FillRounding rounding);

// Throws ArgumentError where `fill` does not suit the images: as many numbers as channels or one, 0 to 255
// for uint8, 0 for half floats.
void check_fill(std::string_view owner, const std::vector<double>& fill, const PlannedShape& in);

// Whether a Geometry can hold these values.
bool fits_geometry(const std::vector<double>& fill);
std::array<uint8_t, 4> geometry_fill(const std::vector<double>& fill);

// `count` pixels with the `pixel_bytes` bytes of `pixel`.
void repeat_pixel(const uint8_t* pixel, size_t pixel_bytes, size_t count, uint8_t* out);

}  // namespace stoker
