#include "stoker/transform/warp_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "stoker/transform/warp_taps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/warp_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Ints = hn::ScalableTag<int32_t>;

void add_steps(const int32_t* x_steps, const int32_t* y_steps, int32_t x_start, int32_t y_start, int shift,
               size_t count, const Coordinates& out) {
  const Ints di;
  const auto x0 = hn::Set(di, x_start);
  const auto y0 = hn::Set(di, y_start);
  for (size_t i = 0; i < count; i += hn::Lanes(di)) {
    hn::StoreU(hn::ShiftRightSame(hn::Add(hn::LoadU(di, x_steps + i), x0), shift), di, out.x + i);
    hn::StoreU(hn::ShiftRightSame(hn::Add(hn::LoadU(di, y_steps + i), y0), shift), di, out.y + i);
  }
}

void perspective(const PerspectiveBlock& block, size_t count, const Coordinates& out) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<int32_t, decltype(dd)> di;
  const auto low = hn::Set(dd, -2147483648.0);
  const auto high = hn::Set(dd, 2147483647.0);
  const auto zero = hn::Zero(dd);
  for (size_t i = 0; i < count; i += hn::Lanes(dd)) {
    const auto at = hn::Iota(dd, static_cast<double>(i));
    const auto w = hn::Add(hn::Set(dd, block.w), hn::Mul(hn::Set(dd, block.w_step), at));
    const auto is_zero = hn::Eq(w, zero);
    const auto inverse = hn::IfThenElse(is_zero, zero, hn::Div(hn::Set(dd, block.unit), w));
    const auto x = hn::Mul(hn::Add(hn::Set(dd, block.x), hn::Mul(hn::Set(dd, block.x_step), at)), inverse);
    const auto y = hn::Mul(hn::Add(hn::Set(dd, block.y), hn::Mul(hn::Set(dd, block.y_step), at)), inverse);
    hn::StoreU(hn::DemoteTo(di, hn::Round(hn::Min(hn::Max(x, low), high))), di, out.x + i);
    hn::StoreU(hn::DemoteTo(di, hn::Round(hn::Min(hn::Max(y, low), high))), di, out.y + i);
  }
}

void round_floats(const float* xs, const float* ys, float unit, size_t count, const Coordinates& out) {
  const hn::ScalableTag<float> df;
  const auto high = hn::Set(df, 2147483520.0F);
  const auto low = hn::Set(df, -2147483648.0F);
  const auto scale = hn::Set(df, unit);
  const auto rounded = [&](const float* values) {
    return hn::NearestInt(hn::Min(hn::Max(hn::Mul(hn::LoadU(df, values), scale), low), high));
  };
  for (size_t i = 0; i < count; i += hn::Lanes(df)) {
    hn::StoreU(rounded(xs + i), Ints(), out.x + i);
    hn::StoreU(rounded(ys + i), Ints(), out.y + i);
  }
}

// ---- samples ----

const uint8_t* tap(const WarpSource& source, int64_t x, int64_t y) {
  const int column = warp_border_index(x, source.image.width(), source.border);
  const int row = warp_border_index(y, source.image.height(), source.border);
  if (column < 0 || row < 0) return source.fill;
  return source.image.row<uint8_t>(row) + static_cast<ptrdiff_t>(column) * source.image.channels();
}

struct Taps {
  const uint8_t* upper_left;
  const uint8_t* upper_right;
  const uint8_t* lower_left;
  const uint8_t* lower_right;
};

Taps taps_at(const WarpSource& source, int64_t x, int64_t y) {
  const ConstImage& image = source.image;
  const int left = warp_border_index(x, image.width(), source.border);
  const int right = warp_border_index(x + 1, image.width(), source.border);
  const int upper = warp_border_index(y, image.height(), source.border);
  const int lower = warp_border_index(y + 1, image.height(), source.border);
  const auto at = [&](int column, int row) {
    if (column < 0 || row < 0) return source.fill;
    return image.row<uint8_t>(row) + static_cast<ptrdiff_t>(column) * image.channels();
  };
  return {at(left, upper), at(right, upper), at(left, lower), at(right, lower)};
}

