#include "stoker/transform/noise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "stoker/base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/noise.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#ifndef STOKER_TRANSFORM_NOISE_CC_ONCE
#define STOKER_TRANSFORM_NOISE_CC_ONCE
namespace stoker {
namespace {

constexpr size_t kBlocksInGroup = 16;
constexpr float kUnit24 = 1.0f / 16777216;
constexpr float kTwiceLn2 = 1.38629436f;
constexpr float kSqrt2 = 1.41421356f;
constexpr float kHalfPi = 1.57079633f;

// ln((1 + s) / (1 - s)) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...)
constexpr float kAtanh[] = {1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f};
// sin x = x (1 - x^2 / 6 + ...), cos x = 1 - x^2 / 2 + ..., for |x| up to pi / 4
constexpr float kSine[] = {-1.0f / 5040, 1.0f / 120, -1.0f / 6, 1.0f};
constexpr float kCosine[] = {1.0f / 40320, -1.0f / 720, 1.0f / 24, -0.5f, 1.0f};

}  // namespace
}  // namespace stoker
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kBlocksInGroup>;
using Ints = hn::RebindToSigned<Floats>;
using Words = hn::RebindToUnsigned<Floats>;
using FloatVec = hn::Vec<Floats>;
using WordVec = hn::Vec<Words>;

#if HWY_TARGET != HWY_SCALAR
HWY_INLINE WordVec high_product(WordVec a, WordVec factor) {
  const Words d;
  const hn::Repartition<uint64_t, Words> wide;
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factor);
  return hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
}
#endif

