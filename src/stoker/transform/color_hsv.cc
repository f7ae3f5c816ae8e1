#include "stoker/transform/color_hsv.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "stoker/transform/color_reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/color_hsv.cc"
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

struct ThreeBytes {
  ByteVector a;
  ByteVector b;
  ByteVector c;
};

struct ThreeInts {
  IntVector a;
  IntVector b;
  IntVector c;
};

// Bytes are taken four at a time as one integer lane: its byte number k, and back to its place.
template <int k>
HWY_INLINE IntVector ints_of(ByteVector bytes) {
  const Ints di;
  return hn::And(hn::ShiftRight<8 * k>(hn::BitCast(di, bytes)), hn::Set(di, 255));
}

template <int k>
HWY_INLINE FloatVector floats_of(ByteVector bytes) {
  return hn::ConvertTo(Floats(), ints_of<k>(bytes));
}

HWY_INLINE ByteVector joined(IntVector p0, IntVector p1, IntVector p2, IntVector p3) {
  const auto low = hn::Or(p0, hn::ShiftLeft<8>(p1));
  return hn::BitCast(Bytes(), hn::Or(low, hn::ShiftLeft<16>(hn::Or(p2, hn::ShiftLeft<8>(p3)))));
}

HWY_INLINE ThreeBytes joined(const ThreeInts& p0, const ThreeInts& p1, const ThreeInts& p2,
                             const ThreeInts& p3) {
  return {joined(p0.a, p1.a, p2.a, p3.a), joined(p0.b, p1.b, p2.b, p3.b), joined(p0.c, p1.c, p2.c, p3.c)};
}

// `count` interleaved pixels, at most as many as byte lanes.
HWY_INLINE ThreeBytes load_pixels(const uint8_t* rgb, size_t count) {
  const Bytes d;
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES];
  if (count < hn::Lanes(d)) {
    std::memset(padded, 0, sizeof(padded));
    std::memcpy(padded, rgb, 3 * count);
    rgb = padded;
  }
  ThreeBytes pixels;
  hn::LoadInterleaved3(d, rgb, pixels.a, pixels.b, pixels.c);
  return pixels;
}

