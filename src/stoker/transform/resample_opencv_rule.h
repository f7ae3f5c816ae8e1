// Which rule OpenCV's resize takes, where an output lies in the source, and the weights of wide kernels.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "stoker/transform/resample.h"

namespace stoker {

// What OpenCV makes of the asked interpolation, given the sizes.
enum class ResizeRule : uint8_t {
  kCopy,
  kNearest,
  kNearestExact,
  kLinear,
  kAreaLinear,
  kWholeArea,
  kArea,
  kCubic,
  kLanczos
};

struct AxisScale {
  double inverse;  // output / source
  double value;    // its inverse, which need not be source / output to the last bit

  AxisScale(int source, int size) : inverse(static_cast<double>(size) / source), value(1.0 / inverse) {}
  bool is_whole() const {
    return std::fabs(value - std::rint(value)) < std::numeric_limits<double>::epsilon();
  }
  int whole() const { return static_cast<int>(std::rint(value)); }
};

constexpr int taps_of(ResizeRule rule) {
  return rule == ResizeRule::kCubic ? 4 : rule == ResizeRule::kLanczos ? 8 : 2;
}

// Halving in both directions is the mean of four pixels, for uint8 of 1, 3 and 4 channels rounded half up,
// and that is what the linear rule gives with all weights 1024: (64 * (a + b) * 1024 >> 16) is a + b.
ResizeRule rule_of(const Resize& resize, int channels);

// The source pixel that an output of an axis takes.
int nearest_source(int source, const AxisScale& scale, int output);
int nearest_exact_source(int source, int size, int output);

// Where an output lies: between source pixels `at` and `at + 1`, `fraction` behind the first.
struct SourcePosition {
  int at;
  float fraction;
};

SourcePosition source_position(ResizeRule rule, const AxisScale& scale, int output);

// Four and eight weights, for the pixels around `f` behind the second and the fourth.
std::array<float, 8> cubic_weights(float f);
std::array<float, 8> lanczos_weights(float f);

}  // namespace stoker