// The words of blocks first, first + 1, ... , one block a lane. Ten rounds of Philox, as base/random.cc.
HWY_INLINE void philox_blocks(const NoiseRow& noise, uint32_t first, WordVec& w0, WordVec& w1, WordVec& w2,
                              WordVec& w3) {
  const Words d;
#if HWY_TARGET == HWY_SCALAR
  const PhiloxBlock made = philox(noise.seed, {first, noise.row, noise.stream, 0});
  w0 = hn::Set(d, made[0]);
  w1 = hn::Set(d, made[1]);
  w2 = hn::Set(d, made[2]);
  w3 = hn::Set(d, made[3]);
#else
  const auto m0 = hn::Set(d, 0xD2511F53u);
  const auto m1 = hn::Set(d, 0xCD9E8D57u);
  auto k0 = static_cast<uint32_t>(noise.seed);
  auto k1 = static_cast<uint32_t>(noise.seed >> 32);
  w0 = hn::Iota(d, first);
  w1 = hn::Set(d, noise.row);
  w2 = hn::Set(d, noise.stream);
  w3 = hn::Zero(d);
  for (int round = 0; round < 10; ++round) {
    const auto high0 = high_product(w0, m0);
    const auto high1 = high_product(w2, m1);
    const auto low0 = hn::Mul(w0, m0);
    const auto low1 = hn::Mul(w2, m1);
    w0 = hn::Xor(hn::Xor(high1, w1), hn::Set(d, k0));
    w1 = low1;
    w2 = hn::Xor(hn::Xor(high0, w3), hn::Set(d, k1));
    w3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
#endif
}

template <size_t kCount>
HWY_INLINE FloatVec polynomial(const float (&factors)[kCount], FloatVec x) {
  const Floats d;
  auto sum = hn::Set(d, factors[0]);
  for (size_t i = 1; i < kCount; ++i) sum = hn::Add(hn::Mul(sum, x), hn::Set(d, factors[i]));
  return sum;
}

HWY_INLINE FloatVec upper_24(WordVec words) {
  return hn::ConvertTo(Floats(), hn::BitCast(Ints(), hn::ShiftRight<8>(words)));
}

// sqrt(-2 ln((n + 1) / 2^24)), n the upper 24 bits.
HWY_INLINE FloatVec radius_of(WordVec words) {
  const Floats d;
  const Ints di;
  const auto bits = hn::BitCast(di, hn::Add(upper_24(words), hn::Set(d, 1.0f)));
  auto exponent = hn::Sub(hn::ShiftRight<23>(bits), hn::Set(di, 127));
  auto mantissa = hn::BitCast(d, hn::Or(hn::And(bits, hn::Set(di, 0x7fffff)), hn::Set(di, 0x3f800000)));
  const auto is_large = hn::Gt(mantissa, hn::Set(d, kSqrt2));
  mantissa = hn::IfThenElse(is_large, hn::Mul(mantissa, hn::Set(d, 0.5f)), mantissa);
  exponent = hn::IfThenElse(hn::RebindMask(di, is_large), hn::Add(exponent, hn::Set(di, 1)), exponent);
  const auto one = hn::Set(d, 1.0f);
  const auto s = hn::Div(hn::Sub(mantissa, one), hn::Add(mantissa, one));
  const auto ln = hn::Mul(hn::Add(s, s), polynomial(kAtanh, hn::Mul(s, s)));
  const auto whole = hn::Mul(hn::ConvertTo(d, hn::Sub(hn::Set(di, 24), exponent)), hn::Set(d, kTwiceLn2));
  return hn::Sqrt(hn::Sub(whole, hn::Add(ln, ln)));
}

HWY_INLINE void normal_pair(WordVec first, WordVec second, FloatVec& a, FloatVec& b) {
  const Floats d;
  const Words dw;
  const auto radius = radius_of(first);
  // The two highest bits choose the quarter of the circle, the next 24 the place in it.
  const auto turn =
      hn::Sub(hn::Mul(upper_24(hn::ShiftLeft<2>(second)), hn::Set(d, kUnit24)), hn::Set(d, 0.5f));
  const auto x = hn::Mul(turn, hn::Set(d, kHalfPi));
  const auto square = hn::Mul(x, x);
  const auto sine = hn::Mul(x, polynomial(kSine, square));
  const auto cosine = polynomial(kCosine, square);
  const auto is_swapped = hn::RebindMask(d, hn::Ne(hn::And(second, hn::Set(dw, 1u << 30)), hn::Zero(dw)));
  const auto sign = hn::BitCast(d, hn::And(second, hn::Set(dw, 1u << 31)));
  a = hn::Mul(hn::Xor(hn::IfThenElse(is_swapped, hn::Neg(sine), cosine), sign), radius);
  b = hn::Mul(hn::Xor(hn::IfThenElse(is_swapped, cosine, sine), sign), radius);
}

// Calls store(place, w0, w1, w2, w3) for all blocks of the row; word j of a block belongs at place + 16 j.
template <class Store>
HWY_INLINE void for_blocks(const NoiseRow& noise, size_t count, Store store) {
  const size_t lanes = hn::Lanes(Words());
  uint32_t block = 0;
  for (size_t i = 0; i < count; i += kNoiseGroup) {
    for (size_t k = 0; k < kBlocksInGroup; k += lanes, block += static_cast<uint32_t>(lanes)) {
      auto w0 = hn::Zero(Words()), w1 = w0, w2 = w0, w3 = w0;
      philox_blocks(noise, block, w0, w1, w2, w3);
      store(i + k, w0, w1, w2, w3);
    }
  }
}

void uniform_row(const NoiseRow& noise, size_t count, float* out) {
  const Floats d;
  const auto put = [&](WordVec words, size_t at)
                       HWY_ATTR { hn::StoreU(hn::Mul(upper_24(words), hn::Set(d, kUnit24)), d, out + at); };
  for_blocks(noise, count, [&](size_t at, WordVec w0, WordVec w1, WordVec w2, WordVec w3) HWY_ATTR {
    put(w0, at);
    put(w1, at + kBlocksInGroup);
    put(w2, at + 2 * kBlocksInGroup);
    put(w3, at + 3 * kBlocksInGroup);
  });
}

void normal_row(const NoiseRow& noise, size_t count, float* out) {
  const Floats d;
  for_blocks(noise, count, [&](size_t at, WordVec w0, WordVec w1, WordVec w2, WordVec w3) HWY_ATTR {
    auto a = hn::Zero(d), b = a;
    normal_pair(w0, w1, a, b);
    hn::StoreU(a, d, out + at);
    hn::StoreU(b, d, out + at + kBlocksInGroup);
    normal_pair(w2, w3, a, b);
    hn::StoreU(a, d, out + at + 2 * kBlocksInGroup);
    hn::StoreU(b, d, out + at + 3 * kBlocksInGroup);
  });
}

void word_row(const NoiseRow& noise, size_t count, uint32_t* out) {
  const Words d;
  for_blocks(noise, count, [&](size_t at, WordVec w0, WordVec w1, WordVec w2, WordVec w3) HWY_ATTR {
    hn::StoreU(w0, d, out + at);
    hn::StoreU(w1, d, out + at + kBlocksInGroup);
    hn::StoreU(w2, d, out + at + 2 * kBlocksInGroup);
    hn::StoreU(w3, d, out + at + 3 * kBlocksInGroup);
  });
}

// out = cut(value + noise), or value * noise.
template <bool kMultiply, class T>
void combine_as(const T* in, const float* noise, size_t count, T* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<T, decltype(d)> dt;
  const size_t lanes = hn::Lanes(d);
  const auto low = hn::Set(d, static_cast<float>(std::numeric_limits<T>::min()));
  const auto high = hn::Set(d, static_cast<float>(std::numeric_limits<T>::max()));
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(dt, in + i)));
    const auto by = hn::LoadU(d, noise + i);
    const auto made = kMultiply ? hn::Mul(value, by) : hn::Add(value, by);
    hn::StoreU(hn::DemoteTo(dt, hn::ConvertTo(di, hn::Min(hn::Max(made, low), high))), dt, out + i);
  }
  for (; i < count; ++i) {
    const auto value = static_cast<float>(in[i]);
    out[i] = cut<T>(kMultiply ? value * noise[i] : value + noise[i]);
  }
}

