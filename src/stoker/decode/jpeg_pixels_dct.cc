#include "stoker/decode/jpeg_pixels_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/decode/jpeg_pixels_dct.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

// Note [islow]
// The accurate integer transform of the Independent JPEG Group: after Loeffler, Ligtenberg and Moschytz
// (1989), 12 multiplications with 13-bit constants, columns first, whose results keep two more bits. Every
// sum of products is rounded once and exactly defined, so that a result cannot depend on the order. Beyond
// what an 8-bit image makes, the widths of libjpeg-turbo's vector code decide: 16-bit products and sums that
// wrap, 32-bit sums, and saturation on the way back to 16 bits.
//
// A vector holds one or two blocks side by side, one in each of its 128-bit parts.

// Note [256 bits]
// Kernels between spans of Huffman decoding use vectors of at most 256 bits. With 512 the core lowered its
// clock, and the Huffman decoding beside them, which has no vectors at all, took 10 % longer (Sapphire
// Rapids; the kernels themselves gained nothing).

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kFraction = 13;
constexpr int kPass1 = 2;
// Products in the first row above this saturate in one of the library's paths and wrap in another.
constexpr int kMostFirstRow = 8191;

constexpr int kF0298 = 2446;
constexpr int kF0390 = 3196;
constexpr int kF0541 = 4433;
constexpr int kF0765 = 6270;
constexpr int kF0899 = 7373;
constexpr int kF1175 = 9633;
constexpr int kF1501 = 12299;
constexpr int kF1847 = 15137;
constexpr int kF1961 = 16069;
constexpr int kF2053 = 16819;
constexpr int kF2562 = 20995;
constexpr int kF3072 = 25172;

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // whose vectors cannot be held in arrays

// What wraps and saturates here does so in a vector of 16-bit lanes.
int16_t wrapped(int64_t value) { return static_cast<int16_t>(static_cast<uint16_t>(value)); }

int16_t rounded(int64_t value, int shift) {
  const int rest = static_cast<int32_t>(static_cast<uint32_t>(value + (1 << (shift - 1)))) >> shift;
  return static_cast<int16_t>(rest < -32768 ? -32768 : rest > 32767 ? 32767 : rest);
}

// Eight values `step` apart.
void pass(int16_t* r, int step, int shift) {
  const auto in = [&](int i) { return int64_t{r[i * step]}; };
  const int64_t t3 = in(2) * (kF0541 + kF0765) + in(6) * kF0541;
  const int64_t t2 = in(2) * kF0541 + in(6) * (kF0541 - kF1847);
  const int64_t sum04 = wrapped(in(0) + in(4)) * (1 << kFraction);
  const int64_t difference04 = wrapped(in(0) - in(4)) * (1 << kFraction);
  const int64_t even[4] = {sum04 + t3, difference04 + t2, difference04 - t2, sum04 - t3};
  const int64_t z3_in = wrapped(in(7) + in(3));
  const int64_t z4_in = wrapped(in(5) + in(1));
  const int64_t z3 = z3_in * (kF1175 - kF1961) + z4_in * kF1175;
  const int64_t z4 = z3_in * kF1175 + z4_in * (kF1175 - kF0390);
  const int64_t odd[4] = {
      in(7) * -kF0899 + in(1) * (kF1501 - kF0899) + z4, in(5) * -kF2562 + in(3) * (kF3072 - kF2562) + z3,
      in(5) * (kF2053 - kF2562) + in(3) * -kF2562 + z4, in(7) * (kF0298 - kF0899) + in(1) * -kF0899 + z3};
  for (int i = 0; i < 4; ++i) {
    r[i * step] = rounded(even[i] + odd[i], shift);
    r[(7 - i) * step] = rounded(even[i] - odd[i], shift);
  }
}

