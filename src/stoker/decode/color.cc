#include "stoker/decode/color.h"

namespace stoker {
namespace {

// One ink over `light` = 255 - K: light * (1 - ink), with Pillow's rounded division by 255.
int under_ink(int inverted_ink, int light) {
  int product = (255 - inverted_ink) * light + 128;
  product = ((product >> 8) + product) >> 8;
  return light - product;  // never below 0: the product is at most `light`
}

}  // namespace

void gray_from_rgb(const uint8_t* rgb, uint8_t* gray, int width) {
  for (int x = 0; x < width; ++x, rgb += 3) gray[x] = static_cast<uint8_t>(luma(rgb[0], rgb[1], rgb[2]));
}

void rgb_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>(under_ink(cmyk[c], cmyk[3]));
  }
}

void bgr_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* bgr, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, bgr += 3) {
    for (int c = 0; c < 3; ++c) bgr[2 - c] = static_cast<uint8_t>(under_ink(cmyk[c], cmyk[3]));
  }
}

void gray_from_inverted_cmyk(const uint8_t* cmyk, uint8_t* gray, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4) {
    const int light = cmyk[3];
    gray[x] = static_cast<uint8_t>(
        luma(under_ink(cmyk[0], light), under_ink(cmyk[1], light), under_ink(cmyk[2], light)));
  }
}

}  // namespace stoker