HWY_INLINE void store_pixels(const ThreeBytes& pixels, size_t count, uint8_t* rgb) {
  const Bytes d;
  if (count == hn::Lanes(d)) return hn::StoreInterleaved3(pixels.a, pixels.b, pixels.c, d, rgb);
  HWY_ALIGN uint8_t padded[3 * HWY_MAX_BYTES];
  hn::StoreInterleaved3(pixels.a, pixels.b, pixels.c, d, padded);
  std::memcpy(rgb, padded, 3 * count);
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

// 1 - a * b with one rounding. Without such an instruction: the product of two float32 fits a double; the
// difference is rounded twice, which was compared for all 2^24 colours.
HWY_INLINE FloatVector one_minus(FloatVector a, FloatVector b) {
  const Floats df;
#if HWY_NATIVE_FMA
  return hn::NegMulAdd(a, b, hn::Set(df, 1.0f));
#else
  const hn::Repartition<double, Floats> dd;
  const hn::Half<Floats> half;
  const auto one = hn::Set(dd, 1.0);
  const auto low = hn::Sub(
      one, hn::Mul(hn::PromoteTo(dd, hn::LowerHalf(half, a)), hn::PromoteTo(dd, hn::LowerHalf(half, b))));
  const auto high = hn::Sub(
      one, hn::Mul(hn::PromoteTo(dd, hn::UpperHalf(half, a)), hn::PromoteTo(dd, hn::UpperHalf(half, b))));
  return hn::Combine(df, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
#endif
}

struct Colors {
  FloatVector r;
  FloatVector g;
  FloatVector b;
};

// By the sixth of the colour circle, 0 to 5, which of value, p (least), q (falling) and t (rising) stands
// where.
HWY_INLINE Colors by_sector(IntVector sector, FloatVector value, FloatVector p, FloatVector q,
                            FloatVector t) {
  const Floats df;
  const Ints di;
  const auto is = [&](int k) HWY_ATTR { return hn::RebindMask(df, hn::Eq(sector, hn::Set(di, k))); };
  const auto m0 = is(0);
  const auto m1 = is(1);
  const auto m2 = is(2);
  const auto m3 = is(3);
  const auto m4 = is(4);
  const auto m5 = is(5);
  Colors out;
  out.r = hn::IfThenElse(m1, q, hn::IfThenElse(m4, t, hn::IfThenElse(hn::Or(m2, m3), p, value)));
  out.g = hn::IfThenElse(m0, t, hn::IfThenElse(m3, q, hn::IfThenElse(hn::Or(m4, m5), p, value)));
  out.b = hn::IfThenElse(m2, t, hn::IfThenElse(m5, q, hn::IfThenElse(hn::Or(m0, m1), p, value)));
  return out;
}

template <int k>
HWY_INLINE ThreeInts hsv_part(const ThreeBytes& rgb) {
  const Floats df;
  const Ints di;
  const auto one = hn::Set(di, 1);
  const auto half = hn::Set(df, 2048.0f);
  const auto r = ints_of<k>(rgb.a);
  const auto g = ints_of<k>(rgb.b);
  const auto b = ints_of<k>(rgb.c);
  const auto value = hn::Max(r, hn::Max(g, b));
  const auto range = hn::Sub(value, hn::Min(r, hn::Min(g, b)));
  // OpenCV keeps these quotients in tables. They round alike, for a tie is met exactly and the next quotient
  // is further from it than float32's precision. Every product below is whole and under 2^24.
  const auto by_value =
      hn::Round(hn::Div(hn::Set(df, 255 * 4096.0f), hn::ConvertTo(df, hn::Max(value, one))));
  const auto by_range = hn::Round(hn::Div(hn::Set(df, 30 * 4096.0f), hn::ConvertTo(df, hn::Max(range, one))));
  const auto saturation = hn::MulAdd(hn::ConvertTo(df, range), by_value, half);
  const auto twice = hn::Add(range, range);
  auto sixth = hn::Add(hn::Sub(r, g), hn::Add(twice, twice));
  sixth = hn::IfThenElse(hn::Eq(value, g), hn::Add(hn::Sub(b, r), twice), sixth);
  sixth = hn::IfThenElse(hn::Eq(value, r), hn::Sub(g, b), sixth);
  const auto sum = hn::ConvertTo(di, hn::MulAdd(hn::ConvertTo(df, sixth), by_range, half));
  const auto hue = hn::ShiftRight<12>(sum);
  const auto upright = hn::Add(hue, hn::And(hn::BroadcastSignBit(hue), hn::Set(di, 180)));
  return {upright, hn::ShiftRight<12>(hn::ConvertTo(di, saturation)), value};
}

// `is_cut` says for each lane whether it is cut or rounded.
template <int k, class Mask>
HWY_INLINE ThreeInts rgb_part(const ThreeBytes& hsv, Mask is_cut, bool all_cut) {
  const Floats df;
  const Ints di;
  const auto one = hn::Set(df, 1.0f);
  const auto levels = hn::Set(df, 255.0f);
  const auto hue = hn::Mul(floats_of<k>(hsv.a), hn::Set(df, 6.0f / 180.0f));
  const auto saturation = hn::Mul(floats_of<k>(hsv.b), hn::Set(df, 1.0f / 255.0f));
  const auto value = hn::Mul(floats_of<k>(hsv.c), hn::Set(df, 1.0f / 255.0f));
  auto sector = hn::ConvertTo(di, hue);
  const auto fraction = hn::Sub(hue, hn::ConvertTo(df, sector));
  sector = hn::Sub(sector, hn::IfThenElseZero(hn::Gt(sector, hn::Set(di, 5)), hn::Set(di, 6)));
  const auto p = hn::Mul(value, hn::Sub(one, saturation));
  const auto q = hn::Mul(value, one_minus(saturation, fraction));
  const auto t = hn::Mul(value, one_minus(saturation, hn::Sub(one, fraction)));
  const Colors colors = by_sector(sector, value, p, q, t);
  const auto integer = [&](FloatVector color) HWY_ATTR {
    const auto level = hn::Mul(color, levels);
    if (all_cut) return hn::ConvertTo(di, level);
    return hn::IfThenElse(is_cut, hn::ConvertTo(di, level), hn::NearestInt(level));
  };
  return {integer(colors.r), integer(colors.g), integer(colors.b)};
}

HWY_INLINE FloatVector fraction_of(FloatVector x) { return hn::Sub(x, hn::Trunc(x)); }

template <int k>
HWY_INLINE ThreeInts torch_part(const ThreeBytes& rgb, float shift) {
  const Floats df;
  const Ints di;
  const auto zero = hn::Zero(df);
  const auto one = hn::Set(df, 1.0f);
  const auto scale = hn::Set(df, static_cast<float>(1.0 / 255.0));
  const auto levels = hn::Set(df, static_cast<float>(256.0 - 1e-3));
  const auto r = hn::Mul(floats_of<k>(rgb.a), scale);
  const auto g = hn::Mul(floats_of<k>(rgb.b), scale);
  const auto b = hn::Mul(floats_of<k>(rgb.c), scale);
  const auto value = hn::Max(r, hn::Max(g, b));
  const auto range = hn::Sub(value, hn::Min(r, hn::Min(g, b)));
  const auto is_gray = hn::Eq(range, zero);
  const auto saturation = hn::Div(range, hn::IfThenElse(is_gray, one, value));
  const auto divisor = hn::IfThenElse(is_gray, one, range);
  const auto red = hn::Div(hn::Sub(value, r), divisor);
  const auto green = hn::Div(hn::Sub(value, g), divisor);
  const auto blue = hn::Div(hn::Sub(value, b), divisor);
  auto hue = hn::Sub(hn::Add(green, hn::Set(df, 4.0f)), red);
  hue = hn::IfThenElse(hn::Eq(value, g), hn::Sub(hn::Add(red, hn::Set(df, 2.0f)), blue), hue);
  hue = hn::IfThenElse(hn::Eq(value, r), hn::Sub(blue, green), hue);
  hue = fraction_of(hn::Add(hn::Mul(hue, hn::Set(df, static_cast<float>(1.0 / 6.0))), one));
  hue = fraction_of(hn::Add(hue, hn::Set(df, shift)));
  hue = hn::Add(hue, hn::IfThenElseZero(hn::Lt(hue, zero), one));
  const auto sixths = hn::Mul(hue, hn::Set(df, 6.0f));
  const auto floor = hn::Floor(sixths);
  auto sector = hn::ConvertTo(di, floor);
  sector = hn::IfThenZeroElse(hn::Gt(sector, hn::Set(di, 5)), sector);
  const auto share = hn::Mul(saturation, hn::Sub(sixths, floor));
  const auto pale = hn::Sub(one, saturation);
  const auto limited = [&](FloatVector level)
                           HWY_ATTR { return hn::Min(hn::Max(hn::Mul(level, value), zero), one); };
  const Colors colors =
      by_sector(sector, value, limited(pale), limited(hn::Sub(one, share)), limited(hn::Add(share, pale)));
  return {hn::ConvertTo(di, hn::Mul(colors.r, levels)), hn::ConvertTo(di, hn::Mul(colors.g, levels)),
          hn::ConvertTo(di, hn::Mul(colors.b, levels))};
}
#endif  // HWY_SCALAR

void rgb_to_hsv_pixels(const uint8_t* rgb, size_t width, uint8_t* h, uint8_t* s, uint8_t* v) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3) {
    const Pixel hsv = rgb_to_hsv({rgb[0], rgb[1], rgb[2]});
    h[x] = hsv[0];
    s[x] = hsv[1];
    v[x] = hsv[2];
  }
#else
  for (size_t x = 0; x < width; x += hn::Lanes(Bytes())) {
    const size_t count = std::min(hn::Lanes(Bytes()), width - x);
    const ThreeBytes in = load_pixels(rgb + 3 * x, count);
    const ThreeBytes out = joined(hsv_part<0>(in), hsv_part<1>(in), hsv_part<2>(in), hsv_part<3>(in));
    store_plane(out.a, count, h + x);
    store_plane(out.b, count, s + x);
    store_plane(out.c, count, v + x);
  }
#endif
}

