#include "stoker/transform/gray_sum.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/gray_sum.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using QuarterBytes = hn::Rebind<uint8_t, Floats>;

// One channel's weighted part of the grey level, of as many pixels as there are float lanes.
HWY_INLINE hn::Vec<Ints> weighted(const uint8_t* values, float factor, int weight) {
  const Ints di;
  auto level = hn::PromoteTo(di, hn::LoadU(QuarterBytes(), values));
  if (factor != 1) {
    const Floats df;
    const auto scaled = hn::Mul(hn::ConvertTo(df, level), hn::Set(df, factor));
    level = hn::ConvertTo(di, hn::Min(scaled, hn::Set(df, 255.0f)));
  }
  return hn::Mul(level, hn::Set(di, weight));
}

uint64_t row_gray_sum(const uint8_t* row, size_t width, float factor) {
  uint64_t total = 0;
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint8_t> d8;
  const Ints di;
  const size_t step = hn::Lanes(d8);
  HWY_ALIGN uint8_t parts[3 * HWY_MAX_BYTES];
  HWY_ALIGN int32_t lanes[HWY_MAX_BYTES / 4];
  auto sum = hn::Zero(di);  // at most 65,500 / step additions of 4 levels a lane: far below 2^31
  for (; x + step <= width; x += step) {
    hn::Vec<decltype(d8)> r, g, b;
    hn::LoadInterleaved3(d8, row + 3 * x, r, g, b);
    hn::Store(r, d8, parts);
    hn::Store(g, d8, parts + step);
    hn::Store(b, d8, parts + 2 * step);
    for (size_t i = 0; i < step; i += hn::Lanes(di)) {
      const auto red = weighted(parts + i, factor, 19595);
      const auto green = weighted(parts + step + i, factor, 38470);
      const auto blue = weighted(parts + 2 * step + i, factor, 7471);
      const auto level = hn::Add(hn::Add(red, green), hn::Add(blue, hn::Set(di, 0x8000)));
      sum = hn::Add(sum, hn::ShiftRight<16>(level));
    }
  }
  hn::Store(sum, di, lanes);
  for (size_t i = 0; i < hn::Lanes(di); ++i) total += static_cast<uint64_t>(lanes[i]);
#endif
  const auto cut = [factor](uint8_t value) {
    return factor == 1 ? value : static_cast<uint32_t>(std::min(static_cast<float>(value) * factor, 255.0f));
  };
  for (; x < width; ++x) {
    const uint8_t* pixel = row + 3 * x;
    total += (19595 * cut(pixel[0]) + 38470 * cut(pixel[1]) + 7471 * cut(pixel[2]) + 0x8000) >> 16;
  }
  return total;
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(row_gray_sum);
}  // namespace

uint64_t gray_sum(const uint8_t* row, size_t width, float factor) {
  return HWY_DYNAMIC_DISPATCH(row_gray_sum)(row, width, factor);
}

}  // namespace stoker
#endif  // HWY_ONCE
