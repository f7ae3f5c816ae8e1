// Warps of 8-bit images to the pixel as Pillow 13 (Image.transform and Image.rotate) makes them.
#pragma once

#include <array>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

struct PillowWarp {
  // A result pixel's centre times this is where it comes from: six numbers of an affine map, then the two of
  // the denominator and 1.
  std::array<double, 9> coefficients{1, 0, 0, 0, 1, 0, 0, 0, 1};
  bool is_affine = true;
  Interpolation interpolation = Interpolation::kNearest;  // nearest or bilinear
  std::vector<uint8_t> fill;                              // one a channel; what stands outside
};

// `in` and `out` are uint8 with the same channels; they do not overlap. Channels are independent: Pillow's
// premultiplication of alpha is not done.
void pillow_warp(const PillowWarp& warp, const ConstImage& in, const Image& out);

// round(value, 15) of Python, as Image.rotate has it for its sines and cosines.
double rounded_to_15_digits(double value);

}  // namespace stoker