bool inverse_dct(const JpegBlockRow& row) {
  int most = 0;
  uint8_t* out = row.out;
  for (int i = row.first; i < row.first + row.count; ++i, out += 8) {
    const int number = (i >> row.h_shift) * row.mcu_blocks + (i & row.h_shift);
    const int16_t* const block = row.blocks + static_cast<size_t>(number) * 64;
    int16_t values[64];
    for (int j = 0; j < 64; ++j) values[j] = wrapped(block[j] * row.quantization[j]);
    for (int j = 0; j < 8; ++j) most = HWY_MAX(most, values[j] < 0 ? -values[j] : values[j]);
    for (int j = 0; j < 8; ++j) pass(values + j, 8, kFraction - kPass1);
    for (int j = 0; j < 8; ++j) pass(values + j * 8, 1, kFraction + kPass1 + 3);
    for (int j = 0; j < 64; ++j) {
      const int value = values[j] + 128;
      out[j / 8 * row.out_row_bytes + j % 8] = static_cast<uint8_t>(HWY_MIN(HWY_MAX(value, 0), 255));
    }
  }
  return most <= kMostFirstRow;
}

#else

template <class D16>
using Vec = hn::Vec<D16>;

// even[i] * a + odd[i] * b + sum of neighbouring lanes.
template <int kA, int kB, class D16, class V16, class V32>
HWY_INLINE V32 multiply_pairs(D16 d16, V16 pairs, V32 sum) {
  const hn::RepartitionToWide<D16> d32;
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  const auto factors = hn::BitCast(
      d16, hn::Set(d32, static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(kB)) << 16 |
                                             static_cast<uint16_t>(kA))));
  V32 unused = hn::Zero(d32);
  return hn::ReorderWidenMulAccumulate(d32, pairs, factors, sum, unused);
#else
  // Elsewhere that operation pairs other lanes.
  const auto wide = hn::BitCast(d32, pairs);
  const auto even = hn::ShiftRight<16>(hn::ShiftLeft<16>(wide));
  const auto odd = hn::ShiftRight<16>(wide);
  return hn::Add(sum, hn::Add(hn::Mul(even, hn::Set(d32, kA)), hn::Mul(odd, hn::Set(d32, kB))));
#endif
}

// One half (lower or upper lanes) of a pass; what is kept in 32 bits until it is rounded.
template <class V32>
struct Sums {
  V32 even[4];
  V32 odd[4];
};

// `rounding` is part of each of the even sums.
template <bool kLow, class D16, class V16, class V32>
HWY_INLINE Sums<V32> sums_of(D16 d16, V16 in26, V16 in0p4, V16 in0m4, V16 in73_in51, V16 in71, V16 in53,
                             V32 rounding) {
  const hn::RepartitionToWide<D16> d32;
  const auto zero = hn::Zero(d32);
  Sums<V32> sums;
  // A 16-bit value above 16 zero bits, shifted down to 13 of them.
  const V32 sum04 = hn::Add(hn::ShiftRight<16 - kFraction>(hn::BitCast(d32, in0p4)), rounding);
  const V32 difference04 =
      kLow ? sum04 : hn::Add(hn::ShiftRight<16 - kFraction>(hn::BitCast(d32, in0m4)), rounding);
  const V32 t3 = multiply_pairs<kF0541 + kF0765, kF0541>(d16, in26, zero);
  const V32 t2 = multiply_pairs<kF0541, kF0541 - kF1847>(d16, in26, zero);
  sums.even[0] = hn::Add(sum04, t3);
  sums.even[3] = hn::Sub(sum04, t3);
  sums.even[1] = hn::Add(difference04, t2);
  sums.even[2] = hn::Sub(difference04, t2);

  const V32 z3 = multiply_pairs<kF1175 - kF1961, kF1175>(d16, in73_in51, zero);
  const V32 z4 = multiply_pairs<kF1175, kF1175 - kF0390>(d16, in73_in51, zero);
  sums.odd[3] = multiply_pairs<kF0298 - kF0899, -kF0899>(d16, in71, z3);
  sums.odd[0] = multiply_pairs<-kF0899, kF1501 - kF0899>(d16, in71, z4);
  sums.odd[2] = multiply_pairs<kF2053 - kF2562, -kF2562>(d16, in53, z4);
  sums.odd[1] = multiply_pairs<-kF2562, kF3072 - kF2562>(d16, in53, z3);
  return sums;
}