[[maybe_unused]] void plain_row(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
  const int channels = source.image.channels();
  for (size_t i = 0; i < count; ++i) {
    const int32_t x = std::clamp(at.x[i] >> 5, source.lowest, source.highest);
    const int32_t y = std::clamp(at.y[i] >> 5, source.lowest, source.highest);
    const int fx = at.x[i] & 31;
    const int fy = at.y[i] & 31;
    const Taps taps = taps_at(source, x, y);
    for (int c = 0; c < channels; ++c) {
      const int upper = taps.upper_left[c] * (32 - fx) + taps.upper_right[c] * fx;
      const int lower = taps.lower_left[c] * (32 - fx) + taps.lower_right[c] * fx;
      *out++ = static_cast<uint8_t>((upper * (32 - fy) + lower * fy + 512) >> 10);
    }
  }
}

#if HWY_TARGET != HWY_SCALAR

// Note [bilinear samples in 16 bits]
// OpenCV adds four products with 15-bit weights and rounds; the weights are 32 times products of numbers
// of at most 32, so the sum is 32 * S and the result (S + 512) >> 10. Here h0 and h1 are the sums along
// the two rows, at most 8160, and S = 32 * h0 + (h1 - h0) * fy. As h0 + 16 is whole, the result is
// (h0 + 16 + (((h1 - h0) * fy) >> 5)) >> 5, and the inner shift is the high half of a 16-bit product.
template <class D, class V>
HWY_INLINE V across(D d16, V left, V right, V fx) {
  (void)d16;
  return hn::Add(hn::ShiftLeft<5>(left), hn::Mul(hn::Sub(right, left), fx));
}
template <class D, class V>
HWY_INLINE V down(D d16, V upper, V lower, V fy_high) {
  const auto difference = hn::Sub(lower, upper);
  const auto part = hn::MulHigh(hn::Add(difference, difference), fy_high);
  return hn::ShiftRight<5>(hn::Add(hn::Add(upper, hn::Set(d16, 16)), part));
}

// The cast of coordinates that all kernels share, for one group of lanes.
template <class D>
struct Group {
  hn::Vec<D> x, y, fx, fy;
};
template <class D>
HWY_INLINE Group<D> group_at(D di, const WarpSource& source, const Coordinates& at, size_t i) {
  const auto x = hn::LoadU(di, at.x + i);
  const auto y = hn::LoadU(di, at.y + i);
  const auto low = hn::Set(di, source.lowest);
  const auto high = hn::Set(di, source.highest);
  const auto mask = hn::Set(di, 31);
  return {hn::Min(hn::Max(hn::ShiftRight<5>(x), low), high),
          hn::Min(hn::Max(hn::ShiftRight<5>(y), low), high), hn::And(x, mask), hn::And(y, mask)};
}

// Whether all lanes may be read as whole words: `x_limit` and `y_limit` are the last places.
template <class D>
HWY_INLINE bool is_inside(D di, const Group<D>& group, int32_t x_limit, int32_t y_limit) {
  const auto least = hn::Min(group.x, group.y);
  const auto over = hn::Max(hn::Sub(group.x, hn::Set(di, x_limit)), hn::Sub(group.y, hn::Set(di, y_limit)));
  return hn::AllTrue(di, hn::And(hn::Gt(least, hn::Set(di, -1)), hn::Lt(over, hn::Set(di, 1))));
}

// Whether no lane touches the image.
template <class D>
HWY_INLINE bool is_outside(D di, const Group<D>& group, const WarpSource& source) {
  const auto before = hn::Lt(hn::Min(group.x, group.y), hn::Set(di, -1));
  const auto behind = hn::Or(hn::Gt(group.x, hn::Set(di, source.image.width() - 1)),
                             hn::Gt(group.y, hn::Set(di, source.image.height() - 1)));
  return hn::AllTrue(di, hn::Or(before, behind));
}