void hsv_to_rgb_pixels(const uint8_t* h, const uint8_t* s, const uint8_t* v, size_t width, size_t cut_count,
                       uint8_t* rgb) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3) {
    const Pixel pixel = hsv_to_rgb({h[x], s[x], v[x]}, x < cut_count);
    std::copy(pixel.begin(), pixel.end(), rgb);
  }
#else
  for (size_t x = 0; x < width; x += hn::Lanes(Bytes())) {
    const size_t count = std::min(hn::Lanes(Bytes()), width - x);
    const ThreeBytes in = {load_plane(h + x, count), load_plane(s + x, count), load_plane(v + x, count)};
    // Four pixels stand in a lane, and cut_count is a multiple of 32.
    const size_t cut_lanes = x < cut_count ? (cut_count - x) / 4 : 0;
    const auto is_cut = hn::FirstN(Ints(), std::min(cut_lanes, hn::Lanes(Ints())));
    const bool all_cut = x + hn::Lanes(Bytes()) <= cut_count;
    const ThreeBytes out = joined(rgb_part<0>(in, is_cut, all_cut), rgb_part<1>(in, is_cut, all_cut),
                                  rgb_part<2>(in, is_cut, all_cut), rgb_part<3>(in, is_cut, all_cut));
    store_pixels(out, count, rgb + 3 * x);
  }
