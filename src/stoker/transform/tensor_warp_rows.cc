#include "stoker/transform/tensor_warp_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/tensor_warp_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_NATIVE_FMA && HWY_TARGET != HWY_SCALAR

using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<uint8_t, Floats>;
using FloatVec = hn::Vec<Floats>;
using IntVec = hn::Vec<Ints>;

// Where `size` pixels along an axis are at places from -1 to 1.
HWY_INLINE FloatVec pixels_of(FloatVec place, int size) {
  const Floats df;
  const auto half = hn::Set(df, static_cast<float>(size) / 2);
  return hn::MulSub(hn::Add(place, hn::Set(df, 1.0F)), half, hn::Set(df, 0.5F));
}

// Pixels of up to four channels as 32-bit words, 0 outside of the image.
class Source {
 public:
  explicit Source(const ConstImage& image)
      : image_(image),
        // The last pixels of a row would be read beyond their end.
        x_limit_(image.row_bytes * image.height() < (int64_t{1} << 31)
                     ? image.width() - (4 + image.channels() - 1) / image.channels()
                     : -1) {}

  HWY_INLINE bool has(IntVec x, IntVec y, int more) const {
    const Ints di;
    const auto zero = hn::Zero(di);
    const auto is_out = hn::Or(hn::Or(hn::Lt(x, zero), hn::Gt(x, hn::Set(di, x_limit_ - more))),
                               hn::Or(hn::Lt(y, zero), hn::Gt(y, hn::Set(di, image_.height() - 1 - more))));
    return hn::AllFalse(di, is_out);
  }

  // Of places that has() found inside.
  HWY_INLINE IntVec inside(IntVec x, IntVec y) const {
    const Ints di;
    const auto offset = hn::Add(hn::Mul(y, hn::Set(di, static_cast<int32_t>(image_.row_bytes))),
                                hn::Mul(x, hn::Set(di, image_.channels())));
    return hn::GatherOffset(di, static_cast<const int32_t*>(image_.data), offset);
  }

  // Of any places; what lies inside is set to 1 in `are_inside`.
  HWY_INLINE IntVec anywhere(IntVec x, IntVec y, FloatVec& are_inside) const {
    const Ints di;
    HWY_ALIGN int32_t xs[HWY_MAX_BYTES / 4];
    HWY_ALIGN int32_t ys[HWY_MAX_BYTES / 4];
    HWY_ALIGN int32_t words[HWY_MAX_BYTES / 4] = {};
    HWY_ALIGN float found[HWY_MAX_BYTES / 4] = {};
    hn::Store(x, di, xs);
    hn::Store(y, di, ys);
    for (size_t i = 0; i < hn::Lanes(di); ++i) {
      if (xs[i] < 0 || xs[i] >= image_.width() || ys[i] < 0 || ys[i] >= image_.height()) continue;
      const auto channels = static_cast<size_t>(image_.channels());
      std::memcpy(&words[i], image_.row<uint8_t>(ys[i]) + static_cast<size_t>(xs[i]) * channels, channels);
      found[i] = 1;
    }
    are_inside = hn::Load(Floats(), found);
    return hn::Load(di, words);
  }

 private:
  const ConstImage& image_;
  int x_limit_;
};

template <int kChannel>
HWY_INLINE FloatVec level_of(IntVec word) {
  const Ints di;
  return hn::ConvertTo(Floats(), hn::And(hn::ShiftRight<8 * kChannel>(word), hn::Set(di, 0xFF)));
}

struct Taps {
  IntVec words[4];
  FloatVec weights[4];
  FloatVec covered;  // how much of the place lies inside; only with a fill
};

HWY_INLINE FloatVec weighed(const Taps& taps, FloatVec a, FloatVec b, FloatVec c, FloatVec d) {
  const auto sum = hn::MulAdd(b, taps.weights[1], hn::Mul(a, taps.weights[0]));
  return hn::MulAdd(d, taps.weights[3], hn::MulAdd(c, taps.weights[2], sum));
}

template <int kChannel>
HWY_INLINE hn::Vec<Bytes> channel_of(const Taps& taps, const float* fill) {
  const Floats df;
  auto level = weighed(taps, level_of<kChannel>(taps.words[0]), level_of<kChannel>(taps.words[1]),
                       level_of<kChannel>(taps.words[2]), level_of<kChannel>(taps.words[3]));
  if (fill != nullptr) {
    const auto outside = hn::Set(df, fill[kChannel]);
    level = hn::Add(hn::Mul(hn::Sub(level, outside), taps.covered), outside);
  }
  return hn::DemoteTo(Bytes(), hn::NearestInt(level));
}

