#include "stoker/transform/resample_sums.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/resample_sums.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int32_t kHalf = 1 << 21;  // of 22 bits
constexpr int kShift = 22;

uint8_t clamp_to_byte(int32_t value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

template <int kTaps>
uint8_t sums_sample(const int32_t* const* rows, const int32_t* weights, size_t i) {
  uint32_t sum = kHalf;  // unsigned numbers may wrap
  for (int tap = 0; tap < kTaps; ++tap) {
    sum += static_cast<uint32_t>(rows[tap][i]) * static_cast<uint32_t>(weights[tap]);
  }
  return clamp_to_byte(static_cast<int32_t>(sum) >> kShift);
}

int32_t plain_sum(const int32_t* const* rows, int row_count, size_t i) {
  uint32_t sum = 0;
  for (int row = 0; row < row_count; ++row) sum += static_cast<uint32_t>(rows[row][i]);
  return static_cast<int32_t>(sum);
}

uint8_t rounded_to_byte(float value) { return clamp_to_byte(static_cast<int32_t>(std::lrint(value))); }

uint8_t cubic_sample(const int32_t* const* rows, const float* weights, size_t i) {
  volatile float sum = static_cast<float>(rows[3][i]) * weights[3];  // volatile: each step is rounded
  for (int tap = 2; tap >= 0; --tap) {
    volatile float product = static_cast<float>(rows[tap][i]) * weights[tap];
    sum = product + sum;
  }
  return rounded_to_byte(sum);
}

void cubic_weights(const int32_t* weights, float* out) {
  for (int tap = 0; tap < 4; ++tap) out[tap] = static_cast<float>(weights[tap]) * (1.0F / 4194304);
}

float weighed_sample(float sample, float weight, bool starts, float sum) {
  volatile float product = sample * weight;
  return starts ? product : sum + product;
}

#if HWY_TARGET == HWY_SCALAR

void blend_sums_cubic_here(const int32_t* const* rows, const int32_t* weights, size_t float_count,
                           size_t count, uint8_t* out) {
  float floats[4];
  cubic_weights(weights, floats);
  for (size_t i = 0; i < float_count; ++i) out[i] = cubic_sample(rows, floats, i);
  for (size_t i = float_count; i < count; ++i) out[i] = sums_sample<4>(rows, weights, i);
}

void blend_sums_lanczos_here(const int32_t* const* rows, const int32_t* weights, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = sums_sample<8>(rows, weights, i);
}

void blend_sums_mean_here(const int32_t* const* rows, int row_count, float part, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = rounded_to_byte(static_cast<float>(plain_sum(rows, row_count, i)) * part);
  }
}

void weigh_floats_here(const float* row, float weight, bool starts, size_t count, float* sums) {
  for (size_t i = 0; i < count; ++i) sums[i] = weighed_sample(row[i], weight, starts, starts ? 0 : sums[i]);
}

void round_floats_here(const float* sums, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = rounded_to_byte(sums[i]);
}

#else

// Keeps the compiler from fusing a product and a sum into one operation with one rounding, as GCC does
// with vectors too unless told otherwise.
template <class V>
HWY_INLINE V rounded(V v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR && !HWY_COMPILER_MSVC
  asm("" : "+v"(v.raw));
#elif HWY_ARCH_ARM && HWY_TARGET == HWY_NEON && !HWY_COMPILER_MSVC
  asm("" : "+w"(v.raw));
#endif
  return v;
}

using Sums = hn::CappedTag<int32_t, 16>;

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

void blend_sums_cubic_here(const int32_t* const* rows, const int32_t* weights, size_t float_count,
                           size_t count, uint8_t* out) {
  const hn::CappedTag<int32_t, 8> d;  // float_count is a multiple of 8
  const hn::Rebind<float, decltype(d)> df;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  float floats[4];
  cubic_weights(weights, floats);
  const auto w0 = hn::Set(df, floats[0]);
  const auto w1 = hn::Set(df, floats[1]);
  const auto w2 = hn::Set(df, floats[2]);
  const auto w3 = hn::Set(df, floats[3]);
  const auto product = [&](const int32_t* row, auto weight) HWY_ATTR {
    return rounded(hn::Mul(hn::ConvertTo(df, hn::LoadU(d, row)), weight));
  };
  size_t i = 0;
  const auto vector = [&](size_t at) HWY_ATTR {
    auto sum = product(rows[3] + at, w3);
    sum = rounded(hn::Add(product(rows[2] + at, w2), sum));
    sum = rounded(hn::Add(product(rows[1] + at, w1), sum));
    sum = rounded(hn::Add(product(rows[0] + at, w0), sum));
    hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(sum)), d8, out + at);
  };
  // A window of the result need not begin at a multiple of 8.
  const size_t step = hn::MaxLanes(d);
  for (; i + step <= float_count; i += step) vector(i);
  if (i < float_count && float_count >= step) {
    vector(float_count - step);
    i = float_count;
  }
  for (; i < float_count; ++i) out[i] = cubic_sample(rows, floats, i);
  for (; i < count; ++i) out[i] = sums_sample<4>(rows, weights, i);
}

