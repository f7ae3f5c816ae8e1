#include "stoker/transform/torch_sample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/torch_sample.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#ifndef STOKER_TRANSFORM_TORCH_SAMPLE_ONCE
#define STOKER_TRANSFORM_TORCH_SAMPLE_ONCE
namespace stoker {
namespace {

// What a row of results is read with: the pixel up and left of each place, the shares of the four pixels
// there, and their sum over those that are inside.
struct TapRow {
  std::vector<int32_t> left, top;
  std::vector<float> upper_left, upper_right, lower_left, lower_right;

  explicit TapRow(int width) {
    for (auto* each : {&left, &top}) each->resize(padded_floats(width));
    for (auto* each : {&upper_left, &upper_right, &lower_left, &lower_right})
      each->resize(padded_floats(width));
  }
};

}  // namespace
}  // namespace stoker
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> fused(D d, hn::Vec<D> a, hn::Vec<D> b, hn::Vec<D> c) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::MulAdd(a, b, c);
#else
  constexpr size_t kLanes = hn::MaxLanes(d);
  HWY_ALIGN float as[kLanes], bs[kLanes], cs[kLanes];
  hn::Store(a, d, as);
  hn::Store(b, d, bs);
  hn::Store(c, d, cs);
  for (size_t i = 0; i < hn::Lanes(d); ++i) as[i] = std::fma(as[i], bs[i], cs[i]);
  return hn::Load(d, as);
#endif
}

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;

// From torch's count, -1 to 1, to pixels.
HWY_INLINE FloatVec in_pixels(FloatVec at, float half_size) {
  const Floats d;
  return fused(d, hn::Add(at, hn::Set(d, 1.0F)), hn::Set(d, half_size), hn::Set(d, -0.5F));
}

// As integers; what lies outside the image, or is not a number, remains outside.
HWY_INLINE void store_whole(FloatVec at, int size, int32_t* out) {
  const Floats d;
  const auto beyond = hn::Set(d, static_cast<float>(size));
  const auto below = hn::IfThenElse(hn::Lt(at, beyond), at, beyond);
  hn::StoreU(hn::ConvertTo(hn::RebindToSigned<Floats>(), hn::Max(below, hn::Set(d, -2.0F))),
             hn::RebindToSigned<Floats>(), out);
}

void nearest_row(const float* xs, const float* ys, const ImageShape& from, size_t count, TapRow* taps) {
  const Floats d;
  const float half_width = static_cast<float>(from.width) / 2;
  const float half_height = static_cast<float>(from.height) / 2;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    store_whole(hn::Round(in_pixels(hn::LoadU(d, xs + i), half_width)), from.width, taps->left.data() + i);
    store_whole(hn::Round(in_pixels(hn::LoadU(d, ys + i), half_height)), from.height, taps->top.data() + i);
  }
}

void bilinear_row(const float* xs, const float* ys, const ImageShape& from, size_t count, TapRow* taps) {
  const Floats d;
  const float half_width = static_cast<float>(from.width) / 2;
  const float half_height = static_cast<float>(from.height) / 2;
  const auto one = hn::Set(d, 1.0F);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto x = in_pixels(hn::LoadU(d, xs + i), half_width);
    const auto y = in_pixels(hn::LoadU(d, ys + i), half_height);
    const auto left = hn::Floor(x);
    const auto top = hn::Floor(y);
    store_whole(left, from.width, taps->left.data() + i);
    store_whole(top, from.height, taps->top.data() + i);
    const auto right_share = hn::Sub(x, left);
    const auto lower_share = hn::Sub(y, top);
    const auto left_share = hn::Sub(one, right_share);
    const auto upper_share = hn::Sub(one, lower_share);
    hn::StoreU(hn::Mul(upper_share, left_share), d, taps->upper_left.data() + i);
    hn::StoreU(hn::Mul(upper_share, right_share), d, taps->upper_right.data() + i);
    hn::StoreU(hn::Mul(lower_share, left_share), d, taps->lower_left.data() + i);
    hn::StoreU(hn::Mul(lower_share, right_share), d, taps->lower_right.data() + i);
  }
}

