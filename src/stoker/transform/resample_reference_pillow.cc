// resize_image_reference by Pillow's rules.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "stoker/transform/resample_reference.h"

namespace stoker {

double bell(Interpolation kind, double x) {
  constexpr double kPi = std::numbers::pi;
  const double a = std::fabs(x);
  switch (kind) {
    case Interpolation::kBilinear:
      return a < 1 ? 1 - a : 0;
    case Interpolation::kBicubic:
      if (a < 1) return (1.5 * a - 2.5) * a * a + 1;
      return a < 2 ? (((a - 5) * a + 8) * a - 4) * -0.5 : 0;
    case Interpolation::kLanczos: {
      if (x < -3 || x >= 3) return 0;
      if (x == 0) return 1;
      const double first = x * kPi;
      const double second = x / 3 * kPi;
      return std::sin(first) / first * (std::sin(second) / second);
    }
    case Interpolation::kBox:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    default:
      if (a == 0) return 1;
      return a < 1 ? std::sin(a * kPi) / (a * kPi) *
                         (static_cast<double>(0.54F) + static_cast<double>(0.46F) * std::cos(a * kPi))
                   : 0;
  }
}

double reach(Interpolation kind) {
  if (kind == Interpolation::kBicubic) return 2;
  if (kind == Interpolation::kLanczos) return 3;
  return kind == Interpolation::kBox ? 0.5 : 1;
}

namespace {

std::vector<Tap> pillow_taps(Interpolation kind, int source, int size, int output) {
  if (source == size) return {{output, 4194304}};
  const double scale = static_cast<double>(static_cast<float>(source)) / size;
  const double stretch = std::max(scale, 1.0);
  const double support = reach(kind) * stretch;
  const double centre = (output + 0.5) * scale;
  const int low = std::max(static_cast<int>(centre - support + 0.5), 0);
  const int high = std::min(static_cast<int>(centre + support + 0.5), source);
  std::vector<Tap> taps;
  double sum = 0;
  for (int at = low; at < high; ++at) {
    taps.push_back({at, bell(kind, (at - centre + 0.5) * (1.0 / stretch))});
    sum += taps.back().weight;
  }
  for (Tap& tap : taps) {
    const double weight = (sum != 0 ? tap.weight / sum : tap.weight) * 4194304;
    tap.weight = std::trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
  }
  return taps;
}

int pillow_nearest(int source, int size, int output) {
  const double scale = static_cast<double>(static_cast<float>(source)) / size;
  double at = scale * 0.5;
  for (int i = 0; i < output; ++i) at += scale;
  return std::min(static_cast<int>(at), source - 1);
}

int pillow_sum(const std::vector<Tap>& taps, const std::function<int(int)>& sample) {
  int64_t sum = 1 << 21;
  for (const Tap& tap : taps) {
    if (tap.weight != 0) sum += sample(tap.at) * static_cast<int64_t>(tap.weight);
  }
  return clamped(sum >> 22);
}

}  // namespace

uint8_t pillow_sample(const Resize& r, const ByteSample& source, int x, int y, int channel) {
  if (r.interpolation == Interpolation::kNearest) {
    if (r.width == r.source_width && r.height == r.source_height)
      return static_cast<uint8_t>(source(x, y, channel));
    return static_cast<uint8_t>(source(pillow_nearest(r.source_width, r.width, x),
                                       pillow_nearest(r.source_height, r.height, y), channel));
  }
  const std::vector<Tap> columns = pillow_taps(r.interpolation, r.source_width, r.width, x);
  const std::vector<Tap> rows = pillow_taps(r.interpolation, r.source_height, r.height, y);
  const bool columns_first =
      r.height < r.source_height && r.source_height - r.height > 2 * (r.source_width - r.width);
  if (columns_first) {
    return clamped(pillow_sum(columns, [&](int from_x) {
      return pillow_sum(rows, [&](int from_y) { return source(from_x, from_y, channel); });
    }));
  }
  return clamped(pillow_sum(rows, [&](int from_y) {
    return pillow_sum(columns, [&](int from_x) { return source(from_x, from_y, channel); });
  }));
}

}  // namespace stoker
