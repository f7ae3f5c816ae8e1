// RGB and CIE L*a*b* of 8 bits as OpenCV 4.11 converts them (sRGB, D65). Rows are interleaved RGB on one side
// and three planes on the other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

void rgb_to_lab_row(const uint8_t* rgb, size_t width, uint8_t* l, uint8_t* a, uint8_t* b);
void lab_to_rgb_row(const uint8_t* l, const uint8_t* a, const uint8_t* b, size_t width, uint8_t* rgb);

// The lightness alone.
void rgb_to_lightness_row(const uint8_t* rgb, size_t width, uint8_t* l);

}  // namespace stoker