// Four neighbours, each of as many samples as there are channels.
template <class T>
struct Neighbours {
  const T* upper_left;
  const T* upper_right;
  const T* lower_left;
  const T* lower_right;
};

// Channels are taken in groups of four, or one by one where there are no vectors.
using Four = hn::CappedTag<float, 4>;

HWY_INLINE hn::Vec<Four> load_four(const float* from) { return hn::LoadU(Four(), from); }
HWY_INLINE hn::Vec<Four> load_four(const uint8_t* from) {
  const hn::Rebind<int32_t, Four> wide;
  return hn::ConvertTo(Four(), hn::PromoteTo(wide, hn::LoadU(hn::Rebind<uint8_t, Four>(), from)));
}
HWY_INLINE void store_four(hn::Vec<Four> sum, float* to) { hn::StoreU(sum, Four(), to); }
HWY_INLINE void store_four(hn::Vec<Four> sum, uint8_t* to) {
  // Not a number becomes 0, as no comparison with it holds.
  const Four d;
  const auto level = hn::IfThenElse(hn::Gt(sum, hn::Zero(d)), sum, hn::Zero(d));
  hn::StoreU(hn::DemoteTo(hn::Rebind<uint8_t, Four>(), hn::NearestInt(hn::Min(level, hn::Set(d, 255.0F)))),
             hn::Rebind<uint8_t, Four>(), to);
}

// The sums of up to four channels.
template <class T>
HWY_INLINE hn::Vec<Four> mixed(const Neighbours<T>& near, const TapRow& taps, size_t x) {
  const Four d;
  auto sum = hn::Mul(load_four(near.upper_left), hn::Set(d, taps.upper_left[x]));
  sum = fused(d, load_four(near.upper_right), hn::Set(d, taps.upper_right[x]), sum);
  sum = fused(d, load_four(near.lower_left), hn::Set(d, taps.lower_left[x]), sum);
  return fused(d, load_four(near.lower_right), hn::Set(d, taps.lower_right[x]), sum);
}

HWY_INLINE hn::Vec<Four> filled(hn::Vec<Four> sum, float inside, hn::Vec<Four> fill, bool is_v1) {
  const Four d;
  const auto share = hn::Set(d, inside);
  if (!is_v1) return hn::Add(hn::Mul(hn::Sub(sum, fill), share), fill);
  return hn::Add(hn::Mul(sum, share), hn::Mul(hn::Sub(hn::Set(d, 1.0F), share), fill));
}

