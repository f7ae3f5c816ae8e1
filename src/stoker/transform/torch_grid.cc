#include "stoker/transform/torch_grid.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/torch_grid.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#ifndef STOKER_TRANSFORM_TORCH_GRID_ONCE
#define STOKER_TRANSFORM_TORCH_GRID_ONCE
namespace stoker {
namespace {

// A row of a matrix product with (x, y, 1). A matrix product as small as this is made by torch itself, which
// does not fuse; larger ones by MKL, which does on CPUs with AVX-512.
struct GridDot {
  std::array<float, 3> weights;
  bool is_fused;

  float at(float x, float y) const {
    const float first = x * weights[0];
    return (is_fused ? std::fma(y, weights[1], first) : first + y * weights[1]) + weights[2];
  }
};

bool is_fused_product(int height, int width) { return int64_t{6} * height * width >= 400; }

}  // namespace
}  // namespace stoker
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVec = hn::Vec<Floats>;

HWY_INLINE FloatVec fused(FloatVec a, FloatVec b, FloatVec c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  const Floats d;
  constexpr size_t kLanes = hn::MaxLanes(d);
  HWY_ALIGN float as[kLanes], bs[kLanes], cs[kLanes];
  hn::Store(a, d, as);
  hn::Store(b, d, bs);
  hn::Store(c, d, cs);
  for (size_t i = 0; i < kLanes; ++i) as[i] = std::fma(as[i], bs[i], cs[i]);
  return hn::Load(d, as);
#endif
}

HWY_INLINE FloatVec dot(const GridDot& row, FloatVec x, FloatVec y) {
  const Floats d;
  const auto first = hn::Mul(x, hn::Set(d, row.weights[0]));
  const auto weight = hn::Set(d, row.weights[1]);
  const auto sum = row.is_fused ? fused(y, weight, first) : hn::Add(first, hn::Mul(y, weight));
  return hn::Add(sum, hn::Set(d, row.weights[2]));
}

// The pixels of a row lie at start_x, start_x + 1 and so on.
void dot_row(const GridDot& row, float start_x, float y, size_t count, float* out) {
  const Floats d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto x = hn::Add(hn::Iota(d, static_cast<float>(i)), hn::Set(d, start_x));
    hn::StoreU(dot(row, x, hn::Set(d, y)), d, out + i);
  }
}

void divided_row(const GridDot& over, const GridDot& under, float start_x, float y, size_t count,
                 float* out) {
  const Floats d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto x = hn::Add(hn::Iota(d, static_cast<float>(i)), hn::Set(d, start_x));
    const auto at_y = hn::Set(d, y);
    const auto share = hn::Div(dot(over, x, at_y), dot(under, x, at_y));
    hn::StoreU(hn::Sub(share, hn::Set(d, 1.0F)), d, out + i);
  }
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(dot_row);
HWY_EXPORT(divided_row);

float half_of(int size) { return static_cast<float>(0.5 * size); }

// Where the middle of the first of `size` pixels lies, the middle of them all being 0.
float first_of(int size) { return static_cast<float>((1.0 - size) * 0.5); }

struct AffineDots {
  GridDot x;
  GridDot y;

  AffineDots(const TorchMatrix& m, int from_height, int from_width, int height, int width) {
    x.is_fused = y.is_fused = is_fused_product(height, width);
    for (size_t i = 0; i < 3; ++i) {
      x.weights[i] = static_cast<float>(m[i]) / half_of(from_width);
      y.weights[i] = static_cast<float>(m[3 + i]) / half_of(from_height);
    }
  }
};

struct PerspectiveDots {
  GridDot x;
  GridDot y;
  GridDot under;

  PerspectiveDots(const std::array<double, 8>& c, int height, int width) {
    x.is_fused = y.is_fused = under.is_fused = is_fused_product(height, width);
    for (size_t i = 0; i < 3; ++i) {
      x.weights[i] = static_cast<float>(c[i]) / half_of(width);
      y.weights[i] = static_cast<float>(c[3 + i]) / half_of(height);
    }
    under.weights = {static_cast<float>(c[6]), static_cast<float>(c[7]), 1.0F};
  }
};

