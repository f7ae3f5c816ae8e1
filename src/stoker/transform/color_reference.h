// Colour conversions one pixel at a time, in the plainest way: the judges of the kernels.
#pragma once

#include <array>
#include <cstdint>

namespace stoker {

using Pixel = std::array<uint8_t, 3>;

// OpenCV 4.11's 8-bit conversions. `is_cut`: see hsv_to_rgb_row.
Pixel rgb_to_hsv(const Pixel& rgb);
Pixel hsv_to_rgb(const Pixel& hsv, bool is_cut);
Pixel rgb_to_lab(const Pixel& rgb);
Pixel lab_to_rgb(const Pixel& lab);
Pixel rgb_to_ycrcb(const Pixel& rgb);
Pixel ycrcb_to_rgb(const Pixel& ycrcb);

// See color_hsv.h.
Pixel shift_hue_torch(const Pixel& rgb, float shift);
Pixel shift_hue_pillow(const Pixel& rgb, uint8_t step);

}  // namespace stoker