// Samples of T at TapRow's places, `channels` of them a pixel. `line` has room for three samples more.
template <class T>
HWY_INLINE void mix_row(const TapRow& taps, const TorchSampling& sampling, const ConstImage& in, int width,
                        T* line) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t groups = (channels + 3) / 4;
  // Pixels at an edge are copied here, so that whole groups of four can be read.
  std::vector<T> apart(4 * 4 * groups);
  std::vector<float> fill(4 * groups);
  std::copy(sampling.fill.begin(), sampling.fill.end(), fill.begin());
  const bool has_fill = !sampling.fill.empty();
  // The last pixels of a row are read apart: four samples from them on may end behind the image.
  const int safe_width = in.width() - 1 - static_cast<int>((2 + channels) / channels);
  for (int i = 0; i < width; ++i) {
    const auto x = static_cast<size_t>(i);
    const int left = taps.left[x];
    const int top = taps.top[x];
    Neighbours<T> near;
    float inside = 0;
    const float shares[4] = {taps.upper_left[x], taps.upper_right[x], taps.lower_left[x],
                             taps.lower_right[x]};
    if (left >= 0 && left < safe_width && top >= 0 && top + 1 < in.height()) {
      near.upper_left = in.row<T>(top) + static_cast<size_t>(left) * channels;
      near.upper_right = near.upper_left + channels;
      near.lower_left = in.row<T>(top + 1) + static_cast<size_t>(left) * channels;
      near.lower_right = near.lower_left + channels;
      inside = ((shares[0] + shares[1]) + shares[2]) + shares[3];
    } else {
      for (size_t tap = 0; tap < 4; ++tap) {
        const int from_x = left + static_cast<int>(tap % 2);
        const int from_y = top + static_cast<int>(tap / 2);
        const bool is_inside = from_x >= 0 && from_x < in.width() && from_y >= 0 && from_y < in.height();
        T* const to = apart.data() + tap * 4 * groups;
        if (is_inside) {
          std::copy_n(in.row<T>(from_y) + static_cast<size_t>(from_x) * channels, channels, to);
        } else {
          std::fill_n(to, channels, T{0});
        }
        const float level = is_inside ? 1.0F : 0.0F;
        inside = tap == 0 ? level * shares[0] : inside + level * shares[tap];
      }
      near = {apart.data(), apart.data() + 4 * groups, apart.data() + 8 * groups, apart.data() + 12 * groups};
    }
    T* const to = line + x * channels;
    for (size_t c = 0; c < channels; c += hn::Lanes(Four())) {
      const Neighbours<T> group = {near.upper_left + c, near.upper_right + c, near.lower_left + c,
                                   near.lower_right + c};
      const auto sum = mixed(group, taps, x);
      store_four(has_fill ? filled(sum, inside, hn::LoadU(Four(), fill.data() + c), sampling.is_v1) : sum,
                 to + c);
    }
  }
}

void mix_row_of_bytes(const TapRow& taps, const TorchSampling& sampling, const ConstImage& in, int width,
                      uint8_t* line) {
  mix_row(taps, sampling, in, width, line);
}

void mix_row_of_floats(const TapRow& taps, const TorchSampling& sampling, const ConstImage& in, int width,
                       float* line) {
  mix_row(taps, sampling, in, width, line);
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

// How the fill of one channel joins a sum of taps; `inside` is the share that lies inside the image.
float with_fill(float sum, float inside, float fill, bool is_v1) {
  return is_v1 ? sum * inside + (1.0F - inside) * fill : (sum - fill) * inside + fill;
}

HWY_EXPORT(nearest_row);
HWY_EXPORT(bilinear_row);
HWY_EXPORT(mix_row_of_bytes);
HWY_EXPORT(mix_row_of_floats);

void sample_nearest(const GridRow& grid, const void* fill, const ConstImage& in, const Image& out) {
  std::vector<float> xs(padded_floats(out.width()));
  std::vector<float> ys(padded_floats(out.width()));
  TapRow taps(out.width());
  const size_t pixel_bytes = in.shape.pixel_bytes();
  for (int y = 0; y < out.height(); ++y) {
    grid(y, xs.data(), ys.data());
    HWY_DYNAMIC_DISPATCH(nearest_row)
    (xs.data(), ys.data(), in.shape, static_cast<size_t>(out.width()), &taps);
    auto* to = out.row<uint8_t>(y);
    for (size_t x = 0; x < static_cast<size_t>(out.width()); ++x, to += pixel_bytes) {
      const int from_x = taps.left[x];
      const int from_y = taps.top[x];
      const bool is_inside = from_x >= 0 && from_x < in.width() && from_y >= 0 && from_y < in.height();
      const void* const from =
          is_inside ? in.row<uint8_t>(from_y) + static_cast<size_t>(from_x) * pixel_bytes : fill;
      if (pixel_bytes == 3) {
        std::memcpy(to, from, 3);
      } else {
        std::memcpy(to, from, pixel_bytes);
      }
    }
  }
}

void sample_bilinear(const GridRow& grid, const TorchSampling& sampling, const ConstImage& in,
                     const Image& out) {
  std::vector<float> xs(padded_floats(out.width()));
  std::vector<float> ys(padded_floats(out.width()));
  TapRow taps(out.width());
  const size_t row_bytes = out.shape.row_bytes();
  std::vector<float> line(row_bytes / sizeof(float) + 8);
  for (int y = 0; y < out.height(); ++y) {
    grid(y, xs.data(), ys.data());
    HWY_DYNAMIC_DISPATCH(bilinear_row)
    (xs.data(), ys.data(), in.shape, static_cast<size_t>(out.width()), &taps);
    if (in.shape.dtype == DType::kUint8) {
      auto* const bytes = reinterpret_cast<uint8_t*>(line.data());
      HWY_DYNAMIC_DISPATCH(mix_row_of_bytes)(taps, sampling, in, out.width(), bytes);
    } else {
      HWY_DYNAMIC_DISPATCH(mix_row_of_floats)(taps, sampling, in, out.width(), line.data());
    }
    std::memcpy(out.row<uint8_t>(y), line.data(), row_bytes);
  }
}

}  // namespace

