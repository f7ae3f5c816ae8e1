#include "stoker/transform/resample_rows.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/resample_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int32_t kHalf = 1 << 21;  // of 22 bits
constexpr int kShift = 22;

uint8_t clamp_to_byte(int32_t value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// One row, sample by sample: where there are no groups, and no vectors.
template <RowForm kForm>
void plain_row(const RowTable& table, const uint8_t* row, void* out) {
  const AxisTaps& axis = *table.axis;
  const int channels = table.channels;
  for (int sample = 0; sample < table.samples; ++sample) {
    const int pixel = sample / channels;
    const int32_t* weights = axis.weights + static_cast<ptrdiff_t>(pixel) * axis.stride;
    const ptrdiff_t at = static_cast<ptrdiff_t>(axis.start[pixel] - table.first_pixel) * channels;
    const uint8_t* from = row + at + sample % channels;
    int32_t sum = kForm == RowForm::kBytes ? kHalf : 0;
    for (int tap = 0; tap < axis.count[pixel]; ++tap, from += channels) sum += *from * weights[tap];
    if constexpr (kForm == RowForm::kBytes) {
      static_cast<uint8_t*>(out)[sample] = clamp_to_byte(sum >> kShift);
    } else if constexpr (kForm == RowForm::kWords) {
      static_cast<int16_t*>(out)[sample] = static_cast<int16_t>(sum >> 4);
    } else {
      static_cast<int32_t*>(out)[sample] = sum;
    }
  }
}

uint8_t bytes_sample(const uint8_t* const* rows, const uint32_t* taps, int pairs, size_t i) {
  int32_t sum = kHalf;
  for (int pair = 0; pair < pairs; ++pair) {
    for (int j = 0; j < 2; ++j) {
      const int32_t high = static_cast<int16_t>(taps[2 * pair] >> (16 * j));
      const int32_t low = static_cast<int16_t>(taps[2 * pair + 1] >> (16 * j));
      sum += rows[2 * pair + j][i] * (high * (1 << kSplitBits) + low);
    }
  }
  return clamp_to_byte(sum >> kShift);
}

uint8_t words_sample(int32_t sample0, int32_t sample1, int weight0, int weight1) {
  return clamp_to_byte((((sample0 * weight0) >> 16) + ((sample1 * weight1) >> 16) + 2) >> 2);
}

#if HWY_TARGET == HWY_SCALAR

constexpr size_t kRowsAtOnce = 1;

template <RowForm kForm>
void form_rows(const RowTable& table, const uint8_t* const* rows, void* const* outs, uint8_t*) {
  plain_row<kForm>(table, rows[0], outs[0]);
}

void blend_bytes_here(const uint8_t* const* rows, const uint32_t* taps, int pairs, size_t count,
                      uint8_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = bytes_sample(rows, taps, pairs, i);
}

void blend_words_here(const int16_t* row0, const int16_t* row1, int weight0, int weight1, size_t count,
                      uint8_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = words_sample(row0[i], row1[i], weight0, weight1);
}

#else

// Packs signed words into clamped bytes within each block of 16 bytes: a's eight, then b's eight.
template <class D8, class V16>
HWY_INLINE hn::VFromD<D8> pack_blocks(D8 d, V16 a, V16 b) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  if constexpr (hn::MaxLanes(D8()) == 64) return hn::VFromD<D8>{_mm512_packus_epi16(a.raw, b.raw)};
#endif
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  if constexpr (hn::MaxLanes(D8()) == 32) return hn::VFromD<D8>{_mm256_packus_epi16(a.raw, b.raw)};
#endif
  if constexpr (hn::MaxLanes(D8()) == 16) {
    const hn::Half<D8> half;
    return hn::Combine(d, hn::DemoteTo(half, b), hn::DemoteTo(half, a));
  }
}

