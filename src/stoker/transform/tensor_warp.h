// Affine warps of 8-bit images to the pixel as torchvision makes them on tensors: torch 2.13's grid by a
// matrix product and its grid_sample, in float32 with fused multiply-adds as on a CPU with AVX2.
#pragma once

#include <array>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

struct TensorWarp {
  // A result pixel's place, counted from the middle of the image, times this is where it comes from.
  std::array<double, 6> matrix{1, 0, 0, 0, 1, 0};
  Interpolation interpolation = Interpolation::kBilinear;  // nearest or bilinear
  // One level a channel, mixed in by how far a place lies outside; empty: 0 stands outside, which is not
  // the same as a fill of 0 where places lie partly outside.
  std::vector<float> fill;
};

// `in` and `out` are uint8 of the same shape; they do not overlap.
void tensor_warp(const TensorWarp& warp, const ConstImage& in, const Image& out);

// The same, plainly; the judge of tensor_warp.
void tensor_warp_reference(const TensorWarp& warp, const ConstImage& in, const Image& out);

}  // namespace stoker
