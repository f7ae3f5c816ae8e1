// MixUp and CutMix: each image of a finished batch mixed with the one before it, the first with the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stoker/base/dtype.h"

namespace stoker {

// In place, `count` images of `values` numbers each, laid end to end: own * own_share + before * (1 -
// own_share), both products and the sum rounded to the images' dtype, as torch's roll, mul_ and add_ do it.
// float32, float64, float16 and bfloat16; throws ArgumentError for others.
void mix_up(DType dtype, uint8_t* images, size_t count, size_t values, double own_share);

// The bytes of a rectangle in one image, the same in all: `planes` of `rows` of `row_bytes`.
struct MixRectangle {
  size_t planes = 1;
  size_t rows = 0;
  size_t row_bytes = 0;
  size_t first_row = 0;
  size_t end_row = 0;
  size_t first_byte = 0;  // of a row
  size_t end_byte = 0;
};

// In place, `count` images laid end to end: the rectangle of each becomes that of the image before it.
void cut_mix(uint8_t* images, size_t count, const MixRectangle& rectangle);

// Class numbers to shares of classes: row i of `soft`, labels.size() x classes and 0 before, is the one-hot
// row of label i mixed as by mix_up. Labels must lie in [0, classes).
void mix_labels(std::span<const int64_t> labels, size_t classes, double own_share, float* soft);

}  // namespace stoker