// One channel: a 32-bit lane a pixel. The kernel reads four bytes at each row's left tap.
void gray_row(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
  const Ints di;
  const hn::RebindToUnsigned<Ints> du;
  const hn::Repartition<int16_t, Ints> d16;
  const hn::Rebind<uint8_t, Ints> d8;
  const size_t lanes = hn::Lanes(di);
  const ConstImage& image = source.image;
  const auto row_bytes = static_cast<int32_t>(image.row_bytes);
  const bool is_small = image.row_bytes * image.height() < (int64_t{1} << 31);
  const int32_t x_limit = is_small ? image.width() - 4 : -1;
  const int32_t y_limit = image.height() - 2;
  const auto* base = static_cast<const uint8_t*>(image.data);
  const auto low_half = hn::Set(du, 0xFFFF);
  const auto even_bytes = hn::Set(du, 0x00FF00FF);
  HWY_ALIGN uint32_t words[HWY_MAX_BYTES / 4];
  HWY_ALIGN int32_t xs[HWY_MAX_BYTES / 4];
  HWY_ALIGN int32_t ys[HWY_MAX_BYTES / 4];
  HWY_ALIGN uint8_t bytes[HWY_MAX_BYTES / 4];
  for (size_t i = 0; i < count; i += lanes) {
    const size_t used = std::min(lanes, count - i);
    const auto group = group_at(di, source, at, i);
    hn::Vec<decltype(du)> taps;  // upper left, upper right, lower left, lower right
    if (is_inside(di, group, x_limit, y_limit)) {
      const auto offset = hn::Add(hn::Mul(group.y, hn::Set(di, row_bytes)), group.x);
      const auto upper = hn::GatherOffset(du, reinterpret_cast<const uint32_t*>(base), offset);
      const auto lower = hn::GatherOffset(du, reinterpret_cast<const uint32_t*>(base + row_bytes), offset);
      taps = hn::Or(hn::And(upper, low_half), hn::ShiftLeft<16>(lower));
    } else if (source.border == WarpBorder::kConstant && is_outside(di, group, source)) {
      std::memset(out + i, source.fill[0], used);
      continue;
    } else {
      hn::Store(group.x, di, xs);
      hn::Store(group.y, di, ys);
      for (size_t lane = 0; lane < lanes; ++lane) {
        const Taps found = taps_at(source, xs[lane], ys[lane]);
        words[lane] = *found.upper_left | (uint32_t{*found.upper_right} << 8) |
                      (uint32_t{*found.lower_left} << 16) | (uint32_t{*found.lower_right} << 24);
      }
      taps = hn::Load(du, words);
    }
    const auto left = hn::BitCast(d16, hn::And(taps, even_bytes));
    const auto right = hn::BitCast(d16, hn::And(hn::ShiftRight<8>(taps), even_bytes));
    const auto fx = hn::BitCast(d16, hn::Or(group.fx, hn::ShiftLeft<16>(group.fx)));
    const auto sums = across(d16, left, right, fx);
    const auto lower = hn::BitCast(d16, hn::ShiftRight<16>(hn::BitCast(du, sums)));
    const auto fy = hn::BitCast(d16, hn::ShiftLeft<10>(group.fy));
    const auto levels = hn::BitCast(di, down(d16, sums, lower, fy));
    const auto result = hn::DemoteTo(d8, hn::And(levels, hn::Set(di, 0xFF)));
    if (used == lanes) {
      hn::StoreU(result, d8, out + i);
    } else {
      hn::Store(result, d8, bytes);
      std::memcpy(out + i, bytes, used);
    }
  }
}

// Nearest samples of one channel.
void nearest_gray(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
  const Ints di;
  const hn::RebindToUnsigned<Ints> du;
  const hn::Rebind<uint8_t, Ints> d8;
  const size_t lanes = hn::Lanes(di);
  const ConstImage& image = source.image;
  const bool is_small = image.row_bytes * image.height() < (int64_t{1} << 31);
  const int32_t x_limit = is_small ? image.width() - 4 : -1;
  const int32_t y_limit = image.height() - 1;
  const auto row_bytes = hn::Set(di, static_cast<int32_t>(image.row_bytes));
  const auto low = hn::Set(di, source.lowest);
  const auto high = hn::Set(di, source.highest);
  HWY_ALIGN int32_t xs[HWY_MAX_BYTES / 4];
  HWY_ALIGN int32_t ys[HWY_MAX_BYTES / 4];
  for (size_t i = 0; i < count; i += lanes) {
    const size_t used = std::min(lanes, count - i);
    const auto x = hn::Min(hn::Max(hn::LoadU(di, at.x + i), low), high);
    const auto y = hn::Min(hn::Max(hn::LoadU(di, at.y + i), low), high);
    const Group<Ints> group = {x, y, x, y};
    if (used == lanes && is_inside(di, group, x_limit, y_limit)) {
      const auto offset = hn::Add(hn::Mul(y, row_bytes), x);
      const auto found = hn::GatherOffset(du, static_cast<const uint32_t*>(image.data), offset);
      hn::StoreU(hn::DemoteTo(d8, hn::BitCast(di, hn::And(found, hn::Set(du, 0xFF)))), d8, out + i);
      continue;
    }
    if (source.border == WarpBorder::kConstant && is_outside(di, group, source)) {
      std::memset(out + i, source.fill[0], used);
      continue;
    }
    hn::Store(x, di, xs);
    hn::Store(y, di, ys);
    for (size_t lane = 0; lane < used; ++lane) out[i + lane] = *tap(source, xs[lane], ys[lane]);
  }
}

