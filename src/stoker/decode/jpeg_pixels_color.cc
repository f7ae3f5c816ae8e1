#include "stoker/decode/jpeg_pixels_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/decode/jpeg_pixels_color.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

// Note [YCC]
// JFIF's colours with 16 bits of fraction, each product or sum of products rounded once:
//   R = Y + 1.40200 Cr, G = Y - 0.34414 Cb - 0.71414 Cr, B = Y + 1.77200 Cb, around 128.
// A factor above 1 is a whole part and a fraction that fits 16 bits, which moves no rounding.

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kCrToRed = 91881 - 65536;
constexpr int kCbToGreen = -22554;
constexpr int kCrToGreen = 65536 - 46802;
constexpr int kCbToBlue = 116130 - 2 * 65536;

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE  // whose vectors cannot be held in arrays

uint8_t clamped(int value) { return static_cast<uint8_t>(HWY_MIN(HWY_MAX(value, 0), 255)); }

void upsample_columns(const uint8_t* in, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    out[2 * i] = static_cast<uint8_t>((3 * in[i] + in[static_cast<ptrdiff_t>(i) - 1] + 1) >> 2);
    out[2 * i + 1] = static_cast<uint8_t>((3 * in[i] + in[i + 1] + 2) >> 2);
  }
}

void upsample_both(const uint8_t* near, const uint8_t* far, size_t count, uint8_t* out) {
  const auto sum = [&](ptrdiff_t i) { return 3 * near[i] + far[i]; };
  for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(count); ++i) {
    out[2 * i] = static_cast<uint8_t>((3 * sum(i) + sum(i - 1) + 8) >> 4);
    out[2 * i + 1] = static_cast<uint8_t>((3 * sum(i) + sum(i + 1) + 7) >> 4);
  }
}

void upsample_rows(const uint8_t* near, const uint8_t* far, int bias, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>((3 * near[i] + far[i] + bias) >> 2);
}

void pixels_from_ycc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, size_t width, bool is_bgr,
                     uint8_t* out) {
  for (size_t x = 0; x < width; ++x, out += 3) {
    const int b = cb[x] - 128;
    const int r = cr[x] - 128;
    const int red = y[x] + r + ((kCrToRed * r + 32768) >> 16);
    const int green = y[x] - r + ((kCbToGreen * b + kCrToGreen * r + 32768) >> 16);
    const int blue = y[x] + 2 * b + ((kCbToBlue * b + 32768) >> 16);
    out[is_bgr ? 2 : 0] = clamped(red);
    out[1] = clamped(green);
    out[is_bgr ? 0 : 2] = clamped(blue);
  }
}

void pixels_from_planes(const uint8_t* first, const uint8_t* second, const uint8_t* third, size_t width,
                        uint8_t* out) {
  for (size_t x = 0; x < width; ++x, out += 3) {
    out[0] = first[x];
    out[1] = second[x];
    out[2] = third[x];
  }
}

#else

// Not wider: see Note [256 bits] in jpeg_pixels_dct.cc.
using D8 = hn::CappedTag<uint8_t, 32>;
using V8 = hn::Vec<D8>;
using D16 = hn::Repartition<int16_t, D8>;
using V16 = hn::Vec<D16>;

// The even and the odd bytes, as numbers of 16 bits.
HWY_INLINE V16 even_of(V8 bytes) { return hn::And(hn::BitCast(D16(), bytes), hn::Set(D16(), 0xff)); }
HWY_INLINE V16 odd_of(V8 bytes) {
  const hn::RebindToUnsigned<D16> du;
  return hn::BitCast(D16(), hn::ShiftRight<8>(hn::BitCast(du, bytes)));
}
// Back again, from numbers of 0 to 255.
HWY_INLINE V8 joined(V16 even, V16 odd) { return hn::BitCast(D8(), hn::Or(even, hn::ShiftLeft<8>(odd))); }

// 3 near + far
HWY_INLINE V16 weighted(V16 near, V16 far) { return hn::Add(hn::Add(near, near), hn::Add(near, far)); }

// Stores a and b in turn.
HWY_INLINE void store_interleaved(V8 a, V8 b, uint8_t* out) {
  const D8 d8;
  hn::StoreInterleaved2(a, b, d8, out);
}