// A pass along rows puts a row into each block of 16 bytes. Wider than 32 bytes it gains nothing: filling the
// blocks costs more than it saves. Two vectors share the loads of the taps.
using Bytes = hn::CappedTag<uint8_t, 32>;
using Words = hn::Repartition<int16_t, Bytes>;
using Sums = hn::Repartition<int32_t, Bytes>;
constexpr size_t kBlocks = hn::MaxLanes(Bytes()) / 16;
constexpr size_t kRowsAtOnce = 2 * kBlocks;

template <class D>
HWY_INLINE hn::VFromD<D> load_blocks(D d, const uint8_t* const* rows, ptrdiff_t offset) {
  if constexpr (hn::MaxLanes(D()) == 16) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    constexpr size_t kHalfBlocks = hn::MaxLanes(D()) / 32;
    return hn::Combine(d, load_blocks(half, rows + kHalfBlocks, offset), load_blocks(half, rows, offset));
  }
}

template <class D>
HWY_INLINE void store_blocks(D d, hn::VFromD<D> v, uint8_t* const* outs, ptrdiff_t offset) {
  if constexpr (hn::MaxLanes(D()) == 16) {
    hn::StoreU(v, d, outs[0] + offset);
  } else {
    const hn::Half<D> half;
    constexpr size_t kHalfBlocks = hn::MaxLanes(D()) / 32;
    store_blocks(half, hn::LowerHalf(half, v), outs, offset);
    store_blocks(half, hn::UpperHalf(half, v), outs + kHalfBlocks, offset);
  }
}

// sum + a[2i] * b[2i] + a[2i + 1] * b[2i + 1]
template <class V16, class V32>
HWY_INLINE V32 add_pairs(V16 a, V16 b, V32 sum) {
  const hn::DFromV<V32> d;
  V32 odd = hn::Zero(d);
  sum = hn::ReorderWidenMulAccumulate(d, a, b, sum, odd);
  return hn::RearrangeToOddPlusEven(sum, odd);
}

template <class V16, class V32>
HWY_INLINE V32 add_products(V16 a, const uint32_t* taps, V32 sum) {
  return add_pairs(a, hn::BitCast(Words(), hn::LoadDup128(hn::Repartition<uint32_t, Bytes>(), taps)), sum);
}

// The sum of split products, rounded to 8 bits but not clamped.
template <class V32>
HWY_INLINE V32 joined(V32 high, V32 low) {
  return hn::ShiftRight<kShift>(hn::Add(hn::ShiftLeft<kSplitBits>(high), low));
}

// What the loop over groups reads of a RowTable; by value, for stores of bytes could change it otherwise.
struct Groups {
  const int32_t* offsets;
  const uint8_t* shuffles;
  const uint32_t* taps;
  ptrdiff_t pair_bytes;  // from one pair of taps to the next, in the row
  int pairs;
};

template <RowForm kForm>
constexpr int kWordsOfPair = kForm == RowForm::kBytes ? 2 : 1;

template <RowForm kForm, class V8, class V32>
HWY_INLINE void add_pair(const uint8_t* const* rows, ptrdiff_t offset, V8 shuffle, const uint32_t* taps,
                         V32& high, V32& low) {
  const auto bytes = load_blocks(Bytes(), rows, offset);
  const auto words = hn::BitCast(Words(), hn::TableLookupBytesOr0(bytes, shuffle));
  high = add_products(words, taps, high);
  if constexpr (kForm == RowForm::kBytes) low = add_products(words, taps + 4, low);
}