// Two to four channels: a 64-bit lane a pixel, read as eight bytes at each row's left tap; four 16-bit
// parts, of which the last ones may mean nothing.
template <int kChannels>
HWY_INLINE void color_row(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
  const hn::ScalableTag<uint64_t> du64;
  const hn::RebindToSigned<decltype(du64)> di64;
  const hn::Rebind<int32_t, decltype(du64)> di;
  const hn::Repartition<int16_t, decltype(du64)> d16;
  const hn::Repartition<uint8_t, decltype(du64)> d8;
  const hn::Rebind<uint8_t, decltype(d16)> d8_half;
  const size_t lanes = hn::Lanes(du64);
  const ConstImage& image = source.image;
  const bool is_small = image.row_bytes * image.height() < (int64_t{1} << 31);
  const int32_t x_limit = is_small ? image.width() - (8 + kChannels - 1) / kChannels : -1;
  const int32_t y_limit = image.height() - 2;
  const auto* base = static_cast<const uint8_t*>(image.data);
  constexpr int k = kChannels;
  constexpr uint8_t z = 0x80;  // gives a zero
  alignas(16) static constexpr uint8_t kLeft[16] = {0, z, 1, z, 2, z, 3, z, 8, z, 9, z, 10, z, 11, z};
  alignas(16) static constexpr uint8_t kRight[16] = {k,     z, k + 1, z, k + 2,  z, k + 3,  z,
                                                     k + 8, z, k + 9, z, k + 10, z, k + 11, z};
  alignas(16) static constexpr uint8_t kSpread[16] = {0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9};
  const auto left_bytes = hn::LoadDup128(d8, kLeft);
  const auto right_bytes = hn::LoadDup128(d8, kRight);
  const auto spread = hn::LoadDup128(d8, kSpread);
  const auto row_bytes = static_cast<int32_t>(image.row_bytes);
  HWY_ALIGN uint64_t words[2][HWY_MAX_BYTES / 8] = {};
  HWY_ALIGN int32_t xs[HWY_MAX_BYTES / 4];
  HWY_ALIGN int32_t ys[HWY_MAX_BYTES / 4];
  HWY_ALIGN uint8_t bytes[HWY_MAX_BYTES];
  for (size_t i = 0; i < count; i += lanes) {
    const size_t used = std::min(lanes, count - i);
    const auto group = group_at(di, source, at, i);
    hn::Vec<decltype(du64)> upper_word, lower_word;
    if (is_inside(di, group, x_limit, y_limit)) {
      const auto column = hn::Mul(group.x, hn::Set(di, kChannels));
      const auto offset = hn::PromoteTo(di64, hn::Add(hn::Mul(group.y, hn::Set(di, row_bytes)), column));
      upper_word = hn::GatherOffset(du64, reinterpret_cast<const uint64_t*>(base), offset);
      lower_word = hn::GatherOffset(du64, reinterpret_cast<const uint64_t*>(base + row_bytes), offset);
    } else if (source.border == WarpBorder::kConstant && is_outside(di, group, source)) {
      for (size_t pixel = 0; pixel < used; ++pixel) std::memcpy(out + (i + pixel) * k, source.fill, k);
      continue;
    } else {
      hn::StoreU(group.x, di, xs);
      hn::StoreU(group.y, di, ys);
      for (size_t lane = 0; lane < lanes; ++lane) {
        const Taps found = taps_at(source, xs[lane], ys[lane]);
        std::memcpy(reinterpret_cast<uint8_t*>(&words[0][lane]), found.upper_left, k);
        std::memcpy(reinterpret_cast<uint8_t*>(&words[0][lane]) + k, found.upper_right, k);
        std::memcpy(reinterpret_cast<uint8_t*>(&words[1][lane]), found.lower_left, k);
        std::memcpy(reinterpret_cast<uint8_t*>(&words[1][lane]) + k, found.lower_right, k);
      }
      upper_word = hn::Load(du64, words[0]);
      lower_word = hn::Load(du64, words[1]);
    }
    const auto spread_of = [&](const hn::Vec<decltype(di)>& fraction) HWY_ATTR {
      const auto wide = hn::BitCast(d8, hn::PromoteTo(di64, fraction));
      return hn::BitCast(d16, hn::TableLookupBytes(wide, spread));
    };
    const auto fx = spread_of(group.fx);
    const auto fy = spread_of(hn::ShiftLeft<10>(group.fy));
    const auto sums_of = [&](const hn::Vec<decltype(du64)>& word) HWY_ATTR {
      const auto parts = hn::BitCast(d8, word);
      const auto left = hn::BitCast(d16, hn::TableLookupBytesOr0(parts, left_bytes));
      const auto right = hn::BitCast(d16, hn::TableLookupBytesOr0(parts, right_bytes));
      return across(d16, left, right, fx);
    };
    const auto levels = down(d16, sums_of(upper_word), sums_of(lower_word), fy);
    const auto result = hn::DemoteTo(d8_half, levels);  // four bytes a pixel
    if (kChannels == 4 && used == lanes) {
      hn::StoreU(result, d8_half, out + i * k);
      continue;
    }
    hn::Store(result, d8_half, bytes);
    for (size_t pixel = 0; pixel < used; ++pixel) std::memcpy(out + (i + pixel) * k, bytes + 4 * pixel, k);
  }
}