void upsample_columns(const uint8_t* in, size_t count, uint8_t* out) {
  const D8 d8;
  const D16 d16;
  const auto one = hn::Set(d16, 1);
  const auto two = hn::Set(d16, 2);
  for (size_t i = 0; i < count; i += hn::Lanes(d8)) {
    const auto before = hn::LoadU(d8, in + i - 1);
    const auto here = hn::LoadU(d8, in + i);
    const auto behind = hn::LoadU(d8, in + i + 1);
    const auto even = even_of(here);
    const auto odd = odd_of(here);
    const auto left = joined(hn::ShiftRight<2>(hn::Add(weighted(even, even_of(before)), one)),
                             hn::ShiftRight<2>(hn::Add(weighted(odd, odd_of(before)), one)));
    const auto right = joined(hn::ShiftRight<2>(hn::Add(weighted(even, even_of(behind)), two)),
                              hn::ShiftRight<2>(hn::Add(weighted(odd, odd_of(behind)), two)));
    store_interleaved(left, right, out + 2 * i);
  }
}

void upsample_both(const uint8_t* near, const uint8_t* far, size_t count, uint8_t* out) {
  const D8 d8;
  const D16 d16;
  const auto seven = hn::Set(d16, 7);
  const auto eight = hn::Set(d16, 8);
  for (size_t i = 0; i < count; i += hn::Lanes(d8)) {
    const auto near_before = hn::LoadU(d8, near + i - 1);
    const auto near_here = hn::LoadU(d8, near + i);
    const auto near_behind = hn::LoadU(d8, near + i + 1);
    const auto far_before = hn::LoadU(d8, far + i - 1);
    const auto far_here = hn::LoadU(d8, far + i);
    const auto far_behind = hn::LoadU(d8, far + i + 1);
    const auto even = weighted(even_of(near_here), even_of(far_here));
    const auto odd = weighted(odd_of(near_here), odd_of(far_here));
    const auto even_before = weighted(even_of(near_before), even_of(far_before));
    const auto odd_before = weighted(odd_of(near_before), odd_of(far_before));
    const auto even_behind = weighted(even_of(near_behind), even_of(far_behind));
    const auto odd_behind = weighted(odd_of(near_behind), odd_of(far_behind));
    const auto left = joined(hn::ShiftRight<4>(hn::Add(weighted(even, even_before), eight)),
                             hn::ShiftRight<4>(hn::Add(weighted(odd, odd_before), eight)));
    const auto right = joined(hn::ShiftRight<4>(hn::Add(weighted(even, even_behind), seven)),
                              hn::ShiftRight<4>(hn::Add(weighted(odd, odd_behind), seven)));
    store_interleaved(left, right, out + 2 * i);
  }
}

void upsample_rows(const uint8_t* near, const uint8_t* far, int bias, size_t count, uint8_t* out) {
  const D8 d8;
  const auto add = hn::Set(D16(), static_cast<int16_t>(bias));
  for (size_t i = 0; i < count; i += hn::Lanes(d8)) {
    const auto here = hn::LoadU(d8, near + i);
    const auto other = hn::LoadU(d8, far + i);
    hn::StoreU(joined(hn::ShiftRight<2>(hn::Add(weighted(even_of(here), even_of(other)), add)),
                      hn::ShiftRight<2>(hn::Add(weighted(odd_of(here), odd_of(other)), add))),
               d8, out + i);
  }
}

struct Rgb16 {
  V16 red, green, blue;
};

// a * kA + b * kB, rounded, over 65536.
template <int kA, int kB>
HWY_INLINE V16 mixed(V16 a, V16 b) {
  const D16 d16;
  const hn::RepartitionToWide<D16> d32;
  const auto half = hn::Set(d32, 32768);
  const auto sum = [&](V16 pairs) HWY_ATTR {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
    const auto factors = hn::BitCast(
        d16, hn::Set(d32, static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint16_t>(kB)) << 16 |
                                               static_cast<uint16_t>(kA))));
    auto unused = hn::Zero(d32);
    return hn::ShiftRight<16>(hn::ReorderWidenMulAccumulate(d32, pairs, factors, half, unused));
#else
    // Elsewhere that operation pairs other lanes.
    const auto wide = hn::BitCast(d32, pairs);
    const auto even = hn::ShiftRight<16>(hn::ShiftLeft<16>(wide));
    const auto odd = hn::ShiftRight<16>(wide);
    return hn::ShiftRight<16>(
        hn::Add(half, hn::Add(hn::Mul(even, hn::Set(d32, kA)), hn::Mul(odd, hn::Set(d32, kB)))));