// The sums of one group, for kRowsAtOnce rows. kPairs 0: any number.
template <RowForm kForm, int kPairs>
HWY_INLINE hn::VFromD<Sums> group_sums(const Groups& groups, ptrdiff_t group, const uint8_t* const* rows) {
  constexpr int kWords = kWordsOfPair<kForm>;
  const int pairs = kPairs != 0 ? kPairs : groups.pairs;
  const auto shuffle = hn::LoadDup128(Bytes(), groups.shuffles + group * 16);
  const uint32_t* taps = groups.taps + group * pairs * kWords * 4;
  ptrdiff_t offset = groups.offsets[group];
  auto high = hn::Zero(Sums());
  auto low = hn::Set(Sums(), kHalf);
  if constexpr (kPairs == 0) {
    for (int pair = 0; pair < pairs; ++pair, taps += kWords * 4, offset += groups.pair_bytes) {
      add_pair<kForm>(rows, offset, shuffle, taps, high, low);
    }
  } else {
    add_pair<kForm>(rows, offset, shuffle, taps, high, low);
    if constexpr (kPairs > 1) {
      add_pair<kForm>(rows, offset + groups.pair_bytes, shuffle, taps + kWords * 4, high, low);
    }
    if constexpr (kPairs > 2) {
      add_pair<kForm>(rows, offset + 2 * groups.pair_bytes, shuffle, taps + 2 * kWords * 4, high, low);
    }
    static_assert(kPairs <= 3);
  }
  if constexpr (kForm == RowForm::kBytes) {
    return joined(high, low);
  } else if constexpr (kForm == RowForm::kWords) {
    return hn::ShiftRight<4>(high);
  } else {
    return high;
  }
}

// 16 samples of each row, those of four groups.
template <RowForm kForm, int kPairs>
HWY_INLINE void four_groups(const Groups& groups, ptrdiff_t group, const uint8_t* const* rows,
                            uint8_t* const* outs, ptrdiff_t offset) {
  const uint8_t* const* const rows1 = rows + kBlocks;
  uint8_t* const* const outs1 = outs + kBlocks;
  const auto a0 = group_sums<kForm, kPairs>(groups, group, rows);
  const auto a1 = group_sums<kForm, kPairs>(groups, group, rows1);
  const auto b0 = group_sums<kForm, kPairs>(groups, group + 1, rows);
  const auto b1 = group_sums<kForm, kPairs>(groups, group + 1, rows1);
  if constexpr (kForm == RowForm::kSums) {
    store_blocks(Bytes(), hn::BitCast(Bytes(), a0), outs, offset);
    store_blocks(Bytes(), hn::BitCast(Bytes(), a1), outs1, offset);
    store_blocks(Bytes(), hn::BitCast(Bytes(), b0), outs, offset + 16);
    store_blocks(Bytes(), hn::BitCast(Bytes(), b1), outs1, offset + 16);
  }
  const auto ab0 = hn::ReorderDemote2To(Words(), a0, b0);
  const auto ab1 = hn::ReorderDemote2To(Words(), a1, b1);
  const auto c0 = group_sums<kForm, kPairs>(groups, group + 2, rows);
  const auto c1 = group_sums<kForm, kPairs>(groups, group + 2, rows1);
  const auto d0 = group_sums<kForm, kPairs>(groups, group + 3, rows);
  const auto d1 = group_sums<kForm, kPairs>(groups, group + 3, rows1);
  if constexpr (kForm == RowForm::kSums) {
    store_blocks(Bytes(), hn::BitCast(Bytes(), c0), outs, offset + 32);
    store_blocks(Bytes(), hn::BitCast(Bytes(), c1), outs1, offset + 32);
    store_blocks(Bytes(), hn::BitCast(Bytes(), d0), outs, offset + 48);
    store_blocks(Bytes(), hn::BitCast(Bytes(), d1), outs1, offset + 48);
  }
  const auto cd0 = hn::ReorderDemote2To(Words(), c0, d0);
  const auto cd1 = hn::ReorderDemote2To(Words(), c1, d1);
  if constexpr (kForm == RowForm::kWords) {
    store_blocks(Bytes(), hn::BitCast(Bytes(), ab0), outs, offset);
    store_blocks(Bytes(), hn::BitCast(Bytes(), ab1), outs1, offset);
    store_blocks(Bytes(), hn::BitCast(Bytes(), cd0), outs, offset + 16);
    store_blocks(Bytes(), hn::BitCast(Bytes(), cd1), outs1, offset + 16);
  }
  if constexpr (kForm == RowForm::kBytes) {
    store_blocks(Bytes(), pack_blocks(Bytes(), ab0, cd0), outs, offset);
    store_blocks(Bytes(), pack_blocks(Bytes(), ab1, cd1), outs1, offset);
  }
}

