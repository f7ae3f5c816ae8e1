#include "stoker/batch/mix_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/batch/mix_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The 16 bits of a half stand in the low half of a 32-bit lane.

struct Float16 {
  template <class D, class V = hn::Vec<hn::RebindToUnsigned<D>>>
  static HWY_INLINE hn::Vec<D> to_float(D df, V half) {
    const hn::RebindToUnsigned<D> du;
    const auto magnitude = hn::And(half, hn::Set(du, 0x7FFF));
    const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000)));
    const auto normal = hn::Add(hn::ShiftLeft<13>(magnitude), hn::Set(du, 0x38000000));
    const auto not_finite = hn::Or(hn::ShiftLeft<13>(magnitude), hn::Set(du, 0x7F800000));
    // With 0.5 in front, the ten bits of a subnormal are the last of a float.
    const auto half_more = hn::Set(du, 0x3F000000);
    const auto subnormal =
        hn::BitCast(du, hn::Sub(hn::BitCast(df, hn::Or(magnitude, half_more)), hn::BitCast(df, half_more)));
    auto bits = hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x0400)), subnormal, normal);
    bits = hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x7C00)), bits, not_finite);
    return hn::BitCast(df, hn::Or(bits, sign));
  }

  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> from_float(D df, hn::Vec<D> value) {
    const hn::RebindToUnsigned<D> du;
    const auto bits = hn::BitCast(du, value);
    const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFF));
    const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000));
    const auto rebased = hn::Sub(magnitude, hn::Set(du, 0x38000000));
    const auto odd = hn::And(hn::ShiftRight<13>(rebased), hn::Set(du, 1));
    const auto normal = hn::ShiftRight<13>(hn::Add(hn::Add(rebased, hn::Set(du, 0xFFF)), odd));
    const auto half_more = hn::Set(du, 0x3F000000);
    const auto subnormal =
        hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(df, magnitude), hn::BitCast(df, half_more))), half_more);
    auto half = hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x38800000)), subnormal, normal);
    half = hn::IfThenElse(hn::Lt(magnitude, hn::Set(du, 0x477FF000)), half, hn::Set(du, 0x7C00));
    half = hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x7F800000)), hn::Set(du, 0x7E00), half);
    return hn::Or(half, sign);
  }
};

struct Bfloat16 {
  template <class D, class V = hn::Vec<hn::RebindToUnsigned<D>>>
  static HWY_INLINE hn::Vec<D> to_float(D df, V half) {
    return hn::BitCast(df, hn::ShiftLeft<16>(half));
  }

  template <class D>
  static HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> from_float(D, hn::Vec<D> value) {
    const hn::RebindToUnsigned<D> du;
    const auto bits = hn::BitCast(du, value);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(du, 0x7FFF)), odd));
    const auto nan = hn::Or(hn::ShiftRight<16>(bits), hn::Set(du, 0x40));
    const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFF));
    return hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x7F800000)), nan, rounded);
  }
};

// Halves by integer arithmetic, on every instruction set.
template <class Half>
struct ByBits {
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D df, const uint16_t* from) {
    const hn::Rebind<uint16_t, D> du16;
    return Half::to_float(df, hn::PromoteTo(hn::RebindToUnsigned<D>(), hn::LoadU(du16, from)));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> rounded(D df, hn::Vec<D> value) {
    return Half::to_float(df, Half::from_float(df, value));
  }
  template <class D>
  static HWY_INLINE void store(D df, hn::Vec<D> value, uint16_t* to) {
    // The narrowing saturates, so the 16 bits are extended by their sign first.
    const hn::RebindToSigned<D> di;
    const hn::Rebind<int16_t, D> di16;
    const auto bits = hn::BitCast(di, Half::from_float(df, value));
    const auto extended = hn::ShiftRight<16>(hn::ShiftLeft<16>(bits));
    hn::StoreU(hn::DemoteTo(di16, extended), di16, reinterpret_cast<int16_t*>(to));
  }
};

// Four times as fast where the processor converts.
struct Converted {
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D df, const uint16_t* from) {
    const hn::Rebind<hwy::float16_t, D> dhalf;
    return hn::PromoteTo(df, hn::LoadU(dhalf, reinterpret_cast<const hwy::float16_t*>(from)));
  }
  template <class D>
  static HWY_INLINE hn::Vec<D> rounded(D df, hn::Vec<D> value) {
    const hn::Rebind<hwy::float16_t, D> dhalf;
    return hn::PromoteTo(df, hn::DemoteTo(dhalf, value));
  }
  template <class D>
  static HWY_INLINE void store(D df, hn::Vec<D> value, uint16_t* to) {
    const hn::Rebind<hwy::float16_t, D> dhalf;
    hn::StoreU(hn::DemoteTo(dhalf, value), dhalf, reinterpret_cast<hwy::float16_t*>(to));
  }
};

#if HWY_TARGET <= HWY_AVX2  // in Highway's numbers: this set or a later one
using Float16Halves = Converted;
#else
using Float16Halves = ByBits<Float16>;
#endif

template <class Halves>
HWY_INLINE void mix_halves(const uint16_t* before, size_t count, float own, float other, uint16_t* image) {
  const hn::ScalableTag<float> df;
  const auto mix = [&](const uint16_t* from, uint16_t* to) {
    const auto old = Halves::rounded(df, hn::Mul(Halves::load(df, from), hn::Set(df, other)));
    const auto kept = Halves::rounded(df, hn::Mul(Halves::load(df, to), hn::Set(df, own)));
    Halves::store(df, hn::Add(old, kept), to);
  };
  const size_t lanes = hn::Lanes(df);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) mix(before + i, image + i);
  if (i == count) return;
  uint16_t rest[2][HWY_MAX_BYTES / sizeof(float)] = {};
  for (size_t k = 0; i + k < count; ++k) {
    rest[0][k] = before[i + k];
    rest[1][k] = image[i + k];
  }
  mix(rest[0], rest[1]);
  for (size_t k = 0; i + k < count; ++k) image[i + k] = rest[1][k];
}

void mix_up_float16(const uint16_t* before, size_t count, float own, float other, uint16_t* image) {
  mix_halves<Float16Halves>(before, count, own, other, image);
}

void mix_up_bfloat16(const uint16_t* before, size_t count, float own, float other, uint16_t* image) {
  mix_halves<ByBits<Bfloat16>>(before, count, own, other, image);
}

void mix_up_floats(const float* before, size_t count, float own, float other, float* image) {
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto from = hn::Mul(hn::LoadU(d, before + i), hn::Set(d, other));
    hn::StoreU(hn::Add(from, hn::Mul(hn::LoadU(d, image + i), hn::Set(d, own))), d, image + i);
  }
  for (; i < count; ++i) image[i] = before[i] * other + image[i] * own;
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(mix_up_floats);
HWY_EXPORT(mix_up_float16);
HWY_EXPORT(mix_up_bfloat16);
}  // namespace

void mix_floats(const float* before, size_t count, float own, float other, float* image) {
  HWY_DYNAMIC_DISPATCH(mix_up_floats)(before, count, own, other, image);
}

void mix_float16(const uint16_t* before, size_t count, float own, float other, uint16_t* image) {
  HWY_DYNAMIC_DISPATCH(mix_up_float16)(before, count, own, other, image);
}

void mix_bfloat16(const uint16_t* before, size_t count, float own, float other, uint16_t* image) {
  HWY_DYNAMIC_DISPATCH(mix_up_bfloat16)(before, count, own, other, image);
}

}  // namespace stoker
#endif  // HWY_ONCE
