#include "stoker/transform/gray.h"

#include <algorithm>
#include <array>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/gray.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#include "stoker/transform/byte_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
// a * b + c with one rounding, also where the CPU has no such instruction: here a and b are 8 and 24 bits
// wide, so that the product and, but for its last rounding, the sum fit a double.
HWY_INLINE FloatVector fused(FloatVector a, FloatVector b, FloatVector c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  const Floats df;
  const hn::Repartition<double, Floats> dd;
  const hn::Half<Floats> half;
  const auto low =
      hn::MulAdd(hn::PromoteTo(dd, hn::LowerHalf(half, a)), hn::PromoteTo(dd, hn::LowerHalf(half, b)),
                 hn::PromoteTo(dd, hn::LowerHalf(half, c)));
  const auto high =
      hn::MulAdd(hn::PromoteTo(dd, hn::UpperHalf(half, a)), hn::PromoteTo(dd, hn::UpperHalf(half, b)),
                 hn::PromoteTo(dd, hn::UpperHalf(half, c)));
  return hn::Combine(df, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
#endif
}

// (R, G, B) . weights, rounded half up. With whole 65536ths for weights, float32 is exact in any order.
template <int k>
HWY_INLINE IntVector weighted_part(const std::array<int, 3>& weights, ByteVector r, ByteVector g,
                                   ByteVector b) {
  const Floats df;
  const auto times = [df](FloatVector level, int weight, FloatVector sum) HWY_ATTR {
    return hn::MulAdd(level, hn::Set(df, static_cast<float>(weight) / 65536.0f), sum);
  };
  const auto sum = times(floats_of<k>(r), weights[0], hn::Set(df, 0.5f));
  return cut(times(floats_of<k>(b), weights[2], times(floats_of<k>(g), weights[1], sum)));
}

HWY_INLINE ByteVector weighted(const std::array<int, 3>& weights, ByteVector r, ByteVector g, ByteVector b) {
  return joined(weighted_part<0>(weights, r, g, b), weighted_part<1>(weights, r, g, b),
                weighted_part<2>(weights, r, g, b), weighted_part<3>(weights, r, g, b));
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
using Shorts = hn::Repartition<int16_t, Bytes>;
using ShortVector = hn::Vec<Shorts>;

// weights[0] a + weights[1] b for each pair of bytes a, b.
HWY_INLINE ShortVector weighted_pairs(ByteVector pairs, const std::array<int, 2>& weights) {
  const auto both = hn::Set(Shorts(), static_cast<int16_t>(256 * weights[1] + (weights[0] & 255)));
#if HWY_TARGET <= HWY_AVX3
  return ShortVector{_mm512_maddubs_epi16(pairs.raw, both.raw)};
#elif HWY_TARGET <= HWY_AVX2
  return ShortVector{_mm256_maddubs_epi16(pairs.raw, both.raw)};
#else
  return ShortVector{_mm_maddubs_epi16(pairs.raw, both.raw)};
#endif
}

HWY_INLINE ByteVector packed(ShortVector low, ShortVector high) {
#if HWY_TARGET <= HWY_AVX3
  return ByteVector{_mm512_packus_epi16(low.raw, high.raw)};
#elif HWY_TARGET <= HWY_AVX2
  return ByteVector{_mm256_packus_epi16(low.raw, high.raw)};
#else
  return ByteVector{_mm_packus_epi16(low.raw, high.raw)};
#endif
}

// OpenCV's 15-bit weights parted into 256 high + low, which fit signed bytes: 9798 = 256 * 38 + 70,
// 19235 = 256 * 75 + 35, 3735 = 256 * 15 - 105. What is below 256 of the low sum cannot carry, and no sum
// leaves 16 bits, since the weights add up to 32768. The 64 is for rounding.
HWY_INLINE ShortVector opencv_level(ByteVector red_green, ByteVector blue_one) {
  const auto high = hn::Add(weighted_pairs(red_green, {38, 75}), weighted_pairs(blue_one, {15, 64}));
  const auto low = hn::Add(weighted_pairs(red_green, {70, 35}), weighted_pairs(blue_one, {-105, 0}));
  return hn::ShiftRight<7>(hn::Add(high, hn::ShiftRight<8>(low)));
}

HWY_INLINE ByteVector opencv_gray(ByteVector r, ByteVector g, ByteVector b) {
  const Bytes d;
  const auto one = hn::Set(d, 1);
  return packed(opencv_level(hn::InterleaveLower(d, r, g), hn::InterleaveLower(d, b, one)),
                opencv_level(hn::InterleaveUpper(d, r, g), hn::InterleaveUpper(d, b, one)));
}
#else
HWY_INLINE ByteVector opencv_gray(ByteVector r, ByteVector g, ByteVector b) {
  return weighted({2 * 9798, 2 * 19235, 2 * 3735}, r, g, b);
}
#endif

template <int k>
HWY_INLINE IntVector torch_part(ByteVector r, ByteVector g, ByteVector b) {
  const Floats df;
  const auto red = hn::Mul(floats_of<k>(r), hn::Set(df, 0.2989f));
  const auto level = fused(floats_of<k>(g), hn::Set(df, 0.587f), red);
  return cut(fused(floats_of<k>(b), hn::Set(df, 0.114f), level));
}

template <Arithmetic rule>
HWY_INLINE ByteVector gray_of(ByteVector r, ByteVector g, ByteVector b) {
  if constexpr (rule == Arithmetic::kPillow) {
    return weighted({19595, 38470, 7471}, r, g, b);
  } else if constexpr (rule == Arithmetic::kOpenCv) {
    return opencv_gray(r, g, b);
  } else {
    return joined(torch_part<0>(r, g, b), torch_part<1>(r, g, b), torch_part<2>(r, g, b),
                  torch_part<3>(r, g, b));
  }
}

// `own` and `other` are the factor and its rest.
template <Arithmetic rule>
HWY_INLINE IntVector mixed_part(FloatVector value, FloatVector level, FloatVector own, FloatVector other) {
  if constexpr (rule == Arithmetic::kPillow) {
    return cut(hn::Add(level, hn::Mul(own, hn::Sub(value, level))));
  } else if constexpr (rule == Arithmetic::kOpenCv) {
    return rounded(fused(value, own, hn::Mul(level, other)));
  } else {
    return cut(fused(level, other, hn::Mul(value, own)));
  }
}

template <Arithmetic rule>
HWY_INLINE void saturate_vector(FloatVector own, FloatVector other, uint8_t* r, uint8_t* g, uint8_t* b) {
  const Bytes d;
  const auto gray = gray_of<rule>(hn::LoadU(d, r), hn::LoadU(d, g), hn::LoadU(d, b));
  const auto l0 = floats_of<0>(gray);
  const auto l1 = floats_of<1>(gray);
  const auto l2 = floats_of<2>(gray);
  const auto l3 = floats_of<3>(gray);
  for (uint8_t* plane : {r, g, b}) {
    const auto values = hn::LoadU(d, plane);
    hn::StoreU(joined(mixed_part<rule>(floats_of<0>(values), l0, own, other),
                      mixed_part<rule>(floats_of<1>(values), l1, own, other),
                      mixed_part<rule>(floats_of<2>(values), l2, own, other),
                      mixed_part<rule>(floats_of<3>(values), l3, own, other)),
               d, plane);
  }
}
#endif  // HWY_SCALAR

template <Arithmetic rule>
void gray_pixels_by(const PixelPlanes& planes, uint8_t* levels) {
  const auto& [r, g, b] = planes.values;
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < planes.count; ++x) levels[x] = gray_level(rule, r[x], g[x], b[x]);
#else
  const Bytes d;
  for (size_t x = 0; x < planes.count; x += hn::Lanes(d))
    hn::StoreU(gray_of<rule>(hn::LoadU(d, r + x), hn::LoadU(d, g + x), hn::LoadU(d, b + x)), d, levels + x);
#endif
}

template <Arithmetic rule>
void saturate_pixels_by(double factor, PixelPlanes& planes) {
  auto& [r, g, b] = planes.values;
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < planes.count; ++x) {
    const uint8_t level = gray_level(rule, r[x], g[x], b[x]);
    for (auto& plane : planes.values) plane[x] = mixed(rule, plane[x], level, factor);
  }
#else
  const auto own = hn::Set(Floats(), static_cast<float>(factor));
  const auto other = hn::Set(Floats(), static_cast<float>(1.0 - factor));
  for (size_t x = 0; x < planes.count; x += hn::Lanes(Bytes()))
    saturate_vector<rule>(own, other, r + x, g + x, b + x);
#endif
}

