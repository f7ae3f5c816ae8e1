#include "stoker/transform/color_lab.h"

#include <algorithm>

#include "stoker/transform/color_lab_tables.h"
#include "stoker/transform/color_reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/color_lab.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kHalf = 1 << 14;

using Ints = hn::ScalableTag<int32_t>;
using IntVector = hn::Vec<Ints>;
using FewBytes = hn::Rebind<uint8_t, Ints>;  // as many as there are integer lanes
using FewByteVector = hn::Vec<FewBytes>;

HWY_INLINE IntVector times(IntVector a, int factor) { return hn::Mul(a, hn::Set(Ints(), factor)); }
HWY_INLINE IntVector plus(IntVector a, int term) { return hn::Add(a, hn::Set(Ints(), term)); }

HWY_INLINE IntVector weighed(const std::array<int, 3>& weights, IntVector a, IntVector b, IntVector c,
                             int half) {
  return plus(hn::Add(hn::Add(times(a, weights[0]), times(b, weights[1])), times(c, weights[2])), half);
}

struct LinearVectors {
  IntVector r;
  IntVector g;
  IntVector b;
};

HWY_INLINE LinearVectors linear_of(const LabTables& tables, const uint8_t* rgb) {
  const Ints d;
  FewByteVector r, g, b;
  hn::LoadInterleaved3(FewBytes(), rgb, r, g, b);
  const int32_t* linear = tables.linear.data();
  return {hn::GatherIndex(d, linear, hn::PromoteTo(d, r)), hn::GatherIndex(d, linear, hn::PromoteTo(d, g)),
          hn::GatherIndex(d, linear, hn::PromoteTo(d, b))};
}

HWY_INLINE IntVector root_of(const LabTables& tables, size_t k, const LinearVectors& linear) {
  const IntVector sum = weighed(tables.to_xyz[k], linear.r, linear.g, linear.b, 2048);
  return hn::GatherIndex(Ints(), tables.root.data(), hn::ShiftRight<12>(sum));
}

HWY_INLINE void store_bytes(IntVector q15, uint8_t* out) {
  hn::StoreU(hn::DemoteTo(FewBytes(), hn::ShiftRight<15>(q15)), FewBytes(), out);
}

HWY_INLINE IntVector lightness_of(IntVector root) { return plus(times(root, 296), kHalf - 1336934); }

// LabTables::level_of(): what is divided there is multiplied by the reciprocal here, half a unit away from
// the whole numbers that rounding could miss.
HWY_INLINE IntVector level_of(IntVector root) {
  const hn::RebindToFloat<Ints> df;
  const auto dividend = hn::ConvertTo(df, times(root, LabTables::kSlopeAbove));
  const auto away = hn::Add(dividend, hn::CopySign(hn::Set(df, 0.5f), dividend));
  const auto quotient = hn::ConvertTo(Ints(), hn::Mul(away, hn::Set(df, 1.0f / LabTables::kSlopeBelow)));
  const IntVector line = plus(quotient, -LabTables::kLineOffset);
  const IntVector square = hn::ShiftRight<14>(hn::Mul(root, root));
  const IntVector cube = hn::ShiftRight<14>(hn::Mul(square, root));
  return hn::IfThenElse(hn::Gt(root, hn::Set(Ints(), LabTables::kLastOfLine)), cube, line);
}

// Each handles as many pixels as fill vectors, and says how many.
size_t rgb_to_lab_pixels(const uint8_t* rgb, size_t width, uint8_t* l, uint8_t* a, uint8_t* b) {
  size_t i = 0;
  const LabTables& tables = lab_tables();
  constexpr int kMiddle = 128 * 32768 + kHalf;
  for (; i + hn::Lanes(Ints()) <= width; i += hn::Lanes(Ints())) {
    const LinearVectors linear = linear_of(tables, rgb + 3 * i);
    const IntVector x = root_of(tables, 0, linear);
    const IntVector y = root_of(tables, 1, linear);
    const IntVector z = root_of(tables, 2, linear);
    store_bytes(lightness_of(y), l + i);
    store_bytes(plus(times(hn::Sub(x, y), 500), kMiddle), a + i);
    store_bytes(plus(times(hn::Sub(y, z), 200), kMiddle), b + i);
  }
  return i;
}

