// resize_image_reference by OpenCV's rules: places and weights of every dtype, and images of bytes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "stoker/transform/resample_reference.h"

namespace stoker {

double cv_scale(int source, int size) { return 1.0 / (static_cast<double>(size) / source); }

bool is_whole(double scale) {
  return std::fabs(scale - std::nearbyint(scale)) < std::numeric_limits<double>::epsilon();
}

int inside(int at, int source) { return std::clamp(at, 0, source - 1); }

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

uint8_t cv_linear(const Resize& r, const ByteSample& source, bool area, int x, int y, int channel) {
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

uint8_t cv_wide(const Resize& r, const ByteSample& source, int channels, int x, int y, int channel) {
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

uint8_t cv_area(const Resize& r, const ByteSample& source, int channels, int x, int y, int channel) {
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

}  // namespace

uint8_t opencv_sample(const Resize& r, const ByteSample& source, int channels, int x, int y, int channel) {
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

}  // namespace stoker
