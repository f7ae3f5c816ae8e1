// grid_sample of torch 2.13 with zeros outside and without align_corners, and torchvision's fill over it.
#pragma once

#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"
#include "stoker/transform/torch_grid.h"

namespace stoker {

struct TorchSampling {
  Interpolation interpolation = Interpolation::kNearest;  // nearest or bilinear
  // One a channel, mixed in by the share of each pixel that lies outside; empty for zeros, as grid_sample
  // itself has them.
  std::vector<float> fill;
  bool is_v1 = false;  // the order in which torchvision's v1 mixes the fill in
};

// `in` and `out` have the same channels and dtype, uint8 or float32, and do not overlap. A uint8 result is
// rounded, ties to even; what is not a number becomes 0 there.
void torch_grid_sample(const GridRow& grid, const TorchSampling& sampling, const ConstImage& in,
                       const Image& out);

// The nearest pixels of any dtype, 0 outside.
void torch_grid_nearest(const GridRow& grid, const ConstImage& in, const Image& out);

// One sample, before any rounding to uint8, plainly.
float torch_sample_at(float grid_x, float grid_y, const TorchSampling& sampling, const ConstImage& in,
                      int channel);

}  // namespace stoker