// One pass. kRows: rows 4 to 7 are zero; kColumns: so are lanes 4 to 7 of each block, and the results in
// them are not made. kCenter is added to each result.
template <int kShift, int kCenter, bool kRows, bool kColumns, class D16, class V16>
HWY_INLINE void pass(D16 d16, V16 (&r)[8]) {
  const hn::RepartitionToWide<D16> d32;
  const auto zero = hn::Zero(d16);
  const V16 in4 = kRows ? zero : r[4];
  const V16 in5 = kRows ? zero : r[5];
  const V16 in6 = kRows ? zero : r[6];
  const V16 in7 = kRows ? zero : r[7];
  const V16 sum04 = kRows ? r[0] : hn::Add(r[0], in4);
  const V16 difference04 = kRows ? r[0] : hn::Sub(r[0], in4);
  const V16 z3 = kRows ? r[3] : hn::Add(in7, r[3]);
  const V16 z4 = kRows ? r[1] : hn::Add(in5, r[1]);
  const auto rounding = hn::Set(d32, (1 << (kShift - 1)) + (kCenter << kShift));
  const auto lower =
      sums_of<kRows>(d16, hn::InterleaveLower(d16, r[2], in6), hn::InterleaveLower(d16, zero, sum04),
                     hn::InterleaveLower(d16, zero, difference04), hn::InterleaveLower(d16, z3, z4),
                     hn::InterleaveLower(d16, in7, r[1]), hn::InterleaveLower(d16, in5, r[3]), rounding);
  if constexpr (kColumns) {
    const auto unused = hn::Zero(d32);
    for (int i = 0; i < 4; ++i) {
      const auto sum = hn::ShiftRight<kShift>(hn::Add(lower.even[i], lower.odd[i]));
      const auto difference = hn::ShiftRight<kShift>(hn::Sub(lower.even[i], lower.odd[i]));
      r[i] = hn::ReorderDemote2To(d16, sum, unused);
      r[7 - i] = hn::ReorderDemote2To(d16, difference, unused);
    }
    return;
  }
  const auto upper =
      sums_of<kRows>(d16, hn::InterleaveUpper(d16, r[2], in6), hn::InterleaveUpper(d16, zero, sum04),
                     hn::InterleaveUpper(d16, zero, difference04), hn::InterleaveUpper(d16, z3, z4),
                     hn::InterleaveUpper(d16, in7, r[1]), hn::InterleaveUpper(d16, in5, r[3]), rounding);
  for (int i = 0; i < 4; ++i) {
    r[i] = hn::ReorderDemote2To(d16, hn::ShiftRight<kShift>(hn::Add(lower.even[i], lower.odd[i])),
                                hn::ShiftRight<kShift>(hn::Add(upper.even[i], upper.odd[i])));
    r[7 - i] = hn::ReorderDemote2To(d16, hn::ShiftRight<kShift>(hn::Sub(lower.even[i], lower.odd[i])),
                                    hn::ShiftRight<kShift>(hn::Sub(upper.even[i], upper.odd[i])));
  }
}

// Transposes each block; kLow: only the first four columns become rows, the others are not touched.
template <bool kLow, class D16, class V16>
HWY_INLINE void transpose(D16 d16, V16 (&r)[8]) {
  const hn::Repartition<int32_t, D16> d32;
  const hn::Repartition<int64_t, D16> d64;
  const auto quad = [&](V16 a, V16 b, V16 c, V16 d, auto& low, auto& high) {
    const auto ab = hn::BitCast(d32, hn::InterleaveLower(d16, a, b));
    const auto cd = hn::BitCast(d32, hn::InterleaveLower(d16, c, d));
    low[0] = hn::BitCast(d64, hn::InterleaveLower(d32, ab, cd));
    low[1] = hn::BitCast(d64, hn::InterleaveUpper(d32, ab, cd));
    if constexpr (!kLow) {
      const auto ab2 = hn::BitCast(d32, hn::InterleaveUpper(d16, a, b));
      const auto cd2 = hn::BitCast(d32, hn::InterleaveUpper(d16, c, d));
      high[0] = hn::BitCast(d64, hn::InterleaveLower(d32, ab2, cd2));
      high[1] = hn::BitCast(d64, hn::InterleaveUpper(d32, ab2, cd2));
    }
  };
  hn::Vec<decltype(d64)> top[2], top_high[2], bottom[2], bottom_high[2];
  quad(r[0], r[1], r[2], r[3], top, top_high);
  quad(r[4], r[5], r[6], r[7], bottom, bottom_high);
  for (int i = 0; i < 2; ++i) {
    r[2 * i] = hn::BitCast(d16, hn::InterleaveLower(d64, top[i], bottom[i]));
    r[2 * i + 1] = hn::BitCast(d16, hn::InterleaveUpper(d64, top[i], bottom[i]));
    if constexpr (!kLow) {
      r[4 + 2 * i] = hn::BitCast(d16, hn::InterleaveLower(d64, top_high[i], bottom_high[i]));
      r[5 + 2 * i] = hn::BitCast(d16, hn::InterleaveUpper(d64, top_high[i], bottom_high[i]));
    }
  }
}