HWY_INLINE Taps linear_taps(const Source& source, FloatVec x, FloatVec y, bool has_fill) {
  const Floats df;
  const Ints di;
  const auto one = hn::Set(df, 1.0F);
  const auto left = hn::Floor(x);
  const auto upper = hn::Floor(y);
  const auto to_right = hn::Sub(x, left);
  const auto to_left = hn::Sub(one, to_right);
  const auto to_lower = hn::Sub(y, upper);
  const auto to_upper = hn::Sub(one, to_lower);
  Taps taps;
  taps.weights[0] = hn::Mul(to_left, to_upper);
  taps.weights[1] = hn::Mul(to_right, to_upper);
  taps.weights[2] = hn::Mul(to_left, to_lower);
  taps.weights[3] = hn::Mul(to_right, to_lower);
  const auto column = hn::ConvertTo(di, left);
  const auto row = hn::ConvertTo(di, upper);
  const auto next_column = hn::Add(column, hn::Set(di, 1));
  const auto next_row = hn::Add(row, hn::Set(di, 1));
  if (source.has(column, row, 1)) {
    taps.words[0] = source.inside(column, row);
    taps.words[1] = source.inside(next_column, row);
    taps.words[2] = source.inside(column, next_row);
    taps.words[3] = source.inside(next_column, next_row);
    if (has_fill) taps.covered = weighed(taps, one, one, one, one);
    return taps;
  }
  FloatVec inside[4];
  taps.words[0] = source.anywhere(column, row, inside[0]);
  taps.words[1] = source.anywhere(next_column, row, inside[1]);
  taps.words[2] = source.anywhere(column, next_row, inside[2]);
  taps.words[3] = source.anywhere(next_column, next_row, inside[3]);
  if (has_fill) taps.covered = weighed(taps, inside[0], inside[1], inside[2], inside[3]);
  return taps;
}

template <int kChannels>
HWY_INLINE void store(const hn::Vec<Bytes>* levels, size_t used, uint8_t* out) {
  const Bytes d8;
  if (used == hn::Lanes(d8)) {
    if constexpr (kChannels == 1) hn::StoreU(levels[0], d8, out);
    if constexpr (kChannels == 3) hn::StoreInterleaved3(levels[0], levels[1], levels[2], d8, out);
    return;
  }
  HWY_ALIGN uint8_t planes[kChannels][HWY_MAX_BYTES];
  for (int c = 0; c < kChannels; ++c) hn::StoreU(levels[c], d8, planes[c]);
  for (size_t i = 0; i < used; ++i) {
    for (int c = 0; c < kChannels; ++c) *out++ = planes[c][i];
  }
}

template <int kChannels>
HWY_INLINE void warp_row(const TensorRow& row, const ConstImage& in, uint8_t* out) {
  const Floats df;
  const Ints di;
  const size_t lanes = hn::Lanes(df);
  const auto width = static_cast<size_t>(in.width());
  const Source source(in);
  const auto first = hn::Iota(df, -static_cast<float>(in.width() - 1) * 0.5F);
  const auto y = hn::Set(df, row.y);
  // Beyond these no pixel is touched, and numbers stay in the range of integers.
  const auto lowest = hn::Set(df, -2.0F);
  for (size_t i = 0; i < width; i += lanes) {
    const auto x = hn::Add(first, hn::Set(df, static_cast<float>(i)));
    const auto place = [&](size_t axis, int size) HWY_ATTR {
      const auto across = hn::Mul(x, hn::Set(df, row.x_step[axis]));
      const auto sum = hn::MulAdd(y, hn::Set(df, row.y_step[axis]), across);
      const auto pixels = pixels_of(hn::Add(sum, hn::Set(df, row.start[axis])), size);
      return hn::Min(hn::Max(pixels, lowest), hn::Set(df, static_cast<float>(size) + 1));
    };
    const auto from_x = place(0, in.width());
    const auto from_y = place(1, in.height());
    hn::Vec<Bytes> levels[kChannels];
    if (row.is_nearest) {
      const auto column = hn::NearestInt(from_x);
      const auto line = hn::NearestInt(from_y);
      auto inside = hn::Set(df, 1.0F);
      const auto word =
          source.has(column, line, 0) ? source.inside(column, line) : source.anywhere(column, line, inside);
      const auto is_inside = hn::RebindMask(di, hn::Gt(inside, hn::Zero(df)));
      const auto level = [&](IntVec found, size_t c) HWY_ATTR {
        if (row.fill == nullptr) return hn::DemoteTo(Bytes(), found);
        const auto outside = hn::NearestInt(hn::Set(df, row.fill[c]));
        return hn::DemoteTo(Bytes(), hn::IfThenElse(is_inside, found, outside));
      };
      const auto low = hn::Set(di, 0xFF);
      levels[0] = level(hn::And(word, low), 0);
      if constexpr (kChannels == 3) {
        levels[1] = level(hn::And(hn::ShiftRight<8>(word), low), 1);
        levels[2] = level(hn::And(hn::ShiftRight<16>(word), low), 2);
      }
    } else {
      const Taps taps = linear_taps(source, from_x, from_y, row.fill != nullptr);
      levels[0] = channel_of<0>(taps, row.fill);
      if constexpr (kChannels == 3) {
        levels[1] = channel_of<1>(taps, row.fill);
        levels[2] = channel_of<2>(taps, row.fill);
      }
    }
    store<kChannels>(levels, std::min(lanes, width - i), out + i * kChannels);
  }
}