void gray_pixels(Arithmetic rule, const PixelPlanes& planes, uint8_t* levels) {
  if (rule == Arithmetic::kPillow) return gray_pixels_by<Arithmetic::kPillow>(planes, levels);
  if (rule == Arithmetic::kOpenCv) return gray_pixels_by<Arithmetic::kOpenCv>(planes, levels);
  gray_pixels_by<Arithmetic::kTorch>(planes, levels);
}

void saturate_pixels(Arithmetic rule, double factor, PixelPlanes& planes) {
  if (rule == Arithmetic::kPillow) return saturate_pixels_by<Arithmetic::kPillow>(factor, planes);
  if (rule == Arithmetic::kOpenCv) return saturate_pixels_by<Arithmetic::kOpenCv>(factor, planes);
  saturate_pixels_by<Arithmetic::kTorch>(factor, planes);
}

void repeat_thrice(const uint8_t* values, size_t count, uint8_t* out) {
  const Bytes d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    const auto level = hn::LoadU(d, values + i);
    hn::StoreInterleaved3(level, level, level, d, out + 3 * i);
  }
  for (; i < count; ++i) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = values[i];
}

uint64_t sum_bytes(const uint8_t* values, size_t count) {
  uint64_t total = 0;
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const Bytes d;
  const hn::Repartition<uint64_t, Bytes> d64;
  auto sum = hn::Zero(d64);
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    sum = hn::Add(sum, hn::SumsOf8(hn::LoadU(d, values + i)));
  total = hn::GetLane(hn::SumOfLanes(d64, sum));
#endif
  for (; i < count; ++i) total += values[i];
  return total;
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(gray_pixels);
HWY_EXPORT(saturate_pixels);
HWY_EXPORT(repeat_thrice);
HWY_EXPORT(sum_bytes);
}  // namespace

