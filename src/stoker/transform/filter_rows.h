// Rows of a filter: widened to float32 with their border, weighed, and rounded back.
//
// Channels stay interleaved: a row is `count` samples, and the neighbour of a sample lies one pixel's
// samples further. All sums are float32 with fused multiply-adds on every instruction set, in the order in
// which OpenCV 4.11 adds on a CPU with AVX2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "stoker/base/image.h"

namespace stoker {

// Float rows are read, and written, up to so many floats behind their end.
inline constexpr size_t kRowSlackFloats = 64;

enum class Border : uint8_t {
  kReflect101,  // dcb|abcd|cba
  kReplicate,   // aaa|abcd|ddd
};

// The place inside [0, size) that stands for place `at`; size is at least 1.
int border_index(int64_t at, int size, Border border);

// Whether the filters take this dtype: uint8, uint16, int16, float32.
bool is_filtered(DType dtype);

// Row y of `in` as floats with `left` and `right` pixels of border; y may lie outside the image.
void widen_row(const ConstImage& in, int y, int left, int right, Border border, float* out);

// `count` sums as samples of `dtype`: integers rounded half to even and clipped to the dtype's range, float32
// clipped to [0, 1] with NaN kept.
void narrow_row(const float* sums, size_t count, DType dtype, void* out);

// out[i] = 0 + weights[0] * taps[0][i] + weights[1] * taps[1][i] ..., each step fused.
void weigh_taps(const float* const* taps, const float* weights, size_t tap_count, size_t count, float* out);

// The same for a symmetric kernel: weights[0] * center[i] first, then weights[j] * (before[j-1][i] +
// after[j-1][i]). With `pair_first` the first pair comes before the centre.
void weigh_pairs(const float* center, const float* const* before, const float* const* after,
                 const float* weights, size_t pair_count, bool pair_first, size_t count, float* out);

// The two above (the centre first) and narrow_row() to uint8 in one. Sums must not be NaN.
void weigh_taps_to_bytes(const float* const* taps, const float* weights, size_t tap_count, size_t count,
                         uint8_t* out);
void weigh_pairs_to_bytes(const float* center, const float* const* before, const float* const* after,
                          const float* weights, size_t pair_count, size_t count, uint8_t* out);

// Each sum to the integer nearest to it, halves upwards.
void round_half_up(float* sums, size_t count);

// The plain rules of narrow_row, for one value.
float unit_clip(float value);
int64_t rounded_clip(float value, int64_t low, int64_t high);

}  // namespace stoker