// Groups [begin, end), all of four samples.
template <RowForm kForm, int kPairs>
HWY_NOINLINE void full_groups(Groups groups, int begin, int end, const uint8_t* const* rows,
                              void* const* outs) {
  const uint8_t* from[kRowsAtOnce];
  uint8_t* to[kRowsAtOnce];
  for (size_t row = 0; row < kRowsAtOnce; ++row) {
    from[row] = rows[row];
    to[row] = static_cast<uint8_t*>(outs[row]);
  }
  for (ptrdiff_t group = begin; group < end; group += 4) {
    four_groups<kForm, kPairs>(groups, group, from, to, group * 4 * static_cast<ptrdiff_t>(bytes_of(kForm)));
  }
}

void read_tails(const RowTable& table, const uint8_t* const* rows, uint8_t* tails) {
  for (size_t row = 0; row < kRowsAtOnce; ++row, tails += table.tail_stride) {
    std::memcpy(tails, rows[row] + table.tail_start, static_cast<size_t>(table.tail_bytes));
    std::memset(tails + table.tail_bytes, 0, static_cast<size_t>(table.tail_stride - table.tail_bytes));
  }
}

template <RowForm kForm, int kPairs>
void grouped_rows(const RowTable& table, const uint8_t* const* rows, void* const* outs, uint8_t* tails) {
  constexpr ptrdiff_t kSampleBytes = bytes_of(kForm);
  const Groups groups{table.offsets, table.shuffles, table.taps, 2 * table.channels, table.axis->pairs};
  // Where groups are full, four of them are 16 samples in a row; the last four may be fewer.
  const bool full = table.group_samples == 4;
  const int last = table.groups - 4;
  if (table.tail_group < table.groups) read_tails(table, rows, tails);
  const uint8_t* tail_rows[kRowsAtOnce];
  for (size_t row = 0; row < kRowsAtOnce; ++row)
    tail_rows[row] = tails + static_cast<ptrdiff_t>(row) * table.tail_stride;
  int group = 0;
  if (full) {
    const int end = std::min(table.tail_group, last);
    full_groups<kForm, kPairs>(groups, 0, end, rows, outs);
    full_groups<kForm, kPairs>(groups, end, last, tail_rows, outs);
    group = last;
  }
  alignas(64) uint8_t parts[kRowsAtOnce][16 * kSampleBytes];
  uint8_t* part_outs[kRowsAtOnce];
  for (size_t row = 0; row < kRowsAtOnce; ++row) part_outs[row] = parts[row];
  for (; group < table.groups; group += 4) {
    four_groups<kForm, kPairs>(groups, group, group < table.tail_group ? rows : tail_rows, part_outs, 0);
    const int sample = group * table.group_samples;
    if (full) {
      const size_t bytes = static_cast<size_t>((table.samples - sample) * kSampleBytes);
      for (size_t row = 0; row < kRowsAtOnce; ++row) {
        std::memcpy(static_cast<uint8_t*>(outs[row]) + sample * kSampleBytes, parts[row], bytes);
      }
      continue;
    }
    for (int i = 0; i < 4; ++i) {
      const int first = sample + i * table.group_samples;
      // The next group overwrites what is too much, where there is one.
      const bool whole = first + 4 <= table.samples;
      const int used = std::clamp(table.samples - first, 0, table.group_samples);
      for (size_t row = 0; row < kRowsAtOnce; ++row) {
        uint8_t* const to = static_cast<uint8_t*>(outs[row]) + first * kSampleBytes;
        const uint8_t* const part = parts[row] + i * 4 * kSampleBytes;
        if (whole) {
          std::memcpy(to, part, 4 * kSampleBytes);
        } else {
          std::memcpy(to, part, static_cast<size_t>(used * kSampleBytes));
        }
      }
    }
  }
}