Arithmetic arithmetic_named(const std::string& name) {
  if (name == "torch") return Arithmetic::kTorch;
  return name == "opencv" ? Arithmetic::kOpenCv : Arithmetic::kPillow;
}

uint8_t gray_level(Arithmetic arithmetic, uint8_t r, uint8_t g, uint8_t b) {
  switch (arithmetic) {
    case Arithmetic::kPillow:
      return static_cast<uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    case Arithmetic::kOpenCv:
      return static_cast<uint8_t>((9798 * r + 19235 * g + 3735 * b + 16384) >> 15);
    default:
      return static_cast<uint8_t>(
          std::fma(static_cast<float>(b), 0.114f,
                   std::fma(static_cast<float>(g), 0.587f, static_cast<float>(r) * 0.2989f)));
  }
}

uint8_t mixed(Arithmetic arithmetic, uint8_t value, uint8_t gray, double factor) {
  const auto own = static_cast<float>(factor);
  const auto other = static_cast<float>(1.0 - factor);
  const auto from = static_cast<float>(value);
  const auto to = static_cast<float>(gray);
  switch (arithmetic) {
    case Arithmetic::kPillow:
      return static_cast<uint8_t>(std::clamp(to + own * (from - to), 0.0f, 255.0f));
    case Arithmetic::kOpenCv:
      return static_cast<uint8_t>(std::nearbyint(std::clamp(std::fma(from, own, to * other), 0.0f, 255.0f)));
    default:
      return static_cast<uint8_t>(std::clamp(std::fma(to, other, from * own), 0.0f, 255.0f));
  }
}

void gray_levels(Arithmetic arithmetic, const PixelPlanes& planes, uint8_t* levels) {
  HWY_DYNAMIC_DISPATCH(gray_pixels)(arithmetic, planes, levels);
}

void saturate(Arithmetic arithmetic, double factor, PixelPlanes& planes) {
  HWY_DYNAMIC_DISPATCH(saturate_pixels)(arithmetic, factor, planes);
}

void repeat_three_times(const uint8_t* values, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(repeat_thrice)(values, count, out);
}

uint64_t sum_of_row(const uint8_t* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(sum_bytes)(values, count);
}

}  // namespace stoker
#endif  // HWY_ONCE
