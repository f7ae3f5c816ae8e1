// RGB and YCrCb of 8 bits as OpenCV 4.11 converts them. Rows are interleaved RGB on one side and three planes
// on the other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

void rgb_to_ycrcb_row(const uint8_t* rgb, size_t width, uint8_t* y, uint8_t* cr, uint8_t* cb);
void ycrcb_to_rgb_row(const uint8_t* y, const uint8_t* cr, const uint8_t* cb, size_t width, uint8_t* rgb);

}  // namespace stoker
