// Colour arithmetic on rows, as Pillow does it, so that all codecs agree on a grey or a CMYK pixel.
#pragma once

#include <cstdint>

namespace stoker {

// ITU-R 601 luma in 16-bit fixed point, rounded; Pillow's convert("L"). For 8 and 16-bit samples alike.
inline uint32_t luma(uint32_t r, uint32_t g, uint32_t b) {
  return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
}

void gray_from_rgb(const uint8_t* rgb, uint8_t* gray, int width);

// From CMYK as libjpeg gives it, under the Adobe convention (255 is no ink); Pillow's convert("RGB").
void rgb_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* rgb, int width);
void bgr_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* bgr, int width);
void gray_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* gray, int width);

}  // namespace stoker
