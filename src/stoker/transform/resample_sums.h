// Passes across rows of 32-bit numbers: what OpenCV's wider rules and its area averages end with. Vector
// code.
//
// Exactly `count` samples are read and written.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// Four rows: the first `float_count` samples in float32 (each step rounded), the others in integers.
void blend_sums_cubic(const int32_t* const* rows, const int32_t* weights, size_t float_count, size_t count,
                      uint8_t* out);

// Eight rows: clamp((sum + 2^21) >> 22).
void blend_sums_lanczos(const int32_t* const* rows, const int32_t* weights, size_t count, uint8_t* out);

// clamp(round half even(float32 sum of `row_count` rows * part)).
void blend_sums_mean(const int32_t* const* rows, int row_count, float part, size_t count, uint8_t* out);

// The float32 sums of an area average: sums = weight * row, or sums += weight * row, each step rounded.
void weigh_floats(const float* row, float weight, bool starts, size_t count, float* sums);
// out[i] = clamp(round half even(sums[i])).
void round_floats(const float* sums, size_t count, uint8_t* out);

}  // namespace stoker
