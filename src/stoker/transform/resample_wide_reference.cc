#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <tuple>
#include <type_traits>

#include "stoker/base/error.h"
#include "stoker/transform/resample_reference.h"

namespace stoker {
namespace {

template <class T>
using Sample = std::function<T(int x, int y, int channel)>;

template <class T>
T cast(float sum) {
  if (std::is_same_v<T, float>) return static_cast<T>(sum);
  const float least = static_cast<float>(std::numeric_limits<T>::lowest());
  const float most = static_cast<float>(std::numeric_limits<T>::max());
  return static_cast<T>(std::min(std::max(std::nearbyint(sum), least), most));
}

// Channels that OpenCV sees together, the first of them and how many: more than four are handed on in fours.
std::pair<int, int> group_of(int channel, int channels) {
  if (channels <= 4) return {0, channels};
  const int begin = channel / 4 * 4;
  const int count = std::min(4, channels - begin);
  return count == 2 ? std::pair(channel, 1) : std::pair(begin, count);
}

// Whether vectors of `lanes` samples reach a sample of the row.
bool in_vectors(int x, int channel, int width, int channels, int lanes) {
  const auto [begin, together] = group_of(channel, channels);
  return x * together + channel - begin < width * together / lanes * lanes;
}

template <class T>
T mean_of_block(const Resize& r, const Sample<T>& source, int channels, int x, int y, int channel) {
  const int x_factor = static_cast<int>(std::nearbyint(cv_scale(r.source_width, r.width)));
  const int y_factor = static_cast<int>(std::nearbyint(cv_scale(r.source_height, r.height)));
  std::vector<T> values;
  for (int i = 0; i < x_factor * y_factor; ++i)
    values.push_back(source(x * x_factor + i % x_factor, y * y_factor + i / x_factor, channel));
  const int together = group_of(channel, channels).second;
  if (x_factor == 2 && y_factor == 2 && together != 2) {
    if (!std::is_same_v<T, float>) {
      const double sum = static_cast<double>(values[0]) + values[1] + values[2] + values[3];
      return static_cast<T>(std::floor((sum + 2) / 4));
    }
    const bool in_pairs = together == 4 || (together == 1 && in_vectors(x, channel, r.width, channels, 4));
    const auto [a, b, c, d] =
        std::tuple<float, float, float, float>(values[0], values[1], values[2], values[3]);
    const float sum = in_pairs ? (a + b) + (c + d) : ((a + b) + c) + d;
    return static_cast<T>(sum * 0.25F);
  }
  float sum = 0;
  size_t at = 0;
  for (; at + 4 <= values.size(); at += 4) {
    if constexpr (std::is_same_v<T, float>) {
      sum = sum + (((values[at] + values[at + 1]) + values[at + 2]) + values[at + 3]);
    } else {
      sum = sum + static_cast<float>(values[at] + values[at + 1] + values[at + 2] + values[at + 3]);
    }
  }
  for (; at < values.size(); ++at) sum = sum + static_cast<float>(values[at]);
  return cast<T>(sum * (1.0F / static_cast<float>(x_factor * y_factor)));
}

template <class T>
T mean_of_parts(const Resize& r, const Sample<T>& source, int x, int y, int channel) {
  float total = 0;
  for (const Tap& row : cv_area_taps(r.source_height, r.height, y)) {
    float sum = 0;
    for (const Tap& column : cv_area_taps(r.source_width, r.width, x))
      sum = sum + static_cast<float>(source(column.at, row.at, channel)) * static_cast<float>(column.weight);
    total = total + static_cast<float>(row.weight) * sum;
  }
  return cast<T>(total);
}

std::vector<float> weights_of(Interpolation kind, float part) {
  if (kind == Interpolation::kBicubic || kind == Interpolation::kLanczos) return cv_wide_weights(kind, part);
  return {1 - part, part};
}

template <class T>
T weighed(const Resize& r, const Sample<T>& source, bool area, int channels, int x, int y, int channel) {
  const auto [column, part] = cv_place(area, r.source_width, r.width, x);
  const auto [row, down] = cv_place(area, r.source_height, r.height, y);
  std::vector<float> across = weights_of(r.interpolation, part);
  const std::vector<float> below = weights_of(r.interpolation, down);
  const int taps = static_cast<int>(across.size());
  if (taps == 2 && (column < 0 || column >= r.source_width - 1)) across = {1, 0};
  std::vector<float> terms;
  for (int i = 0; i < taps; ++i) {
    float sum = 0;
    for (int j = 0; j < taps; ++j) {
      const T value = source(inside(column - taps / 2 + 1 + j, r.source_width),
                             inside(row - taps / 2 + 1 + i, r.source_height), channel);
      const float product = static_cast<float>(value) * across[static_cast<size_t>(j)];
      sum = j == 0 ? product : sum + product;
    }
    terms.push_back(sum * below[static_cast<size_t>(i)]);
  }
  const int lanes = std::is_same_v<T, float> ? 4 : 8;
  const bool has_vectors = !(taps == 8 && std::is_same_v<T, uint16_t>);
  if (has_vectors && in_vectors(x, channel, r.width, channels, lanes))
    std::reverse(terms.begin(), terms.end());
  float total = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) total = total + terms[i];
  return cast<T>(total);
}

template <class T>
T sample_of(const Resize& r, const Sample<T>& source, int channels, int x, int y, int channel) {
  if (r.width == r.source_width && r.height == r.source_height) return source(x, y, channel);
  const double x_scale = cv_scale(r.source_width, r.width);
  const double y_scale = cv_scale(r.source_height, r.height);
  const bool is_block = is_whole(x_scale) && is_whole(y_scale);
  const bool halves = is_block && std::nearbyint(x_scale) == 2 && std::nearbyint(y_scale) == 2;
  switch (r.interpolation) {
    case Interpolation::kNearest:
    case Interpolation::kNearestExact: {
      const bool exact = r.interpolation == Interpolation::kNearestExact;
      return source(cv_nearest(exact, r.source_width, r.width, x),
                    cv_nearest(exact, r.source_height, r.height, y), channel);
    }
    case Interpolation::kArea:
      if (x_scale < 1 || y_scale < 1) return weighed<T>(r, source, true, channels, x, y, channel);
      return is_block ? mean_of_block<T>(r, source, channels, x, y, channel)
                      : mean_of_parts<T>(r, source, x, y, channel);
    case Interpolation::kBilinear:
      if (halves) return mean_of_block<T>(r, source, channels, x, y, channel);
      return weighed<T>(r, source, false, channels, x, y, channel);
    default:
      return weighed<T>(r, source, false, channels, x, y, channel);
  }
}

template <class T>
void resize_all(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out) {
  const int channels = out.channels();
  const Sample<T> sample = [&](int x, int y, int channel) -> T {
    STOKER_CHECK(x >= region.x && x < region.x + region.width && y >= region.y &&
                 y < region.y + region.height);
    return source.row<T>(y - region.y)[static_cast<ptrdiff_t>(x - region.x) * channels + channel];
  };
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      for (int channel = 0; channel < channels; ++channel) {
        out.row<T>(y)[static_cast<ptrdiff_t>(x) * channels + channel] =
            sample_of<T>(resize, sample, channels, resize.roi.x + x, resize.roi.y + y, channel);
      }
    }
  }
}

}  // namespace

void wide_resize_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                           const Image& out) {
  switch (resize.dtype) {
    case DType::kUint16:
      return resize_all<uint16_t>(resize, source, region, out);
    case DType::kInt16:
      return resize_all<int16_t>(resize, source, region, out);
    default:
      return resize_all<float>(resize, source, region, out);
  }
}

}  // namespace stoker