#endif

void vector_row(const TensorRow& row, const ConstImage& in, uint8_t* out) {
#if HWY_NATIVE_FMA && HWY_TARGET != HWY_SCALAR
  if (in.channels() == 1) return warp_row<1>(row, in, out);
  if (in.channels() == 3) return warp_row<3>(row, in, out);
#endif
  for (int x = 0; x < in.width(); ++x)
    tensor_pixel(row, in, x, out + static_cast<ptrdiff_t>(x) * in.channels());
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(vector_row);

float pixels_of(const TensorRow& row, size_t axis, float x, int size) {
  const float place = std::fma(row.y, row.y_step[axis], x * row.x_step[axis]) + row.start[axis];
  const float pixels = std::fma(place + 1.0F, static_cast<float>(size) / 2, -0.5F);
  return std::clamp(pixels, -2.0F, static_cast<float>(size) + 1);
}

}  // namespace

void tensor_row(const TensorRow& row, const ConstImage& in, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(vector_row)(row, in, out);
}

void tensor_pixel(const TensorRow& row, const ConstImage& in, int x, uint8_t* out) {
  const float at = static_cast<float>(x) - static_cast<float>(in.width() - 1) * 0.5F;
  const float from_x = pixels_of(row, 0, at, in.width());
  const float from_y = pixels_of(row, 1, at, in.height());
  const auto tap = [&](float column, float line) -> const uint8_t* {
    const int i = static_cast<int>(column);
    const int j = static_cast<int>(line);
    if (i < 0 || i >= in.width() || j < 0 || j >= in.height()) return nullptr;
    return in.row<uint8_t>(j) + static_cast<ptrdiff_t>(i) * in.channels();
  };
  if (row.is_nearest) {
    const uint8_t* const found = tap(std::nearbyint(from_x), std::nearbyint(from_y));
    for (int c = 0; c < in.channels(); ++c) {
      const float outside = row.fill == nullptr ? 0 : row.fill[c];
      out[c] = found != nullptr ? found[c] : static_cast<uint8_t>(std::nearbyint(outside));
    }
    return;
  }
  const float left = std::floor(from_x);
  const float upper = std::floor(from_y);
  const float to_right = from_x - left;
  const float to_left = 1 - to_right;
  const float to_lower = from_y - upper;
  const float to_upper = 1 - to_lower;
  const float weights[4] = {to_left * to_upper, to_right * to_upper, to_left * to_lower, to_right * to_lower};
  const uint8_t* const taps[4] = {tap(left, upper), tap(left + 1, upper), tap(left, upper + 1),
                                  tap(left + 1, upper + 1)};
  const auto weighed = [&](auto value_of) {
    float sum = value_of(taps[0]) * weights[0];
    for (size_t i = 1; i < 4; ++i) sum = std::fma(value_of(taps[i]), weights[i], sum);
    return sum;
  };
  const float covered = weighed([](const uint8_t* found) { return found != nullptr ? 1.0F : 0.0F; });
  for (int c = 0; c < in.channels(); ++c) {
    float level =
        weighed([c](const uint8_t* found) { return found != nullptr ? static_cast<float>(found[c]) : 0.0F; });
    if (row.fill != nullptr) level = (level - row.fill[c]) * covered + row.fill[c];
    out[c] = static_cast<uint8_t>(std::nearbyint(level));
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