template <RowForm kForm>
void form_rows(const RowTable& table, const uint8_t* const* rows, void* const* outs, uint8_t* tails) {
  if (table.group_samples == 0) {
    for (size_t i = 0; i < kRowsAtOnce; ++i) plain_row<kForm>(table, rows[i], outs[i]);
    return;
  }
  switch (table.group_samples == 4 ? table.axis->pairs : 0) {
    case 1:
      return grouped_rows<kForm, 1>(table, rows, outs, tails);
    case 2:
      return grouped_rows<kForm, 2>(table, rows, outs, tails);
    case 3:
      return grouped_rows<kForm, 3>(table, rows, outs, tails);
    default:
      return grouped_rows<kForm, 0>(table, rows, outs, tails);
  }
}

// Runs `vector(i)` over [0, count) in steps of `step`, the last step moved back so that it ends at `count`,
// or `sample(i)` where there are fewer than `step`.
template <class Vector, class Sample>
HWY_INLINE void for_each_step(size_t count, size_t step, Vector vector, Sample sample) {
  if (count < step) {
    for (size_t i = 0; i < count; ++i) sample(i);
    return;
  }
  size_t i = 0;
  for (; i + step <= count; i += step) vector(i);
  if (i != count) vector(count - step);
}

// A pass across rows walks along them.
using WideBytes = hn::CappedTag<uint8_t, 64>;
using WideWords = hn::Repartition<int16_t, WideBytes>;
using WideSums = hn::Repartition<int32_t, WideBytes>;
constexpr size_t kWideBytes = hn::MaxLanes(WideBytes());

// The four quarters of a vector of byte pairs, each widened and weighted.
template <int kPairs>
void blend_pairs(const uint8_t* const* rows, const uint32_t* taps, int given_pairs, size_t count,
                 uint8_t* out) {
  const WideBytes d8;
  const WideWords d16;
  const WideSums d32;
  const hn::Repartition<uint32_t, WideBytes> du32;
  const int pairs = kPairs != 0 ? kPairs : given_pairs;
  const auto zero = hn::Zero(d8);
  for_each_step(
      count, kWideBytes,
      [&](size_t i) HWY_ATTR {
        auto high0 = hn::Zero(d32), high1 = high0, high2 = high0, high3 = high0;
        auto low0 = hn::Set(d32, kHalf), low1 = low0, low2 = low0, low3 = low0;
        for (int pair = 0; pair < pairs; ++pair) {
          const auto a = hn::LoadU(d8, rows[2 * pair] + i);
          const auto b = hn::LoadU(d8, rows[2 * pair + 1] + i);
          const auto lower = hn::InterleaveLower(d8, a, b);
          const auto upper = hn::InterleaveUpper(d8, a, b);
          const auto words0 = hn::BitCast(d16, hn::InterleaveLower(d8, lower, zero));
          const auto words1 = hn::BitCast(d16, hn::InterleaveUpper(d8, lower, zero));
          const auto words2 = hn::BitCast(d16, hn::InterleaveLower(d8, upper, zero));
          const auto words3 = hn::BitCast(d16, hn::InterleaveUpper(d8, upper, zero));
          const auto high = hn::BitCast(d16, hn::Set(du32, taps[2 * pair]));
          const auto low = hn::BitCast(d16, hn::Set(du32, taps[2 * pair + 1]));
          high0 = add_pairs(words0, high, high0);
          high1 = add_pairs(words1, high, high1);
          high2 = add_pairs(words2, high, high2);
          high3 = add_pairs(words3, high, high3);
          low0 = add_pairs(words0, low, low0);
          low1 = add_pairs(words1, low, low1);
          low2 = add_pairs(words2, low, low2);
          low3 = add_pairs(words3, low, low3);
        }
        const auto words01 = hn::ReorderDemote2To(d16, joined(high0, low0), joined(high1, low1));
        const auto words23 = hn::ReorderDemote2To(d16, joined(high2, low2), joined(high3, low3));
        hn::StoreU(pack_blocks(d8, words01, words23), d8, out + i);
      },
      [&](size_t i) { out[i] = bytes_sample(rows, taps, pairs, i); });
}

