#include "stoker/transform/filter_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/filter_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;

// Note [fused everywhere]
// Without a fused instruction the product is exact in double; the sum there is rounded to odd, after which
// the rounding to float32 is the only one that shows (Boldo and Melquiond 2008, "Emulation of FMA and
// correctly rounded sums").
#if HWY_NATIVE_FMA
HWY_INLINE FloatVec fused(FloatVec a, FloatVec b, FloatVec c) { return hn::MulAdd(a, b, c); }
#elif HWY_TARGET == HWY_SCALAR
HWY_INLINE FloatVec fused(FloatVec a, FloatVec b, FloatVec c) {
  return hn::Set(Floats(), std::fma(hn::GetLane(a), hn::GetLane(b), hn::GetLane(c)));
}
#else
using Doubles = hn::Rebind<double, hn::Half<Floats> >;

HWY_INLINE hn::Vec<Doubles> sum_to_odd(hn::Vec<Doubles> product, hn::Vec<Doubles> addend) {
  const Doubles dd;
  const hn::RebindToUnsigned<Doubles> du;
  const auto sum = hn::Add(product, addend);
  const auto back = hn::Sub(sum, product);
  const auto error = hn::Add(hn::Sub(product, hn::Sub(sum, back)), hn::Sub(addend, back));
  const auto bits = hn::BitCast(du, sum);
  const auto one = hn::Set(du, 1);
  const auto zero = hn::Zero(dd);
  // Not error != 0: an infinite sum has an error of NaN.
  const auto is_inexact = hn::Or(hn::Gt(error, zero), hn::Lt(error, zero));
  const auto is_even = hn::Eq(hn::And(bits, one), hn::Zero(du));
  const auto towards_zero = hn::ShiftRight<63>(hn::Xor(bits, hn::BitCast(du, error)));
  const auto step = hn::Sub(one, hn::Add(towards_zero, towards_zero));
  const auto odd = hn::BitCast(dd, hn::Add(bits, step));
  return hn::IfThenElse(hn::And(is_inexact, hn::RebindMask(dd, is_even)), odd, sum);
}

HWY_INLINE FloatVec fused(FloatVec a, FloatVec b, FloatVec c) {
  const Doubles dd;
  const hn::Half<Floats> dh;
  const auto low =
      sum_to_odd(hn::Mul(hn::PromoteTo(dd, hn::LowerHalf(dh, a)), hn::PromoteTo(dd, hn::LowerHalf(dh, b))),
                 hn::PromoteTo(dd, hn::LowerHalf(dh, c)));
  const auto high =
      sum_to_odd(hn::Mul(hn::PromoteTo(dd, hn::UpperHalf(dh, a)), hn::PromoteTo(dd, hn::UpperHalf(dh, b))),
                 hn::PromoteTo(dd, hn::UpperHalf(dh, c)));
  return hn::Combine(Floats(), hn::DemoteTo(dh, high), hn::DemoteTo(dh, low));
}
#endif

// So many vectors are summed side by side, because a fused multiply-add waits for the one before it.
constexpr size_t kSideBySide = 4;

// Where sums go: to a float row with slack behind its end,
struct FloatStore {
  float* out;
  HWY_INLINE void whole(FloatVec sum, size_t at) const { hn::StoreU(sum, Floats(), out + at); }
  HWY_INLINE void part(FloatVec sum, size_t at, size_t) const { whole(sum, at); }
};

// or rounded and clipped to bytes, of which none may be written behind the end. No sum is NaN here.
struct ByteStore {
  uint8_t* out;
  using Bytes = hn::Rebind<uint8_t, Floats>;
  static HWY_INLINE hn::Vec<Bytes> rounded(FloatVec sum) {
    return hn::DemoteTo(Bytes(), hn::NearestInt(hn::Min(sum, hn::Set(Floats(), 255.0f))));
  }
  HWY_INLINE void whole(FloatVec sum, size_t at) const { hn::StoreU(rounded(sum), Bytes(), out + at); }
  HWY_INLINE void part(FloatVec sum, size_t at, size_t count) const {
    HWY_ALIGN uint8_t last[HWY_MAX_BYTES];
    hn::Store(rounded(sum), Bytes(), last);
    std::copy_n(last, count, out + at);
  }
};

