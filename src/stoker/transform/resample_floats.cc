#include "stoker/transform/resample_floats.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/resample_floats.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// a * b + c, rounded once. Processors without such an instruction are old enough to take it lane by lane.
template <class D>
HWY_INLINE hn::Vec<D> fused([[maybe_unused]] D d, hn::Vec<D> a, hn::Vec<D> b, hn::Vec<D> c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  constexpr size_t kLanes = hn::MaxLanes(D());
  alignas(64) float as[kLanes], bs[kLanes], cs[kLanes];
  hn::Store(a, d, as);
  hn::Store(b, d, bs);
  hn::Store(c, d, cs);
  for (size_t i = 0; i < kLanes; ++i) as[i] = std::fma(as[i], bs[i], cs[i]);
  return hn::Load(d, as);
#endif
}

// See Note [torch's sums]. `samples(tap)` is a vector of them.
template <class D, class Samples>
HWY_INLINE hn::Vec<D> weighted_sum(D d, const float* weights, int taps, Samples samples) {
  const auto product = [&](int tap) HWY_ATTR { return hn::Mul(samples(tap), hn::Set(d, weights[tap])); };
  auto sum = product(0);
  int tap = 1;
  for (; tap + 4 <= taps; tap += 4) {
    sum = hn::Add(sum, product(tap));
    sum = hn::Add(sum, product(tap + 1));
    sum = hn::Add(sum, product(tap + 2));
    sum = hn::Add(sum, product(tap + 3));
  }
  for (; tap < taps; ++tap) sum = fused(d, samples(tap), hn::Set(d, weights[tap]), sum);
  return sum;
}

// Up to four channels of a pixel at once; what is written behind them belongs to the next pixel, which comes
// later.
void resample_float_row_here(const FloatTaps& taps, int channels, int first_pixel, const float* row,
                             float* out) {
  const hn::CappedTag<float, 4> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const float* weights = taps.weights;
  for (int i = 0; i < taps.size; ++i, weights += taps.stride, out += channels) {
    const float* const pixels = row + static_cast<ptrdiff_t>(taps.start[i] - first_pixel) * channels;
    for (int channel = 0; channel < channels; channel += lanes) {
      const auto sum = weighted_sum(d, weights, taps.count[i], [&](int tap) HWY_ATTR {
        return hn::LoadU(d, pixels + static_cast<ptrdiff_t>(tap) * channels + channel);
      });
      hn::StoreU(sum, d, out + channel);
    }
  }
}

void blend_float_rows_here(const float* const* rows, const float* weights, int taps, size_t count,
                           float* out) {
  const hn::CappedTag<float, 16> wide;
  const hn::CappedTag<float, 1> single;
  const size_t lanes = hn::Lanes(wide);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto sum =
        weighted_sum(wide, weights, taps, [&](int tap) HWY_ATTR { return hn::LoadU(wide, rows[tap] + i); });
    hn::StoreU(sum, wide, out + i);
  }
  for (; i < count; ++i) {
    const auto sum = weighted_sum(single, weights, taps,
                                  [&](int tap) HWY_ATTR { return hn::LoadU(single, rows[tap] + i); });
    hn::StoreU(sum, single, out + i);
  }
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE  // what follows is compiled once
namespace stoker {

HWY_EXPORT(resample_float_row_here);
HWY_EXPORT(blend_float_rows_here);

void resample_float_row(const FloatTaps& taps, int channels, int first_pixel, const float* row, float* out) {
  HWY_DYNAMIC_DISPATCH(resample_float_row_here)(taps, channels, first_pixel, row, out);
}

void blend_float_rows(const float* const* rows, const float* weights, int taps, size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(blend_float_rows_here)(rows, weights, taps, count, out);
}

}  // namespace stoker
#endif