void blend_bytes_here(const uint8_t* const* rows, const uint32_t* taps, int pairs, size_t count,
                      uint8_t* out) {
  switch (pairs) {
    case 1:
      return blend_pairs<1>(rows, taps, pairs, count, out);
    case 2:
      return blend_pairs<2>(rows, taps, pairs, count, out);
    default:
      return blend_pairs<0>(rows, taps, pairs, count, out);
  }
}

void blend_words_here(const int16_t* row0, const int16_t* row1, int weight0, int weight1, size_t count,
                      uint8_t* out) {
  const WideWords d;
  const hn::Rebind<uint8_t, WideWords> d8;
  const auto w0 = hn::Set(d, static_cast<int16_t>(weight0));
  const auto w1 = hn::Set(d, static_cast<int16_t>(weight1));
  const auto two = hn::Set(d, int16_t{2});
  for_each_step(
      count, kWideBytes / 2,
      [&](size_t i) HWY_ATTR {
        const auto first = hn::MulHigh(hn::LoadU(d, row0 + i), w0);
        const auto second = hn::MulHigh(hn::LoadU(d, row1 + i), w1);
        const auto sum = hn::ShiftRight<2>(hn::Add(hn::Add(first, second), two));
        hn::StoreU(hn::DemoteTo(d8, sum), d8, out + i);
      },
      [&](size_t i) { out[i] = words_sample(row0[i], row1[i], weight0, weight1); });
}

#endif  // HWY_TARGET == HWY_SCALAR

void resample_rows_here(RowForm form, const RowTable& table, const uint8_t* const* rows, void* const* outs,
                        uint8_t* tails) {
  switch (form) {
    case RowForm::kBytes:
      return form_rows<RowForm::kBytes>(table, rows, outs, tails);
    case RowForm::kWords:
      return form_rows<RowForm::kWords>(table, rows, outs, tails);
    case RowForm::kSums:
      return form_rows<RowForm::kSums>(table, rows, outs, tails);
  }
}

int rows_at_once_here() { return static_cast<int>(kRowsAtOnce); }

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE  // what follows is compiled once
namespace stoker {

HWY_EXPORT(rows_at_once_here);
HWY_EXPORT(resample_rows_here);
HWY_EXPORT(blend_bytes_here);
HWY_EXPORT(blend_words_here);

int rows_at_once() { return HWY_DYNAMIC_DISPATCH(rows_at_once_here)(); }

size_t row_tails_bytes(const RowTable& table) {
  return static_cast<size_t>(table.tail_stride) * static_cast<size_t>(rows_at_once());
}

void resample_rows(RowForm form, const RowTable& table, const uint8_t* const* rows, void* const* outs,
                   uint8_t* tails) {
  HWY_DYNAMIC_DISPATCH(resample_rows_here)(form, table, rows, outs, tails);
}

void blend_bytes(const uint8_t* const* rows, const uint32_t* taps, int pairs, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_bytes_here)(rows, taps, pairs, count, out);
}

void blend_words(const int16_t* row0, const int16_t* row1, int weight0, int weight1, size_t count,
                 uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_words_here)(row0, row1, weight0, weight1, count, out);
}

}  // namespace stoker
#endif