template <class Store>
HWY_INLINE void sum_taps(const float* const* taps, const float* weights, size_t tap_count, size_t count,
                         Store store) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + kSideBySide * lanes <= count; i += kSideBySide * lanes) {
    auto a = hn::Zero(d), b = a, c = a, e = a;
    for (size_t t = 0; t < tap_count; ++t) {
      const float* from = taps[t] + i;
      const auto weight = hn::Set(d, weights[t]);
      a = fused(hn::LoadU(d, from), weight, a);
      b = fused(hn::LoadU(d, from + lanes), weight, b);
      c = fused(hn::LoadU(d, from + 2 * lanes), weight, c);
      e = fused(hn::LoadU(d, from + 3 * lanes), weight, e);
    }
    store.whole(a, i);
    store.whole(b, i + lanes);
    store.whole(c, i + 2 * lanes);
    store.whole(e, i + 3 * lanes);
  }
  for (; i < count; i += lanes) {
    auto sum = hn::Zero(d);
    for (size_t t = 0; t < tap_count; ++t)
      sum = fused(hn::LoadU(d, taps[t] + i), hn::Set(d, weights[t]), sum);
    if (i + lanes <= count) {
      store.whole(sum, i);
    } else {
      store.part(sum, i, count - i);
    }
  }
}

void weigh_taps(const float* const* taps, const float* weights, size_t tap_count, size_t count, float* out) {
  sum_taps(taps, weights, tap_count, count, FloatStore{out});
}

void weigh_taps_to_bytes(const float* const* taps, const float* weights, size_t tap_count, size_t count,
                         uint8_t* out) {
  sum_taps(taps, weights, tap_count, count, ByteStore{out});
}

template <class Store>
HWY_INLINE void sum_pairs(const float* center, const float* const* before, const float* const* after,
                          const float* weights, size_t pair_count, bool pair_first, size_t count,
                          Store store) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto pair = [&](size_t j, size_t at) HWY_ATTR {
    return hn::Add(hn::LoadU(d, after[j] + at), hn::LoadU(d, before[j] + at));
  };
  const auto start = [&](size_t at) HWY_ATTR {
    const auto middle = hn::LoadU(d, center + at);
    const auto weight = hn::Set(d, weights[0]);
    if (!pair_first) return hn::Mul(middle, weight);
    return fused(middle, weight, hn::Mul(pair(0, at), hn::Set(d, weights[1])));
  };
  const size_t first = pair_first ? 1 : 0;
  size_t i = 0;
  for (; i + kSideBySide * lanes <= count; i += kSideBySide * lanes) {
    auto a = start(i), b = start(i + lanes), c = start(i + 2 * lanes), e = start(i + 3 * lanes);
    for (size_t j = first; j < pair_count; ++j) {
      const auto weight = hn::Set(d, weights[j + 1]);
      a = fused(pair(j, i), weight, a);
      b = fused(pair(j, i + lanes), weight, b);
      c = fused(pair(j, i + 2 * lanes), weight, c);
      e = fused(pair(j, i + 3 * lanes), weight, e);
    }
    store.whole(a, i);
    store.whole(b, i + lanes);
    store.whole(c, i + 2 * lanes);
    store.whole(e, i + 3 * lanes);
  }
  for (; i < count; i += lanes) {
    auto sum = start(i);
    for (size_t j = first; j < pair_count; ++j) sum = fused(pair(j, i), hn::Set(d, weights[j + 1]), sum);
    if (i + lanes <= count) {
      store.whole(sum, i);
    } else {
      store.part(sum, i, count - i);
    }
  }
}

void weigh_pairs(const float* center, const float* const* before, const float* const* after,
                 const float* weights, size_t pair_count, bool pair_first, size_t count, float* out) {
  sum_pairs(center, before, after, weights, pair_count, pair_first, count, FloatStore{out});
}

void weigh_pairs_to_bytes(const float* center, const float* const* before, const float* const* after,
                          const float* weights, size_t pair_count, size_t count, uint8_t* out) {
  sum_pairs(center, before, after, weights, pair_count, false, count, ByteStore{out});
}

void round_half_up(float* sums, size_t count) {
  const Floats d;
  for (size_t i = 0; i < count; i += hn::Lanes(d))
    hn::StoreU(hn::Floor(hn::Add(hn::LoadU(d, sums + i), hn::Set(d, 0.5f))), d, sums + i);
}

template <class T>
void widen_as(const T* in, size_t count, float* out) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const hn::Rebind<T, Floats> dt;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(dt, in + i))), d, out + i);
  for (; i < count; ++i) out[i] = static_cast<float>(in[i]);
}

void widen(const void* in, DType dtype, size_t count, float* out) {
  if (dtype == DType::kUint8) return widen_as(static_cast<const uint8_t*>(in), count, out);
  if (dtype == DType::kUint16) return widen_as(static_cast<const uint16_t*>(in), count, out);
  if (dtype == DType::kInt16) return widen_as(static_cast<const int16_t*>(in), count, out);
  std::copy_n(static_cast<const float*>(in), count, out);
}

