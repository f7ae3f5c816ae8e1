// Vector kernels of the accumulator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stoker {

struct ByteSums {
  uint64_t sum = 0;
  uint64_t sum_squares = 0;
  uint8_t min = 255;
  uint8_t max = 0;
};

inline constexpr size_t kMaxRowPixels = size_t{1} << 18;

// Adds a row of `width` interleaved uint8 pixels of `channels` (1 or 3) channels to `sums`. At most
// kMaxRowPixels.
void add_byte_row(const uint8_t* row, size_t width, int channels, std::array<ByteSums, 3>& sums);

// Counts the values of channel `channel` of a row into four histograms of 256 bins that lie one behind
// another: equal neighbours would wait for each other on one counter.
void count_bytes(const uint8_t* row, size_t width, int channels, int channel, uint32_t* histograms);

}  // namespace stoker