// The same eight values from each of the blocks that a vector holds.
template <class D16>
HWY_INLINE Vec<D16> gather_rows(D16 d16, const int16_t* const* blocks, int row) {
  const int at = row * 8;
  if constexpr (hn::MaxLanes(D16()) == 8) {
    return hn::LoadU(d16, blocks[0] + at);
  } else {
    const hn::Half<D16> half;
    return hn::Combine(d16, gather_rows(half, blocks + hn::MaxLanes(D16()) / 16, row),
                       gather_rows(half, blocks, row));
  }
}

template <class D16>
HWY_INLINE Vec<D16> repeat_row(D16 d16, const uint16_t* values) {
  if constexpr (hn::MaxLanes(D16()) == 8) {
    return hn::LoadU(d16, reinterpret_cast<const int16_t*>(values));
  } else {
    return hn::LoadDup128(d16, reinterpret_cast<const int16_t*>(values));
  }
}

// Stores each block, whose columns are in r, as rows of bytes.
template <class D16>
HWY_INLINE void store_columns(D16 d16, const Vec<D16> (&r)[8], uint8_t* out, ptrdiff_t out_row_bytes) {
  const hn::Repartition<uint32_t, D16> d32;
  const hn::Repartition<uint8_t, D16> d8;
  const hn::Half<decltype(d8)> half;
  const auto zero = hn::Zero(d16);
  const auto most = hn::Set(d16, 255);
  // Columns 2i and 2i + 1 as bytes in turn, which is the first step of the transposition.
  Vec<D16> pairs[4];
  for (int i = 0; i < 4; ++i) {
    const auto even = hn::Min(hn::Max(r[2 * i], zero), most);
    const auto odd = hn::Min(hn::Max(r[2 * i + 1], zero), most);
    pairs[i] = hn::Or(even, hn::ShiftLeft<8>(odd));
  }
  const auto words = [&](auto interleaved) HWY_ATTR { return hn::BitCast(d32, interleaved); };
  const hn::Vec<decltype(d32)> lefts[2] = {words(hn::InterleaveLower(d16, pairs[0], pairs[1])),
                                           words(hn::InterleaveUpper(d16, pairs[0], pairs[1]))};
  const hn::Vec<decltype(d32)> rights[2] = {words(hn::InterleaveLower(d16, pairs[2], pairs[3])),
                                            words(hn::InterleaveUpper(d16, pairs[2], pairs[3]))};
  // Two rows of each block, made two rows of all blocks.
  const auto store_two = [&](auto rows) HWY_ATTR {
    if constexpr (hn::MaxLanes(D16()) == 16) {
      alignas(32) static constexpr int32_t kOrder[8] = {0, 1, 4, 5, 2, 3, 6, 7};
      rows = hn::TableLookupLanes(rows, hn::SetTableIndices(d32, kOrder));
    }
    const auto bytes = hn::BitCast(d8, rows);
    hn::StoreU(hn::LowerHalf(half, bytes), half, out);
    hn::StoreU(hn::UpperHalf(half, bytes), half, out + out_row_bytes);
    out += 2 * out_row_bytes;
  };
  for (int i = 0; i < 2; ++i) {
    store_two(hn::InterleaveLower(d32, lefts[i], rights[i]));
    store_two(hn::InterleaveUpper(d32, lefts[i], rights[i]));
  }
}