// Clipping before rounding gives the same integer, and keeps the conversion inside its range.
template <class T>
void narrow_as(const float* in, size_t count, T* out) {
  const Floats d;
  const hn::Rebind<T, Floats> dt;
  const size_t lanes = hn::Lanes(d);
  constexpr auto kLow = static_cast<float>(std::numeric_limits<T>::min());
  constexpr auto kHigh = static_cast<float>(std::numeric_limits<T>::max());
  const auto low = hn::Set(d, kLow);
  const auto high = hn::Set(d, kHigh);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto value = hn::LoadU(d, in + i);
    value = hn::IfThenElseZero(hn::Eq(value, value), value);
    value = hn::Min(hn::Max(value, low), high);
    hn::StoreU(hn::DemoteTo(dt, hn::NearestInt(value)), dt, out + i);
  }
  for (; i < count; ++i) {
    out[i] =
        static_cast<T>(rounded_clip(in[i], std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
  }
}

void narrow(const float* in, size_t count, DType dtype, void* out) {
  if (dtype == DType::kUint8) return narrow_as(in, count, static_cast<uint8_t*>(out));
  if (dtype == DType::kUint16) return narrow_as(in, count, static_cast<uint16_t*>(out));
  if (dtype == DType::kInt16) return narrow_as(in, count, static_cast<int16_t*>(out));
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  auto* to = static_cast<float*>(out);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, in + i);
    const auto clipped =
        hn::IfThenElse(hn::Gt(value, hn::Zero(d)), hn::Min(value, hn::Set(d, 1.0f)), hn::Zero(d));
    const auto nan = hn::Set(d, std::numeric_limits<float>::quiet_NaN());
    hn::StoreU(hn::IfThenElse(hn::Eq(value, value), clipped, nan), d, to + i);
  }
  for (; i < count; ++i) to[i] = unit_clip(in[i]);
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(weigh_taps);
HWY_EXPORT(weigh_pairs);
HWY_EXPORT(weigh_taps_to_bytes);
HWY_EXPORT(weigh_pairs_to_bytes);
HWY_EXPORT(round_half_up);
HWY_EXPORT(widen);
HWY_EXPORT(narrow);
}  // namespace

int border_index(int64_t at, int size, Border border) {
  if (at >= 0 && at < size) return static_cast<int>(at);
  if (border == Border::kReplicate) return at < 0 ? 0 : size - 1;
  if (size == 1) return 0;
  const int64_t period = 2 * (static_cast<int64_t>(size) - 1);
  const int64_t inside = ((at % period) + period) % period;
  return static_cast<int>(inside < size ? inside : period - inside);
}

bool is_filtered(DType dtype) {
  return dtype == DType::kUint8 || dtype == DType::kUint16 || dtype == DType::kInt16 ||
         dtype == DType::kFloat32;
}

void widen_row(const ConstImage& in, int y, int left, int right, Border border, float* out) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  float* middle = out + static_cast<size_t>(left) * channels;
  HWY_DYNAMIC_DISPATCH(widen)
  (in.row<uint8_t>(border_index(y, in.height(), border)), in.shape.dtype, count, middle);
  const auto copy = [&](int x) {
    const float* from = middle + static_cast<size_t>(border_index(x, in.width(), border)) * channels;
    std::copy_n(from, channels, middle + static_cast<ptrdiff_t>(x) * static_cast<ptrdiff_t>(channels));
  };
  for (int x = -left; x < 0; ++x) copy(x);
  for (int x = 0; x < right; ++x) copy(in.width() + x);
  std::fill_n(middle + count + static_cast<size_t>(right) * channels, kRowSlackFloats, 0.0f);
}

void narrow_row(const float* sums, size_t count, DType dtype, void* out) {
  HWY_DYNAMIC_DISPATCH(narrow)(sums, count, dtype, out);
}

void weigh_taps(const float* const* taps, const float* weights, size_t tap_count, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(weigh_taps)(taps, weights, tap_count, count, out);
}

void weigh_pairs(const float* center, const float* const* before, const float* const* after,
                 const float* weights, size_t pair_count, bool pair_first, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(weigh_pairs)(center, before, after, weights, pair_count, pair_first, count, out);
}

void weigh_taps_to_bytes(const float* const* taps, const float* weights, size_t tap_count, size_t count,
                         uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(weigh_taps_to_bytes)(taps, weights, tap_count, count, out);
}

void weigh_pairs_to_bytes(const float* center, const float* const* before, const float* const* after,
                          const float* weights, size_t pair_count, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(weigh_pairs_to_bytes)(center, before, after, weights, pair_count, count, out);
}

void round_half_up(float* sums, size_t count) { HWY_DYNAMIC_DISPATCH(round_half_up)(sums, count); }

float unit_clip(float value) {
  if (std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
  return value > 0 ? std::min(value, 1.0f) : 0.0f;
}

int64_t rounded_clip(float value, int64_t low, int64_t high) {
  if (std::isnan(value)) return 0;
  return std::llrint(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
}

}  // namespace stoker
#endif  // HWY_ONCE
