// The two passes of torch's antialiased resize in float32, every step rounded as torch 2.13 rounds it. Vector
// code.
//
// Note [torch's sums]
// The first product starts the sum. Then four products at a time are rounded and added one by one, and what
// is left over (up to three) is added with fused multiply-adds: so the loop over taps comes out of the
// compiler of torch's wheels for AVX2. The same is done here on every CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// Samples that may be read and written behind the end of a row in resample_float_row.
inline constexpr size_t kFloatSlack = 4;

// Which source pixels the outputs [first, first + size) of one axis are made of, and how much of each.
struct FloatTaps {
  int first = 0;
  int size = 0;
  int stride = 0;            // weights kept for each output
  int32_t* start = nullptr;  // the first source index
  int32_t* count = nullptr;  // at least 1
  float* weights = nullptr;  // size x stride
};

// `row` begins at source index `first_pixel`. `row` and `out` have kFloatSlack samples behind their end.
void resample_float_row(const FloatTaps& taps, int channels, int first_pixel, const float* row, float* out);

// out[i] = sum of rows[tap][i] * weights[tap]. Exactly `count` samples are read and written.
void blend_float_rows(const float* const* rows, const float* weights, int taps, size_t count, float* out);

}  // namespace stoker