template <bool kMultiply>
void combine_floats(const float* in, const float* noise, size_t count, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto nan = hn::Set(d, std::numeric_limits<float>::quiet_NaN());
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, in + i);
    const auto by = hn::LoadU(d, noise + i);
    const auto made = kMultiply ? hn::Mul(value, by) : hn::Add(value, by);
    const auto clipped = hn::IfThenElseZero(hn::Gt(made, hn::Zero(d)), hn::Min(made, hn::Set(d, 1.0f)));
    hn::StoreU(hn::IfThenElse(hn::Eq(made, made), clipped, nan), d, out + i);
  }
  for (; i < count; ++i) out[i] = cut<float>(kMultiply ? in[i] * noise[i] : in[i] + noise[i]);
}

template <bool kMultiply>
void combine(const void* in, const float* noise, size_t count, DType dtype, void* out) {
  if (dtype == DType::kUint8) {
    combine_as<kMultiply>(static_cast<const uint8_t*>(in), noise, count, static_cast<uint8_t*>(out));
  } else if (dtype == DType::kUint16) {
    combine_as<kMultiply>(static_cast<const uint16_t*>(in), noise, count, static_cast<uint16_t*>(out));
  } else if (dtype == DType::kInt16) {
    combine_as<kMultiply>(static_cast<const int16_t*>(in), noise, count, static_cast<int16_t*>(out));
  } else {
    combine_floats<kMultiply>(static_cast<const float*>(in), noise, count, static_cast<float*>(out));
  }
}

void add_row(const void* in, const float* noise, size_t count, DType dtype, void* out) {
  combine<false>(in, noise, count, dtype, out);
}

void multiply_row(const void* in, const float* noise, size_t count, DType dtype, void* out) {
  combine<true>(in, noise, count, dtype, out);
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(uniform_row);
HWY_EXPORT(normal_row);
HWY_EXPORT(word_row);
HWY_EXPORT(add_row);
HWY_EXPORT(multiply_row);

float plain_polynomial(const float* factors, size_t count, float x) {
  float sum = factors[0];
  for (size_t i = 1; i < count; ++i) sum = sum * x + factors[i];
  return sum;
}

float plain_radius(uint32_t word) {
  int exponent = 0;
  float mantissa = 2 * std::frexp(static_cast<float>((word >> 8) + 1), &exponent);
  --exponent;
  if (mantissa > kSqrt2) {
    mantissa /= 2;
    ++exponent;
  }
  const float s = (mantissa - 1) / (mantissa + 1);
  const float ln = (s + s) * plain_polynomial(kAtanh, std::size(kAtanh), s * s);
  return std::sqrt(static_cast<float>(24 - exponent) * kTwiceLn2 - (ln + ln));
}

constexpr int kSeedBits = 22;
constexpr uint64_t kSeedMask = (uint64_t{1} << kSeedBits) - 1;

}  // namespace

