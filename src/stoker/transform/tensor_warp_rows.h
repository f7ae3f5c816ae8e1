// One result row of an affine warp by torch's rules.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/base/image.h"

namespace stoker {

// Where a row's pixels come from. From the middle of the image, in units of half its sides: x * x_step +
// (y * y_step, fused) + start, each step rounded.
struct TensorRow {
  float y = 0;               // of this row, from the middle
  float x_step[2] = {1, 0};  // of the places across and down
  float y_step[2] = {0, 1};
  float start[2] = {0, 0};
  bool is_nearest = false;
  const float* fill = nullptr;  // one a channel; null: 0 stands outside
};

void tensor_row(const TensorRow& row, const ConstImage& in, uint8_t* out);
// One pixel of it.
void tensor_pixel(const TensorRow& row, const ConstImage& in, int x, uint8_t* out);

}  // namespace stoker
