// resize_image_reference: the rules of all libraries, written down once more as plainly as possible. It
// shares no code with resize_image, which it judges.
#include "stoker/transform/resample_reference.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "stoker/base/error.h"

namespace stoker {

// ---- OpenCV's rules of every dtype

double cv_scale(int source, int size) { return 1.0 / (static_cast<double>(size) / source); }

bool is_whole(double scale) {
  return std::fabs(scale - std::nearbyint(scale)) < std::numeric_limits<double>::epsilon();
}

int inside(int at, int source) { return std::clamp(at, 0, source - 1); }

// The first of the two pixels between which an output lies, and how far behind it.
std::pair<int, float> cv_place(bool area, int source, int size, int output) {
  const double scale = cv_scale(source, size);
  if (area) {
    const int at = static_cast<int>(std::floor(output * scale));
    const float part = static_cast<float>((output + 1) - (at + 1) * (static_cast<double>(size) / source));
    return {at, part <= 0 ? 0.0F : part - std::floor(part)};
  }
  const float place = static_cast<float>((output + 0.5) * scale - 0.5);
  return {static_cast<int>(std::floor(place)), place - std::floor(place)};
}

int cv_nearest(bool exact, int source, int size, int output) {
  if (!exact) return std::min(static_cast<int>(std::floor(output * cv_scale(source, size))), source - 1);
  const int64_t step = ((static_cast<int64_t>(source) << 16) + size / 2) / size;
  return inside(static_cast<int>((step * output + step / 2 - source % 2) >> 16), source);
}

std::vector<float> cv_wide_weights(Interpolation kind, float f) {
  std::vector<float> c;
  if (kind == Interpolation::kBicubic) {
    const float a = -0.75F;
    c = {((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a, ((a + 2) * f - (a + 3)) * f * f + 1,
         ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1};
    c.push_back(1 - c[0] - c[1] - c[2]);
  } else {
    const double r = 0.70710678118654752440084436210485;
    const double turns[8][2] = {{1, 0}, {-r, -r}, {0, 1}, {r, -r}, {-1, 0}, {r, r}, {0, -1}, {-r, r}};
    const double angle = -static_cast<double>(f + 3) * std::numbers::pi * 0.25;
    float sum = 0;
    for (int i = 0; i < 8; ++i) {
      const float distance = f + 3 - static_cast<float>(i);
      const double y = -static_cast<double>(distance) * std::numbers::pi * 0.25;
      const double turned = turns[i][0] * std::sin(angle) + turns[i][1] * std::cos(angle);
      c.push_back(std::fabs(distance) < 1e-6F ? 1e30F : static_cast<float>(turned / (y * y)));
      sum += c.back();
    }
    const float norm = 1 / sum;
    for (float& weight : c) weight *= norm;
  }
  return c;
}

std::vector<Tap> cv_area_taps(int source, int size, int output) {
  const double scale = cv_scale(source, size);
  const double begin = output * scale;
  const double end = begin + scale;
  const double width = std::min(scale, source - begin);
  const int last = std::min(static_cast<int>(std::floor(end)), source - 1);
  const int first = std::min(static_cast<int>(std::ceil(begin)), last);
  std::vector<Tap> taps;
  if (first - begin > 1e-3) taps.push_back({first - 1, (first - begin) / width});
  for (int at = first; at < last; ++at) taps.push_back({at, 1.0 / width});
  if (end - last > 1e-3) taps.push_back({last, std::min(std::min(end - last, 1.0), width) / width});
  return taps;
}

namespace {

// A sample of the whole source; asked only for pixels that matter.
using Sample = std::function<int(int x, int y, int channel)>;

uint8_t clamped(int64_t value) { return static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255)); }

// ---- Pillow

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

uint8_t pillow_sample(const Resize& r, const Sample& source, int x, int y, int channel) {
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

// ---- torch

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

// The number of bits in which all weights of an axis are counted.
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

uint8_t torch_sample(const Resize& r, int x_bits, int y_bits, const Sample& source, int x, int y,
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

// ---- OpenCV

uint8_t cv_linear(const Resize& r, const Sample& source, bool area, int x, int y, int channel) {
  const std::pair<int, float> place = cv_place(area, r.source_width, r.width, x);
  int column = place.first;
  float part = place.second;
  if (column < 0 || column >= r.source_width - 1) {
    column = inside(column, r.source_width);
    part = 0;
  }
  const auto [row, down] = cv_place(area, r.source_height, r.height, y);
  const auto weigh = [](float weight) { return static_cast<int>(std::nearbyint(weight * 2048.0F)); };
  const auto along = [&](int from_y) {
    const int left = weigh(1 - part);
    const int right = weigh(part);
    int sum = 0;
    if (left != 0) sum += source(column, from_y, channel) * left;
    if (right != 0) sum += source(column + 1, from_y, channel) * right;
    return sum >> 4;
  };
  const int above = weigh(1 - down);
  const int below = weigh(down);
  int sum = 2;
  if (above != 0) sum += (above * along(inside(row, r.source_height))) >> 16;
  if (below != 0) sum += (below * along(inside(row + 1, r.source_height))) >> 16;
  return clamped(sum >> 2);
}

std::vector<int> whole_weights(Interpolation kind, float f) {
  std::vector<int> whole;
  for (const float weight : cv_wide_weights(kind, f))
    whole.push_back(static_cast<int>(std::nearbyint(weight * 2048.0F)));
  return whole;
}

uint8_t cv_wide(const Resize& r, const Sample& source, int channels, int x, int y, int channel) {
  const auto [column, part] = cv_place(false, r.source_width, r.width, x);
  const auto [row, down] = cv_place(false, r.source_height, r.height, y);
  const std::vector<int> across = whole_weights(r.interpolation, part);
  const std::vector<int> below = whole_weights(r.interpolation, down);
  const int taps = static_cast<int>(across.size());
  std::vector<int> sums;
  for (int i = 0; i < taps; ++i) {
    int sum = 0;
    for (int j = 0; j < taps && below[i] != 0; ++j) {
      if (across[j] == 0) continue;
      sum += across[j] * source(inside(column - taps / 2 + 1 + j, r.source_width),
                                inside(row - taps / 2 + 1 + i, r.source_height), channel);
    }
    sums.push_back(sum);
  }
  const int64_t sample = static_cast<int64_t>(x) * channels + channel;
  const int64_t floats = static_cast<int64_t>(r.width) * channels / 8 * 8;
  if (r.interpolation == Interpolation::kBicubic && sample < floats) {
    volatile float total = 0;
    for (int i = taps - 1; i >= 0; --i) {
      const float weight = static_cast<float>(below[i]) * (1.0F / 4194304);
      volatile float product = static_cast<float>(sums[i]) * weight;
      total = i == taps - 1 ? product : product + total;
    }
    return clamped(std::lrint(total));
  }
  int64_t total = 1 << 21;
  for (int i = 0; i < taps; ++i) total += static_cast<int64_t>(sums[i]) * below[i];
  return clamped(total >> 22);
}

uint8_t cv_area(const Resize& r, const Sample& source, int channels, int x, int y, int channel) {
  const double x_scale = cv_scale(r.source_width, r.width);
  const double y_scale = cv_scale(r.source_height, r.height);
  if (is_whole(x_scale) && is_whole(y_scale)) {
    const int x_factor = static_cast<int>(std::nearbyint(x_scale));
    const int y_factor = static_cast<int>(std::nearbyint(y_scale));
    int sum = 0;
    for (int i = 0; i < x_factor * y_factor; ++i) {
      sum += source(x * x_factor + i % x_factor, y * y_factor + i / x_factor, channel);
    }
    const bool exact = x_factor == 2 && y_factor == 2 && channels != 2;
    if (exact) return clamped((sum + 2) >> 2);
    return clamped(std::lrint(static_cast<float>(sum) * (1.0F / static_cast<float>(x_factor * y_factor))));
  }
  const std::vector<Tap> columns = cv_area_taps(r.source_width, r.width, x);
  const std::vector<Tap> rows = cv_area_taps(r.source_height, r.height, y);
  volatile float total = 0;
  for (const Tap& row : rows) {
    volatile float sum = 0;
    for (const Tap& column : columns) {
      volatile float product =
          static_cast<float>(source(column.at, row.at, channel)) * static_cast<float>(column.weight);
      sum = sum + product;
    }
    volatile float weighted = static_cast<float>(row.weight) * sum;
    total = total + weighted;
  }
  return clamped(std::lrint(total));
}

uint8_t opencv_sample(const Resize& r, const Sample& source, int channels, int x, int y, int channel) {
  if (r.width == r.source_width && r.height == r.source_height)
    return static_cast<uint8_t>(source(x, y, channel));
  const double x_scale = cv_scale(r.source_width, r.width);
  const double y_scale = cv_scale(r.source_height, r.height);
  switch (r.interpolation) {
    case Interpolation::kNearest:
    case Interpolation::kNearestExact: {
      const bool exact = r.interpolation == Interpolation::kNearestExact;
      return static_cast<uint8_t>(source(cv_nearest(exact, r.source_width, r.width, x),
                                         cv_nearest(exact, r.source_height, r.height, y), channel));
    }
    case Interpolation::kBilinear: {
      const bool halves = is_whole(x_scale) && is_whole(y_scale) && std::nearbyint(x_scale) == 2 &&
                          std::nearbyint(y_scale) == 2;
      return halves ? cv_area(r, source, channels, x, y, channel)
                    : cv_linear(r, source, false, x, y, channel);
    }
    case Interpolation::kArea:
      if (x_scale < 1 || y_scale < 1) return cv_linear(r, source, true, x, y, channel);
      return cv_area(r, source, channels, x, y, channel);
    default:
      return cv_wide(r, source, channels, x, y, channel);
  }
}

// torch's alone.
void float_reference(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out) {
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

}  // namespace

void resize_image_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                            const Image& out) {
  STOKER_CHECK(supports(resize.resampler, resize.interpolation));
  if (resize.resampler == Resampler::kOpencv && resize.dtype != DType::kUint8)
    return wide_resize_reference(resize, source, region, out);
  const int channels = out.channels();
  if (out.shape.dtype == DType::kFloat32) return float_reference(resize, source, region, out);
  const bool weighs =
      resize.interpolation != Interpolation::kNearest && resize.interpolation != Interpolation::kNearestExact;
  const int x_bits = weighs ? torch_bits(resize, resize.source_width, resize.width) : 0;
  const int y_bits = weighs ? torch_bits(resize, resize.source_height, resize.height) : 0;
  const Sample sample = [&](int x, int y, int channel) -> int {
    STOKER_CHECK(x >= region.x && x < region.x + region.width && y >= region.y &&
                 y < region.y + region.height);
    return source.row<uint8_t>(y - region.y)[static_cast<ptrdiff_t>(x - region.x) * channels + channel];
  };
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      for (int channel = 0; channel < channels; ++channel) {
        const int from_x = resize.roi.x + x;
        const int from_y = resize.roi.y + y;
        uint8_t& made = out.row<uint8_t>(y)[static_cast<ptrdiff_t>(x) * channels + channel];
        if (resize.resampler == Resampler::kPillow) {
          made = pillow_sample(resize, sample, from_x, from_y, channel);
        } else if (resize.resampler == Resampler::kOpencv) {
          made = opencv_sample(resize, sample, channels, from_x, from_y, channel);
        } else {
          made = torch_sample(resize, x_bits, y_bits, sample, from_x, from_y, channel);
        }
      }
    }
  }
}

}  // namespace stoker
