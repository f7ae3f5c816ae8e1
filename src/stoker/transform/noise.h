// Random numbers per pixel, and what is done with them.
//
// A row of noise depends on a seed, a stream and the row's number alone. Word j of Philox block (b, row,
// stream, 0) with the seed as key makes number 64 (b / 16) + 16 j + b % 16 of the row, so that vectors of up
// to 16 lanes compute them in place. All arithmetic is float32 without fused steps: equal on every CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "stoker/transform/operator.h"

namespace stoker {

// Rows of noise are written in whole groups of so many numbers.
inline constexpr size_t kNoiseGroup = 64;
inline size_t noise_floats(size_t count) { return (count + kNoiseGroup - 1) / kNoiseGroup * kNoiseGroup; }

struct NoiseRow {
  uint64_t seed = 0;
  uint32_t row = 0;
  uint32_t stream = 0;
};

// Uniform in [0, 1): the upper 24 bits of a word.
void uniform_row(const NoiseRow& noise, size_t count, float* out);
// Standard normals by Box and Muller's method: words 0 and 1 of a block make a pair, and 2 and 3; at most 5.8
// in size.
void normal_row(const NoiseRow& noise, size_t count, float* out);
// Words as they are.
void word_row(const NoiseRow& noise, size_t count, uint32_t* out);

// One number a pixel to `channels` numbers a pixel.
void spread_row(const float* pixels, size_t width, size_t channels, float* out);

// One number of such a row, plainly.
float uniform_at(const NoiseRow& noise, size_t i);
float normal_at(const NoiseRow& noise, size_t i);
uint32_t word_at(const NoiseRow& noise, size_t i);

// value + noise or value * noise, clipped to the dtype's range (float32: [0, 1], NaN kept) and cut to an
// integer. uint8, uint16, int16, float32.
void add_row(const void* in, const float* noise, size_t count, DType dtype, void* out);
void multiply_row(const void* in, const float* noise, size_t count, DType dtype, void* out);

// A sum or product as a sample of type T: the plain rule of the two above.
template <class T>
T cut(float value);
template <>
float cut<float>(float value);

// The range of a dtype that noise is measured in: 255, 65535, 32767 or 1.
float full_range(DType dtype);

// A 64-bit seed as three numbers of a draw, 22, 22 and 20 bits of it from the lowest on.
void draw_seed(Rng& rng, double* values);
uint64_t seed_from(const double* values);
void check_seed(const std::string& op, const double* values);

}  // namespace stoker
