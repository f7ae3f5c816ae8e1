#include "stoker/transform/hls.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/hls.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vec = hn::Vec<Floats>;

// Of two unordered values both give `b`, unlike some instructions.
HWY_INLINE Vec lesser(Vec a, Vec b) { return hn::IfThenElse(hn::Lt(a, b), a, b); }
HWY_INLINE Vec greater(Vec a, Vec b) { return hn::IfThenElse(hn::Gt(a, b), a, b); }

// A colour's level at `turn`, which is hue / 60 moved so that its hump lies between 1 and 3.
HWY_INLINE Vec level_at(Vec turn, Vec low, Vec range) {
  const Floats d;
  const auto six = hn::Set(d, 6.0f);
  const auto wrapped = hn::Sub(turn, hn::Mul(hn::Floor(hn::Mul(turn, hn::Set(d, 1.0f / 6))), six));
  const auto share =
      lesser(greater(lesser(wrapped, hn::Sub(hn::Set(d, 4.0f), wrapped)), hn::Zero(d)), hn::Set(d, 1.0f));
  return hn::Add(low, hn::Mul(range, share));
}

void add_hls_noise(const HlsNoise& how, const float* noise, const uint32_t* words, size_t count, float* red,
                   float* green, float* blue) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const hn::RebindToUnsigned<Floats> du;
  const auto zero = hn::Zero(d);
  const auto one = hn::Set(d, 1.0f);
  const auto half = hn::Set(d, 0.5f);
  const auto flip = hn::Set(du, 0x80000000u);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto r = hn::LoadU(d, red + i), g = hn::LoadU(d, green + i), b = hn::LoadU(d, blue + i);
    const auto most = greater(greater(r, g), b);
    const auto least = lesser(lesser(r, g), b);
    const auto range = hn::Sub(most, least);
    const auto sum = hn::Add(most, least);
    const auto lightness = hn::Mul(sum, half);
    const auto is_colored = hn::Gt(range, hn::Set(d, std::numeric_limits<float>::epsilon()));
    const auto room = hn::IfThenElse(hn::Lt(lightness, half), sum, hn::Sub(hn::Set(d, 2.0f), sum));
    const auto saturation = hn::IfThenElse(is_colored, hn::Div(range, room), zero);
    const auto slope = hn::Div(hn::Set(d, 60.0f), range);
    const auto from_red = hn::Mul(hn::Sub(g, b), slope);
    const auto from_green = hn::Add(hn::Mul(hn::Sub(b, r), slope), hn::Set(d, 120.0f));
    const auto from_blue = hn::Add(hn::Mul(hn::Sub(r, g), slope), hn::Set(d, 240.0f));
    auto hue =
        hn::IfThenElse(hn::Eq(most, r), from_red, hn::IfThenElse(hn::Eq(most, g), from_green, from_blue));
    hue = hn::IfThenElse(is_colored, hue, zero);
    hue = hn::Add(hue, hn::Mul(hn::LoadU(d, noise + i), hn::Set(d, how.hue_scale)));

    const auto word = hn::BitCast(di, hn::Xor(hn::LoadU(du, words + i), flip));
    auto reached = hn::Zero(di);
    for (const uint32_t threshold : how.thresholds) {
      const auto below = hn::Set(di, static_cast<int32_t>((threshold - 1) ^ 0x80000000u));
      reached = hn::Sub(reached, hn::VecFromMask(di, hn::Gt(word, below)));
    }
    const auto brighter =
        hn::Mul(hn::Mul(hn::ConvertTo(d, reached), hn::Set(d, how.intensity)), hn::Sub(one, lightness));
    const auto light = lesser(greater(hn::Add(lightness, brighter), zero), one);

    const auto product = hn::Mul(light, saturation);
    const auto high = hn::IfThenElse(hn::Gt(light, half), hn::Sub(hn::Add(light, saturation), product),
                                     hn::Add(light, product));
    const auto low = hn::Sub(hn::Add(light, light), high);
    const auto spread = hn::Sub(high, low);
    const auto turn = hn::Mul(hue, hn::Set(d, 1.0f / 60));
    hn::StoreU(level_at(hn::Add(turn, hn::Set(d, 2.0f)), low, spread), d, red + i);
    hn::StoreU(level_at(turn, low, spread), d, green + i);
    hn::StoreU(level_at(hn::Sub(turn, hn::Set(d, 2.0f)), low, spread), d, blue + i);
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(add_hls_noise);

float plain_level(float turn, float low, float range) {
  const float wrapped = turn - std::floor(turn * (1.0f / 6)) * 6.0f;
  const float share = std::min(1.0f, std::max(0.0f, std::min(4.0f - wrapped, wrapped)));
  return low + range * share;
}

}  // namespace

void add_hls_noise(const HlsNoise& how, const float* noise, const uint32_t* words, size_t count, float* red,
                   float* green, float* blue) {
  HWY_DYNAMIC_DISPATCH(add_hls_noise)(how, noise, words, count, red, green, blue);
}

void add_hls_noise_plainly(const HlsNoise& how, float noise, uint32_t word, float& red, float& green,
                           float& blue) {
  const float most = std::max({red, green, blue});
  const float least = std::min({red, green, blue});
  const float range = most - least;
  const float lightness = (most + least) * 0.5f;
  float hue = 0;
  float saturation = 0;
  if (range > std::numeric_limits<float>::epsilon()) {
    saturation = range / (lightness < 0.5f ? most + least : 2.0f - (most + least));
    const float slope = 60.0f / range;
    hue = most == red     ? (green - blue) * slope
          : most == green ? (blue - red) * slope + 120.0f
                          : (red - green) * slope + 240.0f;
  }
  hue += noise * how.hue_scale;
  const auto reached = std::count_if(how.thresholds.begin(), how.thresholds.end(),
                                     [word](uint32_t threshold) { return word >= threshold; });
  const float light =
      std::clamp(lightness + static_cast<float>(reached) * how.intensity * (1.0f - lightness), 0.0f, 1.0f);
  const float product = light * saturation;
  const float high = light > 0.5f ? light + saturation - product : light + product;
  const float low = light + light - high;
  const float turn = hue * (1.0f / 60);
  red = plain_level(turn + 2.0f, low, high - low);
  green = plain_level(turn, low, high - low);
  blue = plain_level(turn - 2.0f, low, high - low);
}

}  // namespace stoker
#endif  // HWY_ONCE