// Bicubic and Lanczos samples: a 32-bit lane a channel, or with one channel a lane a tap.
template <int kChannels, int kSize>
HWY_INLINE void many_taps_row(const WarpSource& source, const WarpTaps& taps, const Coordinates& at,
                              size_t count, uint8_t* out) {
  const hn::FixedTag<int32_t, 4> d32;
  const hn::FixedTag<int16_t, 4> d16;
  const hn::FixedTag<uint8_t, 4> d8;
  const ConstImage& image = source.image;
  // Four bytes are read at every tap; with three channels the last one is none of it.
  const int64_t x_limit = image.width() - kSize - (kChannels == 3 ? 1 : 0);
  const int64_t y_limit = image.height() - kSize;
  alignas(16) int32_t lanes[4];
  for (size_t i = 0; i < count; ++i, out += kChannels) {
    const int64_t left = int64_t{std::clamp(at.x[i] >> 5, source.lowest, source.highest)} - (kSize / 2 - 1);
    const int64_t top = int64_t{std::clamp(at.y[i] >> 5, source.lowest, source.highest)} - (kSize / 2 - 1);
    const int16_t* weights = taps.integers_at(at.x[i] & 31, at.y[i] & 31);
    if (left >= 0 && top >= 0 && left <= x_limit && top <= y_limit) {
      auto sum = hn::Zero(d32);
      for (int j = 0; j < kSize; ++j) {
        const uint8_t* row = image.row<uint8_t>(static_cast<int>(top) + j) + left * kChannels;
        for (int k = 0; k < kSize; k += kChannels == 1 ? 4 : 1) {
          const auto levels = hn::PromoteTo(d32, hn::LoadU(d8, row + k * kChannels));
          const int16_t* weight = weights + j * kSize + k;
          if (kChannels == 1) {
            sum = hn::Add(sum, hn::Mul(levels, hn::PromoteTo(d32, hn::LoadU(d16, weight))));
          } else {
            sum = hn::Add(sum, hn::Mul(levels, hn::Set(d32, *weight)));
          }
        }
      }
      if (kChannels == 1) sum = hn::SumOfLanes(d32, sum);
      hn::Store(hn::ShiftRight<15>(hn::Add(sum, hn::Set(d32, 1 << 14))), d32, lanes);
    } else if (source.border == WarpBorder::kConstant &&
               (left + kSize <= 0 || top + kSize <= 0 || left >= image.width() || top >= image.height())) {
      std::memcpy(out, source.fill, kChannels);
      continue;
    } else {
      for (int32_t& lane : lanes) lane = 1 << 14;
      int columns[kSize];
      for (int k = 0; k < kSize; ++k) {
        columns[k] = warp_border_index(left + k, image.width(), source.border);
      }
      for (int j = 0; j < kSize; ++j) {
        const int row = warp_border_index(top + j, image.height(), source.border);
        const uint8_t* line = row < 0 ? nullptr : image.row<uint8_t>(row);
        for (int k = 0; k < kSize; ++k) {
          const bool is_fill = line == nullptr || columns[k] < 0;
          const uint8_t* from = is_fill ? source.fill : line + static_cast<ptrdiff_t>(columns[k]) * kChannels;
          for (int c = 0; c < kChannels; ++c) lanes[c] += from[c] * weights[j * kSize + k];
        }
      }
      for (int32_t& lane : lanes) lane >>= 15;
    }
    for (int c = 0; c < kChannels; ++c) out[c] = static_cast<uint8_t>(std::clamp(lanes[c], 0, 255));
  }
}

