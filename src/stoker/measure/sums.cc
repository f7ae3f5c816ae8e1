#include "stoker/measure/sums.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/measure/sums.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<uint8_t>;

#if HWY_TARGET != HWY_SCALAR
// Sums of one channel over a row, kept in vectors. A square is below 2^16, so a 32-bit lane holds the sum of
// 2^16 squares. A step adds four to it and takes at least 16 pixels: enough for a row of 2^18.
struct Sums {
  const Bytes d8;
  const hn::Repartition<uint16_t, Bytes> d16;
  const hn::Repartition<uint32_t, Bytes> d32;
  const hn::Repartition<uint64_t, Bytes> d64;
  hn::Vec<decltype(d64)> sum;
  hn::Vec<decltype(d32)> squares;
  hn::Vec<Bytes> min;
  hn::Vec<Bytes> max;

  // Written out: what the compiler would make is not compiled for the instruction set.
  HWY_INLINE Sums() : sum(hn::Zero(d64)), squares(hn::Zero(d32)), min(hn::Set(d8, 255)), max(hn::Zero(d8)) {}

  HWY_INLINE void add(hn::Vec<Bytes> values) {
    sum = hn::Add(sum, hn::SumsOf8(values));
    min = hn::Min(min, values);
    max = hn::Max(max, values);
    // Even and odd bytes as 16-bit lanes; their squares fit 16 bits, two of them 32.
    const auto words = hn::BitCast(d16, values);
    const auto even = hn::And(words, hn::Set(d16, 0x00FF));
    const auto odd = hn::ShiftRight<8>(words);
    add_squares(hn::Mul(even, even));
    add_squares(hn::Mul(odd, odd));
  }

  HWY_INLINE void add_squares(hn::Vec<decltype(d16)> values) {
    const auto pairs = hn::BitCast(d32, values);
    squares = hn::Add(squares, hn::Add(hn::And(pairs, hn::Set(d32, 0xFFFF)), hn::ShiftRight<16>(pairs)));
  }

  HWY_INLINE void give(ByteSums& out) const {
    HWY_ALIGN uint64_t sums[HWY_MAX_BYTES / 8];
    HWY_ALIGN uint32_t squared[HWY_MAX_BYTES / 4];
    HWY_ALIGN uint8_t bytes[HWY_MAX_BYTES];
    hn::Store(sum, d64, sums);
    for (size_t i = 0; i < hn::Lanes(d64); ++i) out.sum += sums[i];
    hn::Store(squares, d32, squared);
    for (size_t i = 0; i < hn::Lanes(d32); ++i) out.sum_squares += squared[i];
    hn::Store(min, d8, bytes);
    for (size_t i = 0; i < hn::Lanes(d8); ++i) out.min = std::min(out.min, bytes[i]);
    hn::Store(max, d8, bytes);
    for (size_t i = 0; i < hn::Lanes(d8); ++i) out.max = std::max(out.max, bytes[i]);
  }
};

#endif

void byte_row(const uint8_t* row, size_t width, int channels, std::array<ByteSums, 3>& out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const Bytes d8;
  const size_t lanes = hn::Lanes(d8);
  Sums sums[3];
  if (channels == 1) {
    for (; x + lanes <= width; x += lanes) sums[0].add(hn::LoadU(d8, row + x));
  } else {
    for (; x + lanes <= width; x += lanes) {
      hn::Vec<Bytes> c0, c1, c2;
      hn::LoadInterleaved3(d8, row + 3 * x, c0, c1, c2);
      sums[0].add(c0);
      sums[1].add(c1);
      sums[2].add(c2);
    }
  }
  for (int c = 0; c < channels; ++c) sums[c].give(out[static_cast<size_t>(c)]);
#endif
  for (; x < width; ++x) {
    for (int c = 0; c < channels; ++c) {
      ByteSums& each = out[static_cast<size_t>(c)];
      const uint8_t value = row[x * static_cast<size_t>(channels) + static_cast<size_t>(c)];
      each.sum += value;
      each.sum_squares += static_cast<uint64_t>(value) * value;
      each.min = std::min(each.min, value);
      each.max = std::max(each.max, value);
    }
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(byte_row);
}  // namespace

void add_byte_row(const uint8_t* row, size_t width, int channels, std::array<ByteSums, 3>& sums) {
  HWY_DYNAMIC_DISPATCH(byte_row)(row, width, channels, sums);
}

void count_bytes(const uint8_t* row, size_t width, int channels, int channel, uint32_t* histograms) {
  const auto step = static_cast<size_t>(channels);
  const uint8_t* value = row + channel;
  size_t x = 0;
  for (; x + 4 <= width; x += 4, value += 4 * step) {
    ++histograms[value[0]];
    ++histograms[256 + value[step]];
    ++histograms[512 + value[2 * step]];
    ++histograms[768 + value[3 * step]];
  }
  for (; x < width; ++x, value += step) ++histograms[*value];
}

}  // namespace stoker
#endif  // HWY_ONCE
