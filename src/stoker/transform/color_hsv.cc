#include "stoker/transform/color_hsv.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "stoker/transform/color_reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/color_hsv.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#include "stoker/transform/byte_lanes-inl.h"

#ifndef STOKER_COLOR_HSV_EACH
#define STOKER_COLOR_HSV_EACH
namespace stoker {
namespace {
template <class Change>
void change_each(PixelPlanes& planes, Change change) {
  auto& [a, b, c] = planes.values;
  for (size_t x = 0; x < planes.count; ++x) {
    const Pixel pixel = change(Pixel{a[x], b[x], c[x]}, x);
    a[x] = pixel[0];
    b[x] = pixel[1];
    c[x] = pixel[2];
  }
}
}  // namespace
}  // namespace stoker
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

using Shorts = hn::Repartition<int16_t, Bytes>;

struct ThreeBytes {
  ByteVector a;
  ByteVector b;
  ByteVector c;
};

HWY_INLINE ThreeBytes load(const PixelPlanes& planes, size_t x) {
  const Bytes d;
  const auto& [a, b, c] = planes.values;
  return {hn::LoadU(d, a + x), hn::LoadU(d, b + x), hn::LoadU(d, c + x)};
}

HWY_INLINE void store(const ThreeBytes& bytes, size_t x, PixelPlanes& planes) {
  const Bytes d;
  auto& [a, b, c] = planes.values;
  hn::StoreU(bytes.a, d, a + x);
  hn::StoreU(bytes.b, d, b + x);
  hn::StoreU(bytes.c, d, c + x);
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

// What RGB bytes tell of hue, saturation and value before anything is divided.
struct Hexagon {
  ByteVector value;
  ByteVector range;
  ByteVector divisor;    // the range, but 1 where it is 0
  hn::Vec<Shorts> even;  // where on the circle, in sixths times range, of bytes 2 i
  hn::Vec<Shorts> odd;   // and of bytes 2 i + 1
};

HWY_INLINE Hexagon hexagon_of(const ThreeBytes& rgb) {
  const Bytes d;
  const Shorts ds;
  Hexagon out;
  out.value = hn::Max(rgb.a, hn::Max(rgb.b, rgb.c));
  out.range = hn::Sub(out.value, hn::Min(rgb.a, hn::Min(rgb.b, rgb.c)));
  out.divisor = hn::Max(out.range, hn::Set(d, 1));
  const auto is_red = hn::Eq(out.value, rgb.a);
  const auto is_green = hn::Eq(out.value, rgb.b);
  const auto plus = hn::IfThenElse(is_red, rgb.b, hn::IfThenElse(is_green, rgb.c, rgb.a));
  const auto minus = hn::IfThenElse(is_red, rgb.c, hn::IfThenElse(is_green, rgb.a, rgb.b));
  const auto sixths = hn::IfThenZeroElse(is_red, hn::IfThenElse(is_green, hn::Set(d, 2), hn::Set(d, 4)));
  const auto low = hn::Set(ds, 255);
  const auto even = [&](ByteVector bytes) HWY_ATTR { return hn::And(hn::BitCast(ds, bytes), low); };
  const auto odd = [&](ByteVector bytes) HWY_ATTR {
    const hn::RebindToUnsigned<Shorts> du;
    return hn::BitCast(ds, hn::ShiftRight<8>(hn::BitCast(du, bytes)));
  };
  out.even = hn::Add(hn::Sub(even(plus), even(minus)), hn::Mul(even(sixths), even(out.range)));
  out.odd = hn::Add(hn::Sub(odd(plus), odd(minus)), hn::Mul(odd(sixths), odd(out.range)));
  return out;
}

template <int k>
HWY_INLINE FloatVector place_of(const Hexagon& hexagon) {
  const Ints di;
  const auto pair = hn::BitCast(di, k % 2 == 0 ? hexagon.even : hexagon.odd);
  return hn::ConvertTo(Floats(), hn::ShiftRight<16>(k < 2 ? hn::ShiftLeft<16>(pair) : pair));
}

// numerator / x, rounded to whole 4096ths, for whole x in 1 to 255 and a whole numerator to 255: what OpenCV
// keeps in tables, over 4096. No tie can occur, and the next quotient is further from one, by 2^-21 of
// itself, than what this is wrong by: x86's reciprocal is within 1.5 * 2^-12, so that one step of Newton's
// method makes it 2^-21.9.
HWY_INLINE FloatVector quotient(float numerator, FloatVector x) {
  const Floats df;
#if HWY_ARCH_X86
  const auto near = hn::ApproximateReciprocal(x);
  const auto reciprocal = hn::MulAdd(near, hn::NegMulAdd(x, near, hn::Set(df, 1.0f)), near);
#else
  const auto reciprocal = hn::Div(hn::Set(df, 1.0f), x);
#endif
  const auto round = hn::Set(df, 3072.0f);  // sums with it are whole 4096ths
  return hn::Sub(hn::MulAdd(reciprocal, hn::Set(df, numerator), round), round);
}

// Hue and saturation as integers, value as a float. Every product is a whole number of 4096ths below 4096, so
// that nothing is rounded.
struct HsvPart {
  IntVector hue;
  IntVector saturation;
  FloatVector value;
};

// The hue turned by hue_steps, 0 to 179.
template <int k>
HWY_INLINE HsvPart hsv_part(const Hexagon& hexagon, float hue_bias) {
  const Floats df;
  const Ints di;
  const hn::RebindToUnsigned<Ints> du;
  HsvPart out;
  out.value = floats_of<k>(hexagon.value);
  const auto range = floats_of<k>(hexagon.range);
  const auto share = quotient(255.0f, hn::Max(out.value, hn::Set(df, 1.0f)));
  out.saturation = cut(hn::MulAdd(range, share, hn::Set(df, 0.5f)));
  const auto sixth = quotient(30.0f, floats_of<k>(hexagon.divisor));
  const auto turned = hn::BitCast(du, cut(hn::MulAdd(place_of<k>(hexagon), sixth, hn::Set(df, hue_bias))));
  out.hue = hn::BitCast(di, hn::Min(turned, hn::Sub(turned, hn::Set(du, 180))));
  return out;
}

// The hue before it is cut lies in -30 to 150. With this added, half a step for rounding in it, it lies in 0
// to 359.
HWY_INLINE float hue_bias(int hue_steps) {
  return static_cast<float>(hue_steps < 30 ? hue_steps + 180 : hue_steps) + 0.5f;
}

// Of a pixel's greatest, middle and least level the two that its hue and saturation make.
struct Levels {
  IntVector middle;
  IntVector least;
};

// `is_cut` says for each lane whether it is cut or rounded.
template <class Mask>
HWY_INLINE Levels levels_of(const HsvPart& hsv, Mask is_cut, bool all_cut) {
  const Floats df;
  const auto one = hn::Set(df, 1.0f);
  const auto thirds = hn::Mul(hn::ConvertTo(df, hsv.hue), hn::Set(df, 6.0f / 180.0f / 2));
  const auto saturation = hn::Mul(hn::ConvertTo(df, hsv.saturation), hn::Set(df, 1.0f / 255.0f));
  const auto value = hn::Mul(hsv.value, hn::Set(df, 1.0f / 255.0f));
  const auto fraction = hn::Sub(thirds, hn::ConvertTo(df, cut(thirds)));
  // Rising in even sixths of the circle and falling in odd ones: OpenCV's two formulas in one, exact like
  // them, for the fraction is, and so is twice of it.
  const auto slope = hn::Abs(hn::Sub(one, hn::Add(fraction, fraction)));
  const auto level = [&](FloatVector share) HWY_ATTR {
    const auto color = hn::Mul(hn::Mul(value, share), hn::Set(df, 255.0f));
    return all_cut ? cut(color) : hn::IfThenElse(is_cut, cut(color), rounded(color));
  };
  return {level(one_minus(saturation, slope)), level(hn::Sub(one, saturation))};
}

// By the sixth of the colour circle which of the levels stands where; the greatest is the value itself, as
// value / 255 * 255 in float32 is.
HWY_INLINE ThreeBytes in_sector(ByteVector hue, ByteVector greatest, ByteVector middle, ByteVector least) {
  const Bytes d;
  const auto from = [&](uint8_t low) HWY_ATTR { return hn::Eq(hn::Max(hue, hn::Set(d, low)), hue); };
  const auto from1 = from(30);
  const auto from2 = from(60);
  const auto from3 = from(90);
  const auto from4 = from(120);
  const auto from5 = from(150);
  return {
      hn::IfThenElse(hn::Xor(from2, from4), least, hn::IfThenElse(hn::Xor(from1, from5), middle, greatest)),
      hn::IfThenElse(from4, least, hn::IfThenElse(hn::Xor(from1, from3), greatest, middle)),
      hn::IfThenElse(from2, hn::IfThenElse(hn::Xor(from3, from5), greatest, middle), least)};
}

// `x` is the place of the first pixel, a multiple of 32 like cut_count; four pixels stand in a lane.
HWY_INLINE ThreeBytes rgb_of(const HsvPart& p0, const HsvPart& p1, const HsvPart& p2, const HsvPart& p3,
                             ByteVector value, size_t x, size_t cut_count) {
  const Ints di;
  const size_t cut_lanes = x < cut_count ? (cut_count - x) / 4 : 0;
  const bool all_cut = cut_lanes >= hn::Lanes(di);
  const auto is_cut = hn::FirstN(di, std::min(cut_lanes, hn::Lanes(di)));
  const Levels l0 = levels_of(p0, is_cut, all_cut);
  const Levels l1 = levels_of(p1, is_cut, all_cut);
  const Levels l2 = levels_of(p2, is_cut, all_cut);
  const Levels l3 = levels_of(p3, is_cut, all_cut);
  const auto hue = joined(p0.hue, p1.hue, p2.hue, p3.hue);
  const auto in_circle = hn::Min(hue, hn::Sub(hue, hn::Set(Bytes(), 180)));
  return in_sector(in_circle, value, joined(l0.middle, l1.middle, l2.middle, l3.middle),
                   joined(l0.least, l1.least, l2.least, l3.least));
}

// Saturation and value shifted; `value` is the value afterwards.
template <int k>
HWY_INLINE HsvPart shifted(HsvPart part, IntVector saturation_shift, ByteVector value) {
  const Ints di;
  const auto zero = hn::Zero(di);
  const auto sum = hn::Add(part.saturation, saturation_shift);
  part.saturation =
      hn::IfThenZeroElse(hn::Eq(part.saturation, zero), hn::Min(hn::Max(sum, zero), hn::Set(di, 255)));
  part.value = floats_of<k>(value);
  return part;
}

HWY_INLINE FloatVector fraction_of(FloatVector x) { return hn::Sub(x, hn::ConvertTo(Floats(), cut(x))); }

struct Turned {
  IntVector r;
  IntVector g;
  IntVector b;
};

template <int k>
HWY_INLINE Turned torch_part(const ThreeBytes& rgb, float shift) {
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
  auto sector = cut(floor);
  sector = hn::IfThenZeroElse(hn::Gt(sector, hn::Set(di, 5)), sector);
  const auto share = hn::Mul(saturation, hn::Sub(sixths, floor));
  const auto pale = hn::Sub(one, saturation);
  const auto limited = [&](FloatVector level)
                           HWY_ATTR { return hn::Min(hn::Max(hn::Mul(level, value), zero), one); };
  const Colors colors =
      by_sector(sector, value, limited(pale), limited(hn::Sub(one, share)), limited(hn::Add(share, pale)));
  return {cut(hn::Mul(colors.r, levels)), cut(hn::Mul(colors.g, levels)), cut(hn::Mul(colors.b, levels))};
}
#endif  // HWY_SCALAR

void to_hsv(PixelPlanes& planes) {
#if HWY_TARGET == HWY_SCALAR
  change_each(planes, [](const Pixel& pixel, size_t) { return rgb_to_hsv(pixel); });
#else
  for (size_t x = 0; x < planes.count; x += hn::Lanes(Bytes())) {
    const Hexagon hexagon = hexagon_of(load(planes, x));
    const HsvPart p0 = hsv_part<0>(hexagon, hue_bias(0));
    const HsvPart p1 = hsv_part<1>(hexagon, hue_bias(0));
    const HsvPart p2 = hsv_part<2>(hexagon, hue_bias(0));
    const HsvPart p3 = hsv_part<3>(hexagon, hue_bias(0));
    store({joined(p0.hue, p1.hue, p2.hue, p3.hue),
           joined(p0.saturation, p1.saturation, p2.saturation, p3.saturation), hexagon.value},
          x, planes);
  }
#endif
}

void to_rgb(size_t cut_count, PixelPlanes& planes) {
#if HWY_TARGET == HWY_SCALAR
  change_each(planes, [&](const Pixel& pixel, size_t x) { return hsv_to_rgb(pixel, x < cut_count); });
#else
  for (size_t x = 0; x < planes.count; x += hn::Lanes(Bytes())) {
    const ThreeBytes hsv = load(planes, x);
    const auto part = [&](auto k) HWY_ATTR {
      constexpr int kPart = decltype(k)::value;
      return HsvPart{ints_of<kPart>(hsv.a), ints_of<kPart>(hsv.b), floats_of<kPart>(hsv.c)};
    };
    store(rgb_of(part(std::integral_constant<int, 0>()), part(std::integral_constant<int, 1>()),
                 part(std::integral_constant<int, 2>()), part(std::integral_constant<int, 3>()), hsv.c, x,
                 cut_count),
          x, planes);
  }
#endif
}

void shift_pixels(int hue_steps, int saturation, int value, PixelPlanes& planes) {
#if HWY_TARGET == HWY_SCALAR
  const auto moved = [](int level, int by) { return static_cast<uint8_t>(std::clamp(level + by, 0, 255)); };
  change_each(planes, [&](const Pixel& pixel, size_t x) {
    const Pixel hsv = rgb_to_hsv(pixel);
    return hsv_to_rgb({static_cast<uint8_t>((hsv[0] + hue_steps) % 180),
                       hsv[1] == 0 ? uint8_t{0} : moved(hsv[1], saturation), moved(hsv[2], value)},
                      x < hsv_cut_count(planes.count));
  });
#else
  const Bytes d;
  const size_t cut_count = hsv_cut_count(planes.count);
  const float bias = hue_bias(hue_steps);
  const auto saturation_shift = hn::Set(Ints(), saturation);
  const auto up = hn::Set(d, static_cast<uint8_t>(std::clamp(value, 0, 255)));
  const auto down = hn::Set(d, static_cast<uint8_t>(std::clamp(-value, 0, 255)));
  for (size_t x = 0; x < planes.count; x += hn::Lanes(d)) {
    const Hexagon hexagon = hexagon_of(load(planes, x));
    HsvPart p0 = hsv_part<0>(hexagon, bias);
    HsvPart p1 = hsv_part<1>(hexagon, bias);
    HsvPart p2 = hsv_part<2>(hexagon, bias);
    HsvPart p3 = hsv_part<3>(hexagon, bias);
    auto moved = hexagon.value;
    if (saturation != 0 || value != 0) {
      moved = hn::SaturatedSub(hn::SaturatedAdd(moved, up), down);
      p0 = shifted<0>(p0, saturation_shift, moved);
      p1 = shifted<1>(p1, saturation_shift, moved);
      p2 = shifted<2>(p2, saturation_shift, moved);
      p3 = shifted<3>(p3, saturation_shift, moved);
    }
    store(rgb_of(p0, p1, p2, p3, moved, x, cut_count), x, planes);
  }
#endif
}

void turn_torch(float shift, PixelPlanes& planes) {
#if HWY_TARGET == HWY_SCALAR
  change_each(planes, [&](const Pixel& pixel, size_t) { return shift_hue_torch(pixel, shift); });
#else
  for (size_t x = 0; x < planes.count; x += hn::Lanes(Bytes())) {
    const ThreeBytes rgb = load(planes, x);
    const Turned p0 = torch_part<0>(rgb, shift);
    const Turned p1 = torch_part<1>(rgb, shift);
    const Turned p2 = torch_part<2>(rgb, shift);
    const Turned p3 = torch_part<3>(rgb, shift);
    store({joined(p0.r, p1.r, p2.r, p3.r), joined(p0.g, p1.g, p2.g, p3.g), joined(p0.b, p1.b, p2.b, p3.b)}, x,
          planes);
  }
#endif
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(to_hsv);
HWY_EXPORT(to_rgb);
HWY_EXPORT(shift_pixels);
HWY_EXPORT(turn_torch);

ByteTable hue_table(double shift) {
  return table_of([shift](uint8_t value) {
    const double turned = std::fmod(value + shift, 180.0);
    return static_cast<uint8_t>(turned < 0 ? turned + 180.0 : turned);
  });
}

// Only where the sum is a hair from a whole number may the table be another than this.
std::optional<int> steps_of(const ByteTable& hue) {
  const int steps = hue[0] % 180;
  for (int value = 0; value < 180; ++value) {
    if (hue[static_cast<size_t>(value)] != (value + steps) % 180) return std::nullopt;
  }
  return steps;
}

}  // namespace

void rgb_to_hsv(PixelPlanes& planes) { HWY_DYNAMIC_DISPATCH(to_hsv)(planes); }

void hsv_to_rgb(size_t cut_count, PixelPlanes& planes) { HWY_DYNAMIC_DISPATCH(to_rgb)(cut_count, planes); }

HsvShift hsv_shift(double hue, int saturation, int value) {
  const ByteTable table = hue_table(hue);
  return {table, steps_of(table), saturation, value};
}

void shift_hsv(const HsvShift& shift, PixelPlanes& planes) {
  if (shift.hue_steps) {
    HWY_DYNAMIC_DISPATCH(shift_pixels)(*shift.hue_steps, shift.saturation, shift.value, planes);
    return;
  }
  auto& [h, s, v] = planes.values;
  rgb_to_hsv(planes);
  look_up_row(h, planes.count, 1, {&shift.hue, 1}, h);
  const auto moved = [](int level, int by) { return static_cast<uint8_t>(std::clamp(level + by, 0, 255)); };
  for (size_t x = 0; x < planes.count; ++x) {
    if (s[x] != 0) s[x] = moved(s[x], shift.saturation);
    v[x] = moved(v[x], shift.value);
  }
  hsv_to_rgb(hsv_cut_count(planes.count), planes);
}

void shift_hue_torch(float shift, PixelPlanes& planes) { HWY_DYNAMIC_DISPATCH(turn_torch)(shift, planes); }

void shift_hue_pillow(uint8_t step, PixelPlanes& planes) {
  change_each(planes, [&](const Pixel& pixel, size_t) { return shift_hue_pillow(pixel, step); });
}

}  // namespace stoker
#endif  // HWY_ONCE