#endif
}

void shift_hue_torch_pixels(const uint8_t* rgb, size_t width, float shift, uint8_t* to) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t x = 0; x < width; ++x, rgb += 3, to += 3) {
    const Pixel pixel = shift_hue_torch({rgb[0], rgb[1], rgb[2]}, shift);
    std::copy(pixel.begin(), pixel.end(), to);
  }
#else
  for (size_t x = 0; x < width; x += hn::Lanes(Bytes())) {
    const size_t count = std::min(hn::Lanes(Bytes()), width - x);
    const ThreeBytes in = load_pixels(rgb + 3 * x, count);
    const ThreeBytes out = joined(torch_part<0>(in, shift), torch_part<1>(in, shift),
                                  torch_part<2>(in, shift), torch_part<3>(in, shift));
    store_pixels(out, count, to + 3 * x);
  }
#endif
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(rgb_to_hsv_pixels);
HWY_EXPORT(hsv_to_rgb_pixels);
HWY_EXPORT(shift_hue_torch_pixels);
}  // namespace

void rgb_to_hsv_row(const uint8_t* rgb, size_t width, uint8_t* h, uint8_t* s, uint8_t* v) {
  HWY_DYNAMIC_DISPATCH(rgb_to_hsv_pixels)(rgb, width, h, s, v);
}

void hsv_to_rgb_row(const uint8_t* h, const uint8_t* s, const uint8_t* v, size_t width, size_t cut_count,
                    uint8_t* rgb) {
  HWY_DYNAMIC_DISPATCH(hsv_to_rgb_pixels)(h, s, v, width, cut_count, rgb);
}

void hsv_through_tables_row(const uint8_t* rgb, size_t width, const std::array<const ByteTable*, 3>& tables,
                            uint8_t* out) {
  constexpr size_t kBlock = 512;  // a multiple of 32, so that hsv_cut_count holds block by block
  std::array<std::array<uint8_t, kBlock>, 3> planes;
  for (size_t x = 0; x < width; x += kBlock) {
    const size_t count = std::min(kBlock, width - x);
    rgb_to_hsv_row(rgb + 3 * x, count, planes[0].data(), planes[1].data(), planes[2].data());
    for (size_t c = 0; c < 3; ++c) {
      if (tables[c] != nullptr) look_up_row(planes[c].data(), count, 1, {tables[c], 1}, planes[c].data());
    }
    hsv_to_rgb_row(planes[0].data(), planes[1].data(), planes[2].data(), count, hsv_cut_count(count),
                   out + 3 * x);
  }
}

ByteTable hue_table(double shift) {
  return table_of([shift](uint8_t value) {
    const double turned = std::fmod(value + shift, 180.0);
    return static_cast<uint8_t>(turned < 0 ? turned + 180.0 : turned);
  });
}

void shift_hue_torch_row(const uint8_t* rgb, size_t width, float shift, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(shift_hue_torch_pixels)(rgb, width, shift, out);
}

void shift_hue_pillow_row(const uint8_t* rgb, size_t width, uint8_t step, uint8_t* out) {
  for (size_t x = 0; x < width; ++x, rgb += 3, out += 3) {
    const Pixel turned = shift_hue_pillow({rgb[0], rgb[1], rgb[2]}, step);
    std::copy(turned.begin(), turned.end(), out);
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