void uniform_row(const NoiseRow& noise, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(uniform_row)(noise, count, out);
}

void normal_row(const NoiseRow& noise, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(normal_row)(noise, count, out);
}

void word_row(const NoiseRow& noise, size_t count, uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(word_row)(noise, count, out);
}

void add_row(const void* in, const float* noise, size_t count, DType dtype, void* out) {
  HWY_DYNAMIC_DISPATCH(add_row)(in, noise, count, dtype, out);
}

void multiply_row(const void* in, const float* noise, size_t count, DType dtype, void* out) {
  HWY_DYNAMIC_DISPATCH(multiply_row)(in, noise, count, dtype, out);
}

void spread_row(const float* pixels, size_t width, size_t channels, float* out) {
  if (channels == 3) {
    for (size_t x = 0; x < width; ++x, out += 3) out[0] = out[1] = out[2] = pixels[x];
    return;
  }
  for (size_t x = 0; x < width; ++x, out += channels) std::fill_n(out, channels, pixels[x]);
}

uint32_t word_at(const NoiseRow& noise, size_t i) {
  const size_t in_group = i % kNoiseGroup;
  const auto block = static_cast<uint32_t>(i / kNoiseGroup * kBlocksInGroup + in_group % kBlocksInGroup);
  return philox(noise.seed, {block, noise.row, noise.stream, 0})[in_group / kBlocksInGroup];
}

float uniform_at(const NoiseRow& noise, size_t i) {
  return static_cast<float>(word_at(noise, i) >> 8) * kUnit24;
}

float normal_at(const NoiseRow& noise, size_t i) {
  const bool is_second = i % (2 * kBlocksInGroup) >= kBlocksInGroup;
  const size_t first = is_second ? i - kBlocksInGroup : i;
  const uint32_t angle = word_at(noise, first + kBlocksInGroup);
  const float x = (static_cast<float>((angle << 2) >> 8) * kUnit24 - 0.5f) * kHalfPi;
  const float sine = x * plain_polynomial(kSine, std::size(kSine), x * x);
  const float cosine = plain_polynomial(kCosine, std::size(kCosine), x * x);
  const bool is_swapped = (angle >> 30 & 1) != 0;
  float part = is_second ? (is_swapped ? cosine : sine) : (is_swapped ? -sine : cosine);
  if (angle >> 31 != 0) part = -part;
  return part * plain_radius(word_at(noise, first));
}

template <class T>
T cut(float value) {
  return static_cast<T>(std::clamp(value, static_cast<float>(std::numeric_limits<T>::min()),
                                   static_cast<float>(std::numeric_limits<T>::max())));
}

template <>
float cut<float>(float value) {
  if (std::isnan(value)) return std::numeric_limits<float>::quiet_NaN();
  return value > 0 ? std::min(value, 1.0f) : 0.0f;
}

template uint8_t cut<uint8_t>(float);
template uint16_t cut<uint16_t>(float);
template int16_t cut<int16_t>(float);

float full_range(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
      return 255;
    case DType::kUint16:
      return 65535;
    case DType::kInt16:
      return 32767;
    default:
      return 1;
  }
}

void draw_seed(Rng& rng, double* values) {
  const uint64_t seed = rng.bits64();
  for (int i = 0; i < 3; ++i) values[i] = static_cast<double>(seed >> (i * kSeedBits) & kSeedMask);
}

uint64_t seed_from(const double* values) {
  uint64_t seed = 0;
  for (int i = 0; i < 3; ++i) seed |= static_cast<uint64_t>(values[i]) << (i * kSeedBits);
  return seed;
}

void check_seed(const std::string& op, const double* values) {
  for (int i = 0; i < 3; ++i) {
    if (values[i] >= 0 && values[i] <= static_cast<double>(kSeedMask) && values[i] == std::floor(values[i]))
      continue;
    throw ArgumentError(op + ": the seeds of a draw must be whole numbers from 0 to 4194303, got " +
                        to_json(Value(values[i])) + ".");
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
