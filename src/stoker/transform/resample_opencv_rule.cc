#include "stoker/transform/resample_opencv_rule.h"

#include <algorithm>
#include <numbers>

namespace stoker {
namespace {

int floor_int(float x) {
  const int down = static_cast<int>(x);
  return static_cast<float>(down) > x ? down - 1 : down;
}
int floor_int(double x) {
  const int down = static_cast<int>(x);
  return down > x ? down - 1 : down;
}

}  // namespace

ResizeRule rule_of(const Resize& resize, int channels) {
  if (resize.width == resize.source_width && resize.height == resize.source_height) return ResizeRule::kCopy;
  const AxisScale x(resize.source_width, resize.width);
  const AxisScale y(resize.source_height, resize.height);
  const bool whole = x.is_whole() && y.is_whole();
  const bool halves = whole && x.whole() == 2 && y.whole() == 2;
  const bool is_linear = resize.dtype == DType::kUint8 && channels != 2;
  const ResizeRule half_rule = is_linear ? ResizeRule::kLinear : ResizeRule::kWholeArea;
  switch (resize.interpolation) {
    case Interpolation::kNearest:
      return ResizeRule::kNearest;
    case Interpolation::kNearestExact:
      return ResizeRule::kNearestExact;
    case Interpolation::kBilinear:
      return halves ? half_rule : ResizeRule::kLinear;
    case Interpolation::kArea:
      if (x.value < 1 || y.value < 1) return ResizeRule::kAreaLinear;
      if (halves) return half_rule;
      return whole ? ResizeRule::kWholeArea : ResizeRule::kArea;
    case Interpolation::kBicubic:
      return ResizeRule::kCubic;
    default:
      return ResizeRule::kLanczos;
  }
}

int nearest_source(int source, const AxisScale& scale, int output) {
  return std::min(floor_int(output * scale.value), source - 1);
}

int nearest_exact_source(int source, int size, int output) {
  const int64_t step = ((static_cast<int64_t>(source) << 16) + size / 2) / size;
  const int64_t half = step / 2 - source % 2;
  return static_cast<int>(std::clamp<int64_t>((step * output + half) >> 16, 0, source - 1));
}

SourcePosition source_position(ResizeRule rule, const AxisScale& scale, int output) {
  if (rule == ResizeRule::kAreaLinear) {
    const int at = floor_int(output * scale.value);
    const float fraction = static_cast<float>((output + 1) - (at + 1) * scale.inverse);
    return {at, fraction <= 0 ? 0 : fraction - static_cast<float>(floor_int(fraction))};
  }
  const float place = static_cast<float>((output + 0.5) * scale.value - 0.5);
  const int at = floor_int(place);
  return {at, place - static_cast<float>(at)};
}

std::array<float, 8> cubic_weights(float f) {
  constexpr float kA = -0.75F;
  const float g = 1 - f;
  std::array<float, 8> c{};
  c[0] = ((kA * (f + 1) - 5 * kA) * (f + 1) + 8 * kA) * (f + 1) - 4 * kA;
  c[1] = ((kA + 2) * f - (kA + 3)) * f * f + 1;
  c[2] = ((kA + 2) * g - (kA + 3)) * g * g + 1;
  c[3] = 1 - c[0] - c[1] - c[2];
  return c;
}

std::array<float, 8> lanczos_weights(float f) {
  constexpr double kR = 0.70710678118654752440084436210485;
  constexpr double kTurns[8][2] = {{1, 0},  {-kR, -kR}, {0, 1},  {kR, -kR},
                                   {-1, 0}, {kR, kR},   {0, -1}, {-kR, kR}};
  constexpr double kQuarter = std::numbers::pi * 0.25;
  const double angle = -static_cast<double>(f + 3) * kQuarter;
  const double sine = std::sin(angle);
  const double cosine = std::cos(angle);
  std::array<float, 8> c{};
  float sum = 0;
  for (int i = 0; i < 8; ++i) {
    const float distance = f + 3 - static_cast<float>(i);
    if (std::fabs(distance) >= 1e-6F) {
      const double y = -static_cast<double>(distance) * kQuarter;
      c[i] = static_cast<float>((kTurns[i][0] * sine + kTurns[i][1] * cosine) / (y * y));
    } else {
      c[i] = 1e30F;
    }
    sum += c[i];
  }
  sum = 1 / sum;
  for (float& weight : c) weight *= sum;
  return c;
}

}  // namespace stoker