void torch_grid_nearest(const GridRow& grid, const ConstImage& in, const Image& out) {
  const std::vector<uint8_t> zeros(in.shape.pixel_bytes(), 0);
  sample_nearest(grid, zeros.data(), in, out);
}

void torch_grid_sample(const GridRow& grid, const TorchSampling& sampling, const ConstImage& in,
                       const Image& out) {
  if (sampling.interpolation == Interpolation::kBilinear) return sample_bilinear(grid, sampling, in, out);
  if (sampling.fill.empty()) return torch_grid_nearest(grid, in, out);
  if (in.shape.dtype == DType::kFloat32) return sample_nearest(grid, sampling.fill.data(), in, out);
  std::vector<uint8_t> fill;
  for (const float level : sampling.fill) fill.push_back(static_cast<uint8_t>(std::nearbyint(level)));
  sample_nearest(grid, fill.data(), in, out);
}

float torch_sample_at(float grid_x, float grid_y, const TorchSampling& sampling, const ConstImage& in,
                      int channel) {
  const auto in_pixels = [](float at, int size) {
    return std::fma(at + 1, static_cast<float>(size) / 2, -0.5F);
  };
  const float x = in_pixels(grid_x, in.width());
  const float y = in_pixels(grid_y, in.height());
  const auto fill = sampling.fill.empty() ? 0.0F : sampling.fill[static_cast<size_t>(channel)];
  const auto is_inside = [&in](float at_x, float at_y) {
    return at_x >= 0 && at_x < static_cast<float>(in.width()) && at_y >= 0 &&
           at_y < static_cast<float>(in.height());
  };
  const auto level = [&](float at_x, float at_y) {
    if (!is_inside(at_x, at_y)) return 0.0F;
    const ptrdiff_t at = static_cast<ptrdiff_t>(at_x) * in.channels() + channel;
    const int row = static_cast<int>(at_y);
    return in.shape.dtype == DType::kUint8 ? static_cast<float>(in.row<uint8_t>(row)[at])
                                           : in.row<float>(row)[at];
  };
  if (sampling.interpolation == Interpolation::kNearest) {
    const float near_x = std::nearbyint(x);
    const float near_y = std::nearbyint(y);
    return is_inside(near_x, near_y) ? level(near_x, near_y) : fill;
  }
  const float left = std::floor(x);
  const float top = std::floor(y);
  float sum = 0;
  float inside = 0;
  for (const int down : {0, 1}) {
    for (const int right : {0, 1}) {
      const float along = right == 1 ? x - left : 1 - (x - left);
      const float across = down == 1 ? y - top : 1 - (y - top);
      const float at_x = left + static_cast<float>(right);
      const float at_y = top + static_cast<float>(down);
      sum = std::fma(level(at_x, at_y), across * along, sum);
      if (is_inside(at_x, at_y)) inside += across * along;
    }
  }
  return sampling.fill.empty() ? sum : with_fill(sum, inside, fill, sampling.is_v1);
}

}  // namespace stoker
#endif  // HWY_ONCE