size_t rgb_to_lightness_pixels(const uint8_t* rgb, size_t width, uint8_t* l) {
  size_t i = 0;
  const LabTables& tables = lab_tables();
  for (; i + hn::Lanes(Ints()) <= width; i += hn::Lanes(Ints()))
    store_bytes(lightness_of(root_of(tables, 1, linear_of(tables, rgb + 3 * i))), l + i);
  return i;
}

size_t lab_to_rgb_pixels(const uint8_t* l, const uint8_t* a, const uint8_t* b, size_t width, uint8_t* rgb) {
  size_t i = 0;
  const LabTables& tables = lab_tables();
  const Ints d;
  const FewBytes bytes;
  const auto ints_at = [&](const uint8_t* plane) { return hn::PromoteTo(d, hn::LoadU(bytes, plane + i)); };
  for (; i + hn::Lanes(d) <= width; i += hn::Lanes(d)) {
    const IntVector by_a =
        plus(hn::ShiftRight<13>(plus(times(ints_at(a), 5 * 53687), 128)), -LabTables::kMiddleA);
    const IntVector by_b = plus(hn::ShiftRight<9>(plus(times(ints_at(b), 41943), 16)), -LabTables::kMiddleB);
    const IntVector both = hn::GatherIndex(d, tables.of_lightness.data(), ints_at(l));
    const IntVector root = hn::ShiftRight<16>(both);
    const IntVector x = level_of(hn::Add(root, by_a));
    const IntVector y = hn::And(both, hn::Set(d, 0xFFFF));
    const IntVector z = level_of(hn::Sub(root, by_b));
    FewByteVector encoded[3];
    for (size_t c = 0; c < 3; ++c) {
      const IntVector level = hn::ShiftRight<14>(weighed(tables.to_rgb[c], x, y, z, 1 << 13));
      const IntVector at = hn::Min(hn::Max(level, hn::Zero(d)), hn::Set(d, 4095));
      encoded[c] = hn::DemoteTo(bytes, hn::GatherIndex(d, tables.encoded.data(), at));
    }
    hn::StoreInterleaved3(encoded[0], encoded[1], encoded[2], bytes, rgb + 3 * i);
  }
  return i;
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(rgb_to_lab_pixels);
HWY_EXPORT(rgb_to_lightness_pixels);
HWY_EXPORT(lab_to_rgb_pixels);
}  // namespace

void rgb_to_lab_row(const uint8_t* rgb, size_t width, uint8_t* l, uint8_t* a, uint8_t* b) {
  for (size_t i = HWY_DYNAMIC_DISPATCH(rgb_to_lab_pixels)(rgb, width, l, a, b); i < width; ++i) {
    const Pixel lab = rgb_to_lab({rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]});
    l[i] = lab[0];
    a[i] = lab[1];
    b[i] = lab[2];
  }
}

void rgb_to_lightness_row(const uint8_t* rgb, size_t width, uint8_t* l) {
  for (size_t i = HWY_DYNAMIC_DISPATCH(rgb_to_lightness_pixels)(rgb, width, l); i < width; ++i)
    l[i] = rgb_to_lab({rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]})[0];
}

void lab_to_rgb_row(const uint8_t* l, const uint8_t* a, const uint8_t* b, size_t width, uint8_t* rgb) {
  for (size_t i = HWY_DYNAMIC_DISPATCH(lab_to_rgb_pixels)(l, a, b, width, rgb); i < width; ++i) {
    const Pixel pixel = lab_to_rgb({l[i], a[i], b[i]});
    std::copy(pixel.begin(), pixel.end(), rgb + 3 * i);
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
