#include "stoker/transform/color_ycrcb.h"

#include <algorithm>
#include <cstring>

#include "stoker/transform/color_reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/color_ycrcb.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

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

struct ThreeInts {
  IntVector a;
  IntVector b;
  IntVector c;
};

// Bytes are taken four at a time as one integer lane: its byte number k, and back to its place.
template <int k>
HWY_INLINE FloatVector floats_of(ByteVector bytes) {
  const Ints di;
  return hn::ConvertTo(Floats(), hn::And(hn::ShiftRight<8 * k>(hn::BitCast(di, bytes)), hn::Set(di, 255)));
}

HWY_INLINE ByteVector joined(IntVector p0, IntVector p1, IntVector p2, IntVector p3) {
  const auto low = hn::Or(p0, hn::ShiftLeft<8>(p1));
  return hn::BitCast(Bytes(), hn::Or(low, hn::ShiftLeft<16>(hn::Or(p2, hn::ShiftLeft<8>(p3)))));
}

HWY_INLINE IntVector to_level(FloatVector value) {
  const Ints di;
  return hn::Min(hn::Max(hn::ConvertTo(di, value), hn::Zero(di)), hn::Set(di, 255));
}

HWY_INLINE ByteVector load_plane(const uint8_t* values, size_t count) {
  const Bytes d;
  if (count == hn::Lanes(d)) return hn::LoadU(d, values);
  HWY_ALIGN uint8_t padded[HWY_MAX_BYTES] = {};
  std::memcpy(padded, values, count);
  return hn::Load(d, padded);
}

HWY_INLINE void store_plane(ByteVector bytes, size_t count, uint8_t* values) {
  const Bytes d;
  if (count == hn::Lanes(d)) return hn::StoreU(bytes, d, values);
  HWY_ALIGN uint8_t padded[HWY_MAX_BYTES];
  hn::Store(bytes, d, padded);
  std::memcpy(values, padded, count);
}

// A sum in Q14 as a whole number, rounded. All sums here are whole and below 2^24, so that float32 is exact.
HWY_INLINE FloatVector rounded(FloatVector sum) {
  const Floats df;
  const auto half = hn::Set(df, 8192.0f);
  return hn::ConvertTo(df, hn::ShiftRight<14>(hn::ConvertTo(Ints(), hn::Add(sum, half))));
}

template <int k>
HWY_INLINE ThreeInts ycrcb_part(ByteVector red, ByteVector green, ByteVector blue) {
  const Floats df;
  const auto middle = hn::Set(df, static_cast<float>(128 << 14));
  const auto r = floats_of<k>(red);
  const auto b = floats_of<k>(blue);
  const auto sum = hn::MulAdd(floats_of<k>(green), hn::Set(df, 9617.0f), hn::Mul(r, hn::Set(df, 4899.0f)));
  const auto y = rounded(hn::MulAdd(b, hn::Set(df, 1868.0f), sum));
  return {to_level(y), to_level(rounded(hn::MulAdd(hn::Sub(r, y), hn::Set(df, 11682.0f), middle))),
          to_level(rounded(hn::MulAdd(hn::Sub(b, y), hn::Set(df, 9241.0f), middle)))};
}

template <int k>
HWY_INLINE ThreeInts rgb_part(ByteVector luma, ByteVector cr, ByteVector cb) {
  const Floats df;
  const auto middle = hn::Set(df, 128.0f);
  const auto y = floats_of<k>(luma);
  const auto red = hn::Sub(floats_of<k>(cr), middle);
  const auto blue = hn::Sub(floats_of<k>(cb), middle);
  const auto green = hn::MulAdd(blue, hn::Set(df, -5636.0f), hn::Mul(red, hn::Set(df, -11698.0f)));
  return {to_level(hn::Add(y, rounded(hn::Mul(red, hn::Set(df, 22987.0f))))),
          to_level(hn::Add(y, rounded(green))),
          to_level(hn::Add(y, rounded(hn::Mul(blue, hn::Set(df, 29049.0f)))))};
}
#endif  // HWY_SCALAR

void rgb_to_ycrcb_pixels(const uint8_t* rgb, size_t width, uint8_t* luma, uint8_t* cr, uint8_t* cb) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3) {
    const Pixel pixel = rgb_to_ycrcb({rgb[0], rgb[1], rgb[2]});
    luma[x] = pixel[0];
    cr[x] = pixel[1];
    cb[x] = pixel[2];
  }
#else
  const Bytes d;
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES] = {};
  for (size_t x = 0; x < width; x += hn::Lanes(d)) {
    const size_t count = std::min(hn::Lanes(d), width - x);
    const uint8_t* from = rgb + 3 * x;
    if (count < hn::Lanes(d)) from = static_cast<const uint8_t*>(std::memcpy(padded, from, 3 * count));
    ByteVector r, g, b;
    hn::LoadInterleaved3(d, from, r, g, b);
    const ThreeInts p0 = ycrcb_part<0>(r, g, b);
    const ThreeInts p1 = ycrcb_part<1>(r, g, b);
    const ThreeInts p2 = ycrcb_part<2>(r, g, b);
    const ThreeInts p3 = ycrcb_part<3>(r, g, b);
    store_plane(joined(p0.a, p1.a, p2.a, p3.a), count, luma + x);
    store_plane(joined(p0.b, p1.b, p2.b, p3.b), count, cr + x);
    store_plane(joined(p0.c, p1.c, p2.c, p3.c), count, cb + x);
  }
#endif
}

void ycrcb_to_rgb_pixels(const uint8_t* luma, const uint8_t* cr, const uint8_t* cb, size_t width,
                         uint8_t* rgb) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3) {
    const Pixel pixel = ycrcb_to_rgb({luma[x], cr[x], cb[x]});
    std::copy(pixel.begin(), pixel.end(), rgb);
  }
#else
  const Bytes d;
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES];
  for (size_t x = 0; x < width; x += hn::Lanes(d)) {
    const size_t count = std::min(hn::Lanes(d), width - x);
    const auto y = load_plane(luma + x, count);
    const auto red = load_plane(cr + x, count);
    const auto blue = load_plane(cb + x, count);
    const ThreeInts p0 = rgb_part<0>(y, red, blue);
    const ThreeInts p1 = rgb_part<1>(y, red, blue);
    const ThreeInts p2 = rgb_part<2>(y, red, blue);
    const ThreeInts p3 = rgb_part<3>(y, red, blue);
    hn::StoreInterleaved3(joined(p0.a, p1.a, p2.a, p3.a), joined(p0.b, p1.b, p2.b, p3.b),
                          joined(p0.c, p1.c, p2.c, p3.c), d, count < hn::Lanes(d) ? padded : rgb + 3 * x);
    if (count < hn::Lanes(d)) std::memcpy(rgb + 3 * x, padded, 3 * count);
  }
#endif
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(rgb_to_ycrcb_pixels);
HWY_EXPORT(ycrcb_to_rgb_pixels);
}  // namespace

void rgb_to_ycrcb_row(const uint8_t* rgb, size_t width, uint8_t* y, uint8_t* cr, uint8_t* cb) {
  HWY_DYNAMIC_DISPATCH(rgb_to_ycrcb_pixels)(rgb, width, y, cr, cb);
}

void ycrcb_to_rgb_row(const uint8_t* y, const uint8_t* cr, const uint8_t* cb, size_t width, uint8_t* rgb) {
  HWY_DYNAMIC_DISPATCH(ycrcb_to_rgb_pixels)(y, cr, cb, width, rgb);
}

}  // namespace stoker
#endif  // HWY_ONCE
