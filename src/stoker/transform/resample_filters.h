// The filters of antialiased resizes, as Pillow and torch's 8-bit resize compute them.
#pragma once

#include <algorithm>
#include <cmath>
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

}  // namespace stoker
