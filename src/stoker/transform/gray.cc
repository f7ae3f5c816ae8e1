#include "stoker/transform/gray.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/gray.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#ifndef STOKER_GRAY_CONSTANT
#define STOKER_GRAY_CONSTANT
namespace stoker {
namespace {
template <int k>
struct Constant {
  static constexpr int kValue = k;
};
}  // namespace
}  // namespace stoker
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<uint8_t>;
using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using FloatVector = hn::Vec<Floats>;
using IntVector = hn::Vec<Ints>;
using ByteVector = hn::Vec<Bytes>;

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

// Bytes are taken four at a time as one integer lane: its byte number k as floats, and back to its place.
template <int k>
HWY_INLINE FloatVector part_of(ByteVector bytes) {
  const Ints di;
  const auto shifted = hn::ShiftRight<8 * k>(hn::BitCast(di, bytes));
  return hn::ConvertTo(Floats(), hn::And(shifted, hn::Set(di, 255)));
}

template <class Part>
HWY_INLINE ByteVector joined(Part part) {
  const auto low = hn::Or(part(Constant<0>()), hn::ShiftLeft<8>(part(Constant<1>())));
  const auto high = hn::Or(part(Constant<2>()), hn::ShiftLeft<8>(part(Constant<3>())));
  return hn::BitCast(Bytes(), hn::Or(low, hn::ShiftLeft<16>(high)));
}

template <int k>
HWY_INLINE IntVector gray_part(int arithmetic, ByteVector r, ByteVector g, ByteVector b) {
  const Floats df;
  const Ints di;
  const auto red = part_of<k>(r);
  const auto green = part_of<k>(g);
  const auto blue = part_of<k>(b);
  if (arithmetic == static_cast<int>(Arithmetic::kTorch)) {
    const auto level = fused(green, hn::Set(df, 0.587f), hn::Mul(red, hn::Set(df, 0.2989f)));
    return hn::ConvertTo(di, fused(blue, hn::Set(df, 0.114f), level));
  }
  // Whole numbers below 2^24, so that float32 is exact, whatever the order.
  const bool is_pillow = arithmetic == static_cast<int>(Arithmetic::kPillow);
  auto level = hn::MulAdd(red, hn::Set(df, is_pillow ? 19595.0f : 2 * 9798.0f), hn::Set(df, 32768.0f));
  level = hn::MulAdd(green, hn::Set(df, 38470.0f), level);
  level = hn::MulAdd(blue, hn::Set(df, is_pillow ? 7471.0f : 2 * 3735.0f), level);
  return hn::ShiftRight<16>(hn::ConvertTo(di, level));
}

HWY_INLINE ByteVector gray_of(int arithmetic, ByteVector r, ByteVector g, ByteVector b) {
  return joined([&](auto k) HWY_ATTR { return gray_part<decltype(k)::kValue>(arithmetic, r, g, b); });
}

template <int k>
HWY_INLINE IntVector mixed_part(int arithmetic, ByteVector values, ByteVector levels, FloatVector own,
                                FloatVector other) {
  const Floats df;
  const auto value = part_of<k>(values);
  const auto level = part_of<k>(levels);
  FloatVector sum;
  if (arithmetic == static_cast<int>(Arithmetic::kOpenCv)) {
    sum = fused(value, own, hn::Mul(level, other));
  } else if (arithmetic == static_cast<int>(Arithmetic::kTorch)) {
    sum = fused(level, other, hn::Mul(value, own));
  } else {
    sum = hn::Add(level, hn::Mul(own, hn::Sub(value, level)));
  }
  sum = hn::Min(hn::Max(sum, hn::Zero(df)), hn::Set(df, 255.0f));
  return arithmetic == static_cast<int>(Arithmetic::kOpenCv) ? hn::NearestInt(sum)
                                                             : hn::ConvertTo(Ints(), sum);
}

HWY_INLINE ByteVector mixed_of(int arithmetic, ByteVector values, ByteVector levels, double factor) {
  const auto own = hn::Set(Floats(), static_cast<float>(factor));
  const auto other = hn::Set(Floats(), static_cast<float>(1.0 - factor));
  return joined([&](auto k) HWY_ATTR {
    return mixed_part<decltype(k)::kValue>(arithmetic, values, levels, own, other);
  });
}
#endif  // HWY_SCALAR

void gray_pixels(int arithmetic, const uint8_t* rgb, size_t width, uint8_t* out) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3)
    out[x] = gray_level(static_cast<Arithmetic>(arithmetic), rgb[0], rgb[1], rgb[2]);
#else
  const Bytes d;
  const size_t step = hn::Lanes(d);
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES] = {};
  for (size_t x = 0; x < width; x += step) {
    const size_t count = std::min(step, width - x);
    const uint8_t* from = rgb + 3 * x;
    if (count < step) from = static_cast<const uint8_t*>(std::memcpy(padded, from, 3 * count));
    ByteVector r, g, b;
    hn::LoadInterleaved3(d, from, r, g, b);
    const auto levels = gray_of(arithmetic, r, g, b);
    if (count == step) {
      hn::StoreU(levels, d, out + x);
    } else {
      hn::Store(levels, d, padded);
      std::memcpy(out + x, padded, count);
    }
  }
#endif
}

void saturate_pixels(int arithmetic, const uint8_t* rgb, size_t width, double factor, uint8_t* out) {
#if HWY_TARGET == HWY_SCALAR
  const auto rule = static_cast<Arithmetic>(arithmetic);
  for (size_t x = 0; x < 3 * width; x += 3) {
    const uint8_t level = gray_level(rule, rgb[x], rgb[x + 1], rgb[x + 2]);
    for (size_t c = 0; c < 3; ++c) out[x + c] = mixed(rule, rgb[x + c], level, factor);
  }
#else
  const Bytes d;
  const size_t step = hn::Lanes(d);
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES] = {};
  for (size_t x = 0; x < width; x += step) {
    const size_t count = std::min(step, width - x);
    const uint8_t* from = rgb + 3 * x;
    if (count < step) from = static_cast<const uint8_t*>(std::memcpy(padded, from, 3 * count));
    ByteVector r, g, b;
    hn::LoadInterleaved3(d, from, r, g, b);
    const auto levels = gray_of(arithmetic, r, g, b);
    hn::StoreInterleaved3(mixed_of(arithmetic, r, levels, factor), mixed_of(arithmetic, g, levels, factor),
                          mixed_of(arithmetic, b, levels, factor), d, count < step ? padded : out + 3 * x);
    if (count < step) std::memcpy(out + 3 * x, padded, 3 * count);
  }
#endif
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

void gray_row(Arithmetic arithmetic, const uint8_t* rgb, size_t width, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(gray_pixels)(static_cast<int>(arithmetic), rgb, width, out);
}

void saturate_row(Arithmetic arithmetic, const uint8_t* rgb, size_t width, double factor, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(saturate_pixels)(static_cast<int>(arithmetic), rgb, width, factor, out);
}

void repeat_three_times(const uint8_t* values, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(repeat_thrice)(values, count, out);
}

uint64_t sum_of_row(const uint8_t* values, size_t count) {
  return HWY_DYNAMIC_DISPATCH(sum_bytes)(values, count);
}

}  // namespace stoker
#endif  // HWY_ONCE
