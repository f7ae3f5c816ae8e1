// Filters, axes and weights of antialiased resizes, as Pillow and torch's 8-bit resize have them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "stoker/transform/resample.h"

namespace stoker {

inline double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

// The weight of a sample `x` pixels from the centre.
template <Interpolation kKind>
double filter(double x) {
  if constexpr (kKind == Interpolation::kBilinear) {
    return std::max(1 - std::fabs(x), 0.0);
  } else if constexpr (kKind == Interpolation::kBicubic) {
    constexpr double kA = -0.5;
    x = std::fabs(x);
    if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
    return 0;
  } else if constexpr (kKind == Interpolation::kLanczos) {
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  } else if constexpr (kKind == Interpolation::kBox) {
    return x > -0.5 && x <= 0.5 ? 1 : 0;
  } else {
    constexpr double kShare = 0.54F;  // Pillow's constants are float32
    constexpr double kRest = 0.46F;
    x = std::fabs(x);
    if (x == 0) return 1;
    if (x >= 1) return 0;
    x *= std::numbers::pi;
    return std::sin(x) / x * (kShare + kRest * std::cos(x));
  }
}

// How far from the centre the filter ends, in pixels.
inline double support_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBicubic:
      return 2;
    case Interpolation::kLanczos:
      return 3;
    case Interpolation::kBox:
      return 0.5;
    default:
      return 1;
  }
}

// One axis of an antialiased resize.
struct FilterAxis {
  Interpolation interpolation;
  int source;           // pixels
  double scale;         // source pixels for an output pixel
  double filter_scale;  // the filter is stretched when the image shrinks
  double support;
  int most_taps;

  FilterAxis(Interpolation kind, int from, double source_per_output)
      : interpolation(kind),
        source(from),
        scale(source_per_output),
        filter_scale(std::max(scale, 1.0)),
        support(support_of(kind) * filter_scale),
        most_taps(from) {}

  double centre(int output) const { return (output + 0.5) * scale; }
  int start(int output) const { return std::max(static_cast<int>(centre(output) - support + 0.5), 0); }
  int end(int output) const {
    const int last = std::min(static_cast<int>(centre(output) + support + 0.5), source);
    return std::min(last, start(output) + most_taps);
  }
};

// Writes the weights of one output, which add up to 1, and says how many there are.
template <Interpolation kKind>
int weigh(const FilterAxis& axis, int output, double* weights) {
  const double centre = axis.centre(output);
  const double unit = 1.0 / axis.filter_scale;
  const int first = axis.start(output);
  const int taps = axis.end(output) - first;
  double sum = 0;
  for (int i = 0; i < taps; ++i) {
    weights[i] = filter<kKind>((i + first - centre + 0.5) * unit);
    sum += weights[i];
  }
  if (sum != 0) {
    for (int i = 0; i < taps; ++i) weights[i] /= sum;
  }
  return taps;
}

struct UsedTaps {
  int zeros;  // left out at the front
  int count;  // at least 1
};

// Weights as whole numbers of 1 / `one`, times `factor`, without the zeros at both ends; up to `stride` the
// rest of `out` is 0.
inline UsedTaps to_whole_taps(const double* weights, int count, double one, int factor, int stride,
                              int32_t* out) {
  int zeros = 0;
  int used = 0;
  for (int i = 0; i < count; ++i) {
    const double weight = weights[i] * one;
    const int32_t whole = static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    if (whole == 0 && zeros == i) {
      ++zeros;
      continue;
    }
    out[i - zeros] = whole * factor;
    if (whole != 0) used = i - zeros + 1;
  }
  std::fill(out + used, out + stride, 0);
  return used == 0 ? UsedTaps{0, 1} : UsedTaps{zeros, used};
}

}  // namespace stoker