template <bool kLow, class D16>
HWY_INLINE void transform(D16 d16, const int16_t* const* blocks, const uint16_t* quantization, Vec<D16>* most,
                          uint8_t* out, ptrdiff_t out_row_bytes) {
  Vec<D16> r[8];
  for (int row = 0; row < (kLow ? 4 : 8); ++row) {
    r[row] = hn::Mul(gather_rows(d16, blocks, row), repeat_row(d16, quantization + row * 8));
  }
  *most = hn::Max(*most, hn::Max(r[0], hn::SaturatedSub(hn::Zero(d16), r[0])));
  pass<kFraction - kPass1, 0, kLow, kLow>(d16, r);
  transpose<kLow>(d16, r);
  pass<kFraction + kPass1 + 3, 128, kLow, false>(d16, r);
  store_columns(d16, r, out, out_row_bytes);
}

// DC alone: the two passes come down to one rounded shift.
HWY_INLINE void fill(int dc, uint8_t* out, ptrdiff_t out_row_bytes) {
  const int value = ((dc + (1 << kPass1)) >> (kPass1 + 1)) + 128;
  const uint64_t eight = 0x0101010101010101u * static_cast<uint64_t>(value < 0     ? 0
                                                                     : value > 255 ? 255
                                                                                   : value);
  for (int row = 0; row < 8; ++row) hwy::CopyBytes<8>(&eight, out + row * out_row_bytes);
}

bool inverse_dct(const JpegBlockRow& row) {
  constexpr size_t kMostBlocks = 2;
  const hn::CappedTag<int16_t, kMostBlocks * 8> wide;
  const hn::CappedTag<int16_t, 8> narrow;
  const int group = static_cast<int>(hn::Lanes(wide) / 8);
  auto most_wide = hn::Zero(wide);
  auto most_narrow = hn::Zero(narrow);
  int most_dc = 0;
  constexpr int kLowPosition = 9;  // up to it all coefficients are in the first four rows and columns

  const auto number_of = [&](int i) { return (i >> row.h_shift) * row.mcu_blocks + (i & row.h_shift); };
  const auto block_of = [&](int number) { return row.blocks + static_cast<size_t>(number) * 64; };
  const auto one = [&](int i, uint8_t* out) {
    const int number = number_of(i);
    const int16_t* const block = block_of(number);
    const int last = row.last[number];
    if (last == 0) {
      const int dc = static_cast<int16_t>(block[0] * row.quantization[0]);
      most_dc = HWY_MAX(most_dc, dc < 0 ? -dc : dc);
      fill(dc, out, row.out_row_bytes);
    } else if (last <= kLowPosition) {
      transform<true>(narrow, &block, row.quantization, &most_narrow, out, row.out_row_bytes);
    } else {
      transform<false>(narrow, &block, row.quantization, &most_narrow, out, row.out_row_bytes);
    }
  };

  uint8_t* out = row.out;
  const int end = row.first + row.count;
  int i = row.first;
  for (; group > 1 && i + group <= end; i += group, out += group * 8) {
    const int16_t* blocks[kMostBlocks];
    int last = 0;
    for (int j = 0; j < group; ++j) {
      const int number = number_of(i + j);
      blocks[j] = block_of(number);
      last = HWY_MAX(last, static_cast<int>(row.last[number]));
    }
    if (last == 0) {
      for (int j = 0; j < group; ++j) one(i + j, out + j * 8);
    } else if (last <= kLowPosition) {
      transform<true>(wide, blocks, row.quantization, &most_wide, out, row.out_row_bytes);
    } else {
      transform<false>(wide, blocks, row.quantization, &most_wide, out, row.out_row_bytes);
    }
  }
  for (; i < end; ++i, out += 8) one(i, out);

  const auto is_small = [](auto d, auto most) {
    return hn::AllFalse(d, hn::Gt(most, hn::Set(d, int16_t{kMostFirstRow})));
  };
  return most_dc <= kMostFirstRow && is_small(wide, most_wide) && is_small(narrow, most_narrow);
}
#endif  // HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(inverse_dct);
}  // namespace

bool inverse_dct(const JpegBlockRow& row) { return HWY_DYNAMIC_DISPATCH(inverse_dct)(row); }

}  // namespace stoker
#endif  // HWY_ONCE