#endif
  };
  return hn::ReorderDemote2To(d16, sum(hn::InterleaveLower(d16, a, b)), sum(hn::InterleaveUpper(d16, a, b)));
}

// x * kFactor / 65536, rounded.
template <int kFactor>
HWY_INLINE V16 scaled(V16 x) {
  const D16 d16;
  const auto high = hn::MulHigh(hn::Add(x, x), hn::Set(d16, kFactor));
  return hn::ShiftRight<1>(hn::Add(high, hn::Set(d16, 1)));
}

HWY_INLINE V16 clamped(V16 value) {
  const D16 d16;
  return hn::Min(hn::Max(value, hn::Zero(d16)), hn::Set(d16, 255));
}

HWY_INLINE Rgb16 rgb_of(V16 y, V16 cb, V16 cr) {
  const D16 d16;
  const auto center = hn::Set(d16, 128);
  cb = hn::Sub(cb, center);
  cr = hn::Sub(cr, center);
  return {clamped(hn::Add(y, hn::Add(cr, scaled<kCrToRed>(cr)))),
          clamped(hn::Add(hn::Sub(y, cr), mixed<kCbToGreen, kCrToGreen>(cb, cr))),
          clamped(hn::Add(y, hn::Add(hn::Add(cb, cb), scaled<kCbToBlue>(cb))))};
}

// Calls `store(x, to)` for vectors of pixels that cover `width`; the last one again covers some of the one
// before, or, where the row is shorter than a vector, is copied from elsewhere.
template <class Store>
HWY_INLINE void for_pixels(size_t width, uint8_t* out, Store store) {
  const size_t step = hn::Lanes(D8());
  if (width < step) {
    uint8_t pixels[3 * HWY_MAX_BYTES];
    store(0, pixels);
    for (size_t i = 0; i < 3 * width; ++i) out[i] = pixels[i];
    return;
  }
  size_t x = 0;
  for (; x + step <= width; x += step) store(x, out + 3 * x);
  if (x < width) store(width - step, out + 3 * (width - step));
}

void pixels_from_ycc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, size_t width, bool is_bgr,
                     uint8_t* out) {
  const D8 d8;
  for_pixels(width, out, [&](size_t x, uint8_t* to) HWY_ATTR {
    const auto light = hn::LoadU(d8, y + x);
    const auto blueness = hn::LoadU(d8, cb + x);
    const auto redness = hn::LoadU(d8, cr + x);
    const Rgb16 even = rgb_of(even_of(light), even_of(blueness), even_of(redness));
    const Rgb16 odd = rgb_of(odd_of(light), odd_of(blueness), odd_of(redness));
    const auto red = joined(even.red, odd.red);
    const auto green = joined(even.green, odd.green);
    const auto blue = joined(even.blue, odd.blue);
    if (is_bgr) {
      hn::StoreInterleaved3(blue, green, red, d8, to);
    } else {
      hn::StoreInterleaved3(red, green, blue, d8, to);
    }
  });
}

void pixels_from_planes(const uint8_t* first, const uint8_t* second, const uint8_t* third, size_t width,
                        uint8_t* out) {
  const D8 d8;
  for_pixels(width, out, [&](size_t x, uint8_t* to) HWY_ATTR {
    hn::StoreInterleaved3(hn::LoadU(d8, first + x), hn::LoadU(d8, second + x), hn::LoadU(d8, third + x), d8,
                          to);
  });
}

#endif  // HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(upsample_columns);
HWY_EXPORT(upsample_both);
HWY_EXPORT(upsample_rows);
HWY_EXPORT(pixels_from_ycc);
HWY_EXPORT(pixels_from_planes);
}  // namespace

void upsample_columns(const uint8_t* in, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(upsample_columns)(in, count, out);
}
void upsample_both(const uint8_t* near, const uint8_t* far, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(upsample_both)(near, far, count, out);
}
void upsample_rows(const uint8_t* near, const uint8_t* far, int bias, size_t count, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(upsample_rows)(near, far, bias, count, out);
}
void pixels_from_ycc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, size_t width, bool is_bgr,
                     uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(pixels_from_ycc)(y, cb, cr, width, is_bgr, out);
}
void pixels_from_planes(const uint8_t* first, const uint8_t* second, const uint8_t* third, size_t width,
                        uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(pixels_from_planes)(first, second, third, width, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