template <int kChannels>
HWY_INLINE void many_taps_row(const WarpSource& source, const WarpTaps& taps, const Coordinates& at,
                              size_t count, uint8_t* out) {
  if (taps.size == 4) return many_taps_row<kChannels, 4>(source, taps, at, count, out);
  many_taps_row<kChannels, 8>(source, taps, at, count, out);
}

#endif  // HWY_TARGET != HWY_SCALAR

void nearest(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
#if HWY_TARGET != HWY_SCALAR
  nearest_gray(source, at, count, out);
#else
  for (size_t i = 0; i < count; ++i) {
    const int32_t x = std::clamp(at.x[i], source.lowest, source.highest);
    const int32_t y = std::clamp(at.y[i], source.lowest, source.highest);
    out[i] = *tap(source, x, y);
  }
#endif
}

bool many_taps(const WarpSource& source, const WarpTaps& taps, const Coordinates& at, size_t count,
               uint8_t* out) {
#if HWY_TARGET != HWY_SCALAR
  switch (source.image.channels()) {
    case 1:
      many_taps_row<1>(source, taps, at, count, out);
      return true;
    case 3:
      many_taps_row<3>(source, taps, at, count, out);
      return true;
    case 4:
      many_taps_row<4>(source, taps, at, count, out);
      return true;
    default:
      break;
  }
#endif
  static_cast<void>(source), static_cast<void>(taps), static_cast<void>(at);
  static_cast<void>(count), static_cast<void>(out);
  return false;
}

void bilinear(const WarpSource& source, const Coordinates& at, size_t count, uint8_t* out) {
#if HWY_TARGET != HWY_SCALAR
  switch (source.image.channels()) {
    case 1:
      return gray_row(source, at, count, out);
    case 2:
      return color_row<2>(source, at, count, out);
    case 3:
      return color_row<3>(source, at, count, out);
    case 4:
      return color_row<4>(source, at, count, out);
    default:
      break;
  }
#endif
  plain_row(source, at, count, out);
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(add_steps);
HWY_EXPORT(perspective);
HWY_EXPORT(round_floats);
HWY_EXPORT(nearest);
HWY_EXPORT(many_taps);
HWY_EXPORT(bilinear);
}  // namespace

void add_steps_row(const int32_t* x_steps, const int32_t* y_steps, int32_t x_start, int32_t y_start,
                   int shift, size_t count, const Coordinates& out) {
  HWY_DYNAMIC_DISPATCH(add_steps)(x_steps, y_steps, x_start, y_start, shift, count, out);
}

void perspective_row(const PerspectiveBlock& block, size_t count, const Coordinates& out) {
  HWY_DYNAMIC_DISPATCH(perspective)(block, count, out);
}

void round_row(const float* xs, const float* ys, float unit, size_t count, const Coordinates& out) {
  HWY_DYNAMIC_DISPATCH(round_floats)(xs, ys, unit, count, out);
}

void bilinear_row(const WarpSource& source, const Coordinates& coordinates, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(bilinear)(source, coordinates, count, out);
}

bool many_taps_row(const WarpSource& source, const WarpTaps& taps, const Coordinates& coordinates,
                   size_t count, uint8_t* out) {
  return HWY_DYNAMIC_DISPATCH(many_taps)(source, taps, coordinates, count, out);
}

void nearest_gray_row(const WarpSource& source, const Coordinates& coordinates, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(nearest)(source, coordinates, count, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
