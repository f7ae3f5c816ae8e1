// resize_image_reference by torch's rules, of tensors.
#include <algorithm>
#include <cmath>

#include "stoker/base/error.h"
#include "stoker/transform/resample_reference.h"

namespace stoker {
namespace {

std::vector<Tap> torch_weights(Interpolation kind, int source, int size, int output) {
  const double scale = static_cast<double>(source) / size;
  const double stretch = std::max(scale, 1.0);
  const double support = reach(kind) * stretch;
  const double centre = (output + 0.5) * scale;
  const int low = std::max(static_cast<int>(centre - support + 0.5), 0);
  const int high = std::min(static_cast<int>(centre + support + 0.5), source);
  std::vector<Tap> taps;
  double sum = 0;
  for (int at = low; at < high && at <= low + 2 * static_cast<int>(std::ceil(support)); ++at) {
    taps.push_back({at, bell(kind, (at - centre + 0.5) * (1.0 / stretch))});
    sum += taps.back().weight;
  }
  for (Tap& tap : taps) tap.weight /= sum;
  return taps;
}

int torch_sum(const std::vector<Tap>& taps, int bits, const std::function<int(int)>& sample) {
  int64_t sum = int64_t{1} << bits >> 1;
  for (const Tap& tap : taps) {
    const double weight = tap.weight * (1 << bits);
    const auto whole = static_cast<int64_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    if (whole != 0) sum += sample(tap.at) * whole;
  }
  return clamped(sum >> bits);
}

float torch_float_bell(Interpolation kind, float x) {
  const float a = std::fabs(x);
  if (kind == Interpolation::kBilinear) return std::max(1 - a, 0.0F);
  if (a < 1) return std::fma(std::fma(1.5F, a, -2.5F) * a, a, 1.0F);
  return a < 2 ? -0.5F * std::fma(std::fma(a - 5, a, 8.0F), a, -4.0F) : 0.0F;
}

std::vector<std::pair<int, float>> torch_float_weights(Interpolation kind, int source, int size, int output) {
  if (source == size) return {{output, 1.0F}};
  const float scale = static_cast<float>(source) / static_cast<float>(size);
  const float stretch = std::max(scale, 1.0F);
  const float support = static_cast<float>(reach(kind)) * stretch;
  volatile float centre = scale * (static_cast<float>(output) + 0.5F);
  volatile float left = centre - support;
  volatile float right = centre + support;
  const int low = std::max(static_cast<int>(left + 0.5), 0);
  const int high = std::min(static_cast<int>(right + 0.5), source);
  std::vector<std::pair<int, float>> taps;
  volatile float sum = 0;
  for (int at = low; at < high && at <= low + 2 * static_cast<int>(std::ceil(support)); ++at) {
    volatile float distance = static_cast<float>(at) - centre;
    volatile float unit = scale >= 1 ? 1 / scale : 1;
    taps.emplace_back(at, torch_float_bell(kind, static_cast<float>((distance + 0.5) * unit)));
    sum = sum + taps.back().second;
  }
  for (auto& tap : taps) tap.second = tap.second / sum;
  return taps;
}

float torch_float_sum(const std::vector<std::pair<int, float>>& taps,
                      const std::function<float(int)>& sample) {
  volatile float sum = sample(taps[0].first) * taps[0].second;
  const size_t rest = taps.size() - 1;
  for (size_t i = 1; i <= rest; ++i) {
    const float value = sample(taps[i].first);
    if (i > rest / 4 * 4) {
      sum = std::fma(value, taps[i].second, static_cast<float>(sum));
    } else {
      volatile float product = value * taps[i].second;
      sum = sum + product;
    }
  }
  return sum;
}

using FloatSample = std::function<float(int x, int y)>;

float torch_float_sample(const Resize& r, const FloatSample& source, int x, int y) {
  const auto columns = torch_float_weights(r.interpolation, r.source_width, r.width, x);
  const auto rows = torch_float_weights(r.interpolation, r.source_height, r.height, y);
  return torch_float_sum(rows, [&](int from_y) {
    return torch_float_sum(columns, [&](int from_x) { return source(from_x, from_y); });
  });
}

int torch_nearest(bool exact, int source, int size, int output) {
  const float scale = static_cast<float>(source) / static_cast<float>(size);
  return std::min(static_cast<int>(std::floor((static_cast<float>(output) + (exact ? 0.5F : 0)) * scale)),
                  source - 1);
}

std::pair<int, int> torch_nearest(const Resize& r, int x, int y) {
  const bool exact = r.interpolation == Interpolation::kNearestExact;
  return {torch_nearest(exact, r.source_width, r.width, x),
          torch_nearest(exact, r.source_height, r.height, y)};
}

}  // namespace

int torch_bits(const Resize& r, int source, int size) {
  if (r.resampler != Resampler::kTorch || source == size) return 0;
  double largest = 0;
  for (int output = 0; output < size; ++output) {
    for (const Tap& tap : torch_weights(r.interpolation, source, size, output))
      largest = std::max(largest, tap.weight);
  }
  int bits = 22;
  while (bits > 0 && std::floor(0.5 + largest * (1 << bits)) >= 32768) --bits;
  return bits;
}

uint8_t torch_sample(const Resize& r, int x_bits, int y_bits, const ByteSample& source, int x, int y,
                     int channel) {
  if (r.interpolation == Interpolation::kNearest || r.interpolation == Interpolation::kNearestExact) {
    const auto [from_x, from_y] = torch_nearest(r, x, y);
    return static_cast<uint8_t>(source(from_x, from_y, channel));
  }
  if (r.resampler == Resampler::kTorchRounded) {
    const float value = torch_float_sample(
        r, [&](int from_x, int from_y) { return static_cast<float>(source(from_x, from_y, channel)); }, x, y);
    return clamped(std::lrint(value));
  }
  const auto along_x = [&](int from_y) {
    if (r.source_width == r.width) return source(x, from_y, channel);
    return torch_sum(torch_weights(r.interpolation, r.source_width, r.width, x), x_bits,
                     [&](int from_x) { return source(from_x, from_y, channel); });
  };
  if (r.source_height == r.height) return static_cast<uint8_t>(along_x(y));
  return clamped(torch_sum(torch_weights(r.interpolation, r.source_height, r.height, y), y_bits, along_x));
}

void torch_float_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                           const Image& out) {
  const bool is_nearest =
      resize.interpolation == Interpolation::kNearest || resize.interpolation == Interpolation::kNearestExact;
  const int channels = out.channels();
  for (int y = 0; y < out.height(); ++y) {
    for (int i = 0; i < out.width() * channels; ++i) {
      const auto sample = [&](int x, int from_y) {
        STOKER_CHECK(x >= region.x && x < region.x + region.width);
        STOKER_CHECK(from_y >= region.y && from_y < region.y + region.height);
        return source.row<float>(from_y - region.y)[(x - region.x) * channels + i % channels];
      };
      const int x = resize.roi.x + i / channels;
      const auto [near_x, near_y] = torch_nearest(resize, x, resize.roi.y + y);
      out.row<float>(y)[i] =
          is_nearest ? sample(near_x, near_y) : torch_float_sample(resize, sample, x, resize.roi.y + y);
    }
  }
}

}  // namespace stoker