// torch's linspace over the middles of `size` pixels, from the first to the last.
std::vector<float> own_places(int size) {
  const auto start = static_cast<float>((1.0 - size) / size);
  const auto end = static_cast<float>((size - 1.0) / size);
  const float step = size > 1 ? (end - start) / static_cast<float>(size - 1) : 0;
  std::vector<float> places;
  for (int i = 0; i < size; ++i) {
    const bool is_near_start = i < size / 2 || size == 1;
    places.push_back(is_near_start ? std::fma(step, static_cast<float>(i), start)
                                   : std::fma(-step, static_cast<float>(size - 1 - i), end));
  }
  return places;
}

}  // namespace

GridRow affine_grid(const TorchMatrix& matrix, int from_height, int from_width, int height, int width) {
  const AffineDots dots(matrix, from_height, from_width, height, width);
  return [dots, height, width](int y, float* xs, float* ys) {
    const float start = first_of(width);
    const float at_y = first_of(height) + static_cast<float>(y);
    HWY_DYNAMIC_DISPATCH(dot_row)(dots.x, start, at_y, static_cast<size_t>(width), xs);
    HWY_DYNAMIC_DISPATCH(dot_row)(dots.y, start, at_y, static_cast<size_t>(width), ys);
  };
}

std::array<float, 2> affine_place(const TorchMatrix& matrix, int from_height, int from_width, int height,
                                  int width, int y, int x) {
  const AffineDots dots(matrix, from_height, from_width, height, width);
  const float at_x = first_of(width) + static_cast<float>(x);
  const float at_y = first_of(height) + static_cast<float>(y);
  return {dots.x.at(at_x, at_y), dots.y.at(at_x, at_y)};
}

GridRow perspective_grid(const std::array<double, 8>& coefficients, int height, int width) {
  const PerspectiveDots dots(coefficients, height, width);
  return [dots, width](int y, float* xs, float* ys) {
    const float at_y = static_cast<float>(y) + 0.5F;
    const auto count = static_cast<size_t>(width);
    HWY_DYNAMIC_DISPATCH(divided_row)(dots.x, dots.under, 0.5F, at_y, count, xs);
    HWY_DYNAMIC_DISPATCH(divided_row)(dots.y, dots.under, 0.5F, at_y, count, ys);
  };
}

std::array<float, 2> perspective_place(const std::array<double, 8>& coefficients, int height, int width,
                                       int y, int x) {
  const PerspectiveDots dots(coefficients, height, width);
  const float at_x = static_cast<float>(x) + 0.5F;
  const float at_y = static_cast<float>(y) + 0.5F;
  const float under = dots.under.at(at_x, at_y);
  return {dots.x.at(at_x, at_y) / under - 1, dots.y.at(at_x, at_y) / under - 1};
}

GridRow displaced_grid(const float* displacements, int height, int width) {
  const auto count = static_cast<size_t>(width);
  const float* along_y = displacements + static_cast<size_t>(height) * count;
  return [displacements, along_y, count, own_x = own_places(width), own_y = own_places(height)](
             int y, float* xs, float* ys) {
    const auto row = static_cast<size_t>(y);
    for (size_t x = 0; x < count; ++x) {
      xs[x] = own_x[x] + displacements[row * count + x];
      ys[x] = own_y[row] + along_y[row * count + x];
    }
  };
}

TorchExtent turned_extent(const TorchMatrix& matrix, int height, int width, bool is_v1) {
  const auto size_along = [&](size_t row, int side) {
    const auto* const m = matrix.data() + 3 * row;
    float least = 0;
    float most = 0;
    bool is_first = true;
    for (const float x : {-half_of(width), half_of(width)}) {
      for (const float y : {-half_of(height), half_of(height)}) {
        const float sum = std::fma(y, static_cast<float>(m[1]), x * static_cast<float>(m[0]));
        const float at = sum + static_cast<float>(m[2]);
        least = is_first ? at : std::min(least, at);
        most = is_first ? at : std::max(most, at);
        is_first = false;
      }
    }
    constexpr float kUnit = 1e-4F;
    const auto cut = [is_v1](float value) {
      return std::trunc(is_v1 ? value / kUnit : value * 10000.0F) * kUnit;
    };
    return static_cast<int>(std::ceil(cut(most + half_of(side))) - std::floor(cut(least + half_of(side))));
  };
  return {size_along(1, height), size_along(0, width)};
}

}  // namespace stoker
#endif  // HWY_ONCE
