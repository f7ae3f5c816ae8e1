// float32 arithmetic on doubles: where the arrays of Albumentations are float32, every step ends in a
// rounding.
#pragma once

#include <cmath>
#include <numbers>

namespace stoker {

// Rounded to float32.
double to_single(double value);

// `value` as the array that holds it keeps it.
inline double kept(double value, bool is_single) { return is_single ? to_single(value) : value; }

// An angle in [0, 2 pi), as numpy.mod gives it in float32 or float64. A rest just below 0 may round up to
// 2 pi itself.
inline double angle_in_circle(double angle, bool is_single) {
  const double circle = kept(2 * std::numbers::pi, is_single);
  const double rest = std::fmod(angle, circle);
  if (rest == 0) return 0;
  return rest < 0 ? kept(rest + circle, is_single) : rest;
}

}  // namespace stoker