void blend_sums_lanczos_here(const int32_t* const* rows, const int32_t* weights, size_t count, uint8_t* out) {
  const Sums d;
  const hn::Rebind<uint8_t, Sums> d8;
  for_each_step(
      count, hn::MaxLanes(Sums()),
      [&](size_t i) HWY_ATTR {
        auto sum = hn::Set(d, kHalf);
        for (int tap = 0; tap < 8; ++tap) {
          sum = hn::Add(sum, hn::Mul(hn::LoadU(d, rows[tap] + i), hn::Set(d, weights[tap])));
        }
        hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kShift>(sum)), d8, out + i);
      },
      [&](size_t i) { out[i] = sums_sample<8>(rows, weights, i); });
}

void blend_sums_mean_here(const int32_t* const* rows, int row_count, float part, size_t count, uint8_t* out) {
  const Sums d;
  const hn::Rebind<float, Sums> df;
  const hn::Rebind<uint8_t, Sums> d8;
  const auto parts = hn::Set(df, part);
  for_each_step(
      count, hn::MaxLanes(Sums()),
      [&](size_t i) HWY_ATTR {
        auto sum = hn::LoadU(d, rows[0] + i);
        for (int row = 1; row < row_count; ++row) sum = hn::Add(sum, hn::LoadU(d, rows[row] + i));
        const auto mean = hn::Mul(hn::ConvertTo(df, sum), parts);
        hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(mean)), d8, out + i);
      },
      [&](size_t i) { out[i] = rounded_to_byte(static_cast<float>(plain_sum(rows, row_count, i)) * part); });
}

void weigh_floats_here(const float* row, float weight, bool starts, size_t count, float* sums) {
  const hn::CappedTag<float, 16> d;
  const auto w = hn::Set(d, weight);
  const size_t step = hn::MaxLanes(d);
  size_t i = 0;
  for (; i + step <= count; i += step) {
    auto sum = rounded(hn::Mul(hn::LoadU(d, row + i), w));
    if (!starts) sum = hn::Add(hn::LoadU(d, sums + i), sum);
    hn::StoreU(sum, d, sums + i);
  }
  for (; i < count; ++i) sums[i] = weighed_sample(row[i], weight, starts, starts ? 0 : sums[i]);
}

void round_floats_here(const float* sums, size_t count, uint8_t* out) {
  const hn::CappedTag<float, 16> d;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  for_each_step(
      count, hn::MaxLanes(d),
      [&](size_t i)
          HWY_ATTR { hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(hn::LoadU(d, sums + i))), d8, out + i); },
      [&](size_t i) { out[i] = rounded_to_byte(sums[i]); });
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE  // what follows is compiled once
namespace stoker {

HWY_EXPORT(blend_sums_cubic_here);
HWY_EXPORT(blend_sums_lanczos_here);
HWY_EXPORT(blend_sums_mean_here);
HWY_EXPORT(weigh_floats_here);
HWY_EXPORT(round_floats_here);

void blend_sums_cubic(const int32_t* const* rows, const int32_t* weights, size_t float_count, size_t count,
                      uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_sums_cubic_here)(rows, weights, float_count, count, out);
}

void blend_sums_lanczos(const int32_t* const* rows, const int32_t* weights, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_sums_lanczos_here)(rows, weights, count, out);
}

void blend_sums_mean(const int32_t* const* rows, int row_count, float part, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_sums_mean_here)(rows, row_count, part, count, out);
}

void weigh_floats(const float* row, float weight, bool starts, size_t count, float* sums) {
  HWY_DYNAMIC_DISPATCH(weigh_floats_here)(row, weight, starts, count, sums);
}

void round_floats(const float* sums, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(round_floats_here)(sums, count, out);
}

}  // namespace stoker
#endif
