#include "stoker/transform/resample_wide.h"

#include <array>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/transform/resample_area.h"

namespace stoker {
namespace {

constexpr int kMostTaps = 8;

// The weights of an output, for the source pixels from `first` on, which may lie outside.
struct WideTaps {
  int first = 0;
  std::array<float, kMostTaps> weights{};
};

WideTaps taps_at(ResizeRule rule, const AxisScale& scale, int output) {
  const auto [at, fraction] = source_position(rule, scale, output);
  WideTaps taps;
  taps.first = at - taps_of(rule) / 2 + 1;
  if (rule == ResizeRule::kCubic) {
    taps.weights = cubic_weights(fraction);
  } else if (rule == ResizeRule::kLanczos) {
    taps.weights = lanczos_weights(fraction);
  } else {
    taps.weights[0] = 1 - fraction;
    taps.weights[1] = fraction;
  }
  return taps;
}

// Along a row each tap has a place of its own, clamped at the edges of the whole image.
struct Columns {
  int32_t* offsets = nullptr;  // by output and tap: samples from the row's first
  float* weights = nullptr;
};

Columns fill_columns(const Resize& resize, ResizeRule rule, const SourceWindow& source, Carver& carver) {
  const int taps = taps_of(rule);
  const auto count = static_cast<size_t>(resize.roi.width) * static_cast<size_t>(taps);
  const Columns columns{carver.take<int32_t>(count), carver.take<float>(count)};
  const AxisScale scale(resize.source_width, resize.width);
  size_t place = 0;
  for (int x = 0; x < resize.roi.width; ++x) {
    WideTaps at = taps_at(rule, scale, resize.roi.x + x);
    // A linear tap outside has no weight: the edge counts once, whole.
    if (taps == 2 && (at.first < 0 || at.first >= resize.source_width - 1)) at.weights = {1, 0};
    for (int tap = 0; tap < taps; ++tap, ++place) {
      const int from = std::clamp(at.first + tap, 0, resize.source_width - 1);
      columns.offsets[place] = (from - source.region.x) * source.channels();
      columns.weights[place] = at.weights[static_cast<size_t>(tap)];
    }
  }
  return columns;
}

template <int kTaps, class T>
void row_along(const T* row, const Columns& columns, int width, int channels, float* out) {
  for (int x = 0; x < width; ++x) {
    const int32_t* const offsets = columns.offsets + static_cast<ptrdiff_t>(x) * kTaps;
    const float* const weights = columns.weights + static_cast<ptrdiff_t>(x) * kTaps;
    for (int c = 0; c < channels; ++c) {
      float sum = static_cast<float>(row[offsets[0] + c]) * weights[0];
      for (int tap = 1; tap < kTaps; ++tap)
        sum = sum + static_cast<float>(row[offsets[tap] + c]) * weights[tap];
      *out++ = sum;
    }
  }
}

// OpenCV adds the rows up from the last to the first where its vectors reach, and from the first to the last
// in what is left over at the end of a row.
template <int kTaps>
float sum_up(const std::array<const float*, kMostTaps>& rows, const WideTaps& taps, size_t at) {
  float sum = rows[kTaps - 1][at] * taps.weights[kTaps - 1];
  for (size_t tap = kTaps - 1; tap-- > 0;) sum = sum + rows[tap][at] * taps.weights[tap];
  return sum;
}

template <int kTaps>
float sum_down(const std::array<const float*, kMostTaps>& rows, const WideTaps& taps, size_t at) {
  float sum = rows[0][at] * taps.weights[0];
  for (size_t tap = 1; tap < kTaps; ++tap) sum = sum + rows[tap][at] * taps.weights[tap];
  return sum;
}

// The samples of a row that its vectors do not reach, as numbers within resize.roi. More than four channels
// are resized four at a time, as Albumentations hands them on, with two left over one by one.
std::vector<size_t> left_over(const Resize& resize, int channels, size_t in_vector) {
  std::vector<size_t> samples;
  const int last_in_roi = resize.roi.x + resize.roi.width;
  for (int begin = 0; begin < channels;) {
    int together = std::min(4, channels - begin);
    if (channels > 4 && together == 2) together = 1;
    const auto count = static_cast<size_t>(resize.width) * static_cast<size_t>(together);
    for (size_t at = count / in_vector * in_vector; at < count; ++at) {
      const int x = static_cast<int>(at / static_cast<size_t>(together));
      const int c = begin + static_cast<int>(at % static_cast<size_t>(together));
      if (x < resize.roi.x || x >= last_in_roi) continue;
      samples.push_back(static_cast<size_t>(x - resize.roi.x) * static_cast<size_t>(channels) +
                        static_cast<size_t>(c));
    }
    begin += together;
  }
  return samples;
}

template <int kTaps, class T>
void by_taps(const Resize& resize, ResizeRule rule, const SourceWindow& source, const Image& out,
             ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const auto channels = static_cast<size_t>(out.channels());
  const size_t samples = static_cast<size_t>(roi.width) * channels;
  const size_t columns_count = static_cast<size_t>(roi.width) * kTaps;
  Carver carver(
      scratch.taps.reserve(Carver::bytes<int32_t>(columns_count) + Carver::bytes<float>(columns_count)));
  const Columns columns = fill_columns(resize, rule, source, carver);
  const std::vector<size_t> rest = left_over(resize, out.channels(), std::is_same_v<T, float> ? 4 : 8);
  // Rows that lie within kTaps of each other have places of their own.
  Carver row_carver(scratch.rows.reserve(kMostTaps * Carver::bytes<float>(samples)));
  std::array<float*, kMostTaps> held;
  for (float*& row : held) row = row_carver.take<float>(samples);
  std::array<int, kMostTaps> held_row;
  held_row.fill(-1);
  const AxisScale scale(resize.source_height, resize.height);
  for (int y = 0; y < roi.height; ++y) {
    const WideTaps taps = taps_at(rule, scale, roi.y + y);
    std::array<const float*, kMostTaps> rows{};
    for (int tap = 0; tap < kTaps; ++tap) {
      const int from = std::clamp(taps.first + tap, 0, resize.source_height - 1);
      const auto place = static_cast<size_t>(from % kMostTaps);
      if (held_row[place] != from) {
        row_along<kTaps>(reinterpret_cast<const T*>(source.at(source.region.x, from)), columns, roi.width,
                         out.channels(), held[place]);
        held_row[place] = from;
      }
      rows[static_cast<size_t>(tap)] = held[place];
    }
    T* const to = out.row<T>(y);
    // OpenCV has no vectors for eight rows of uint16.
    if constexpr (kTaps == 8 && std::is_same_v<T, uint16_t>) {
      for (size_t at = 0; at < samples; ++at) to[at] = wide_cast<T>(sum_down<kTaps>(rows, taps, at));
    } else {
      for (size_t at = 0; at < samples; ++at) to[at] = wide_cast<T>(sum_up<kTaps>(rows, taps, at));
      for (const size_t at : rest) to[at] = wide_cast<T>(sum_down<kTaps>(rows, taps, at));
    }
  }
}

// Means of whole blocks. Four numbers are added at a time, integers as integers.
template <class T>
float sum_of_block(const T* first, ptrdiff_t row_step, int channels, int x_factor, int y_factor) {
  using Four = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;
  float sum = 0;
  Four four = 0;
  int held = 0;
  const int count = x_factor * y_factor;
  const int in_fours = count / 4 * 4;
  for (int i = 0; i < count; ++i) {
    const T value = first[i / x_factor * row_step + static_cast<ptrdiff_t>(i % x_factor) * channels];
    if (i >= in_fours) {
      sum = sum + static_cast<float>(value);
      continue;
    }
    four = held == 0 ? static_cast<Four>(value) : four + static_cast<Four>(value);
    if (++held < 4) continue;
    sum = sum + static_cast<float>(four);
    held = 0;
  }
  return sum;
}

// The mean of four pixels: integers in integers, half up; float32 in pairs where OpenCV's vectors reach.
template <class T>
T mean_of_four(const T* first, ptrdiff_t row_step, int channels, bool in_pairs) {
  const T* const second = first + row_step;
  if constexpr (std::is_same_v<T, float>) {
    if (in_pairs) return ((first[0] + first[channels]) + (second[0] + second[channels])) * 0.25F;
    return (((first[0] + first[channels]) + second[0]) + second[channels]) * 0.25F;
  } else {
    return static_cast<T>((first[0] + first[channels] + second[0] + second[channels] + 2) >> 2);
  }
}

template <class T>
void by_blocks(const Resize& resize, const SourceWindow& source, const Image& out) {
  const int x_factor = AxisScale(resize.source_width, resize.width).whole();
  const int y_factor = AxisScale(resize.source_height, resize.height).whole();
  const int channels = out.channels();
  const float part = 1.0F / static_cast<float>(x_factor * y_factor);
  const ptrdiff_t row_step = source.pixels.row_bytes / static_cast<ptrdiff_t>(sizeof(T));
  const bool halves = x_factor == 2 && y_factor == 2 && channels != 2;
  const int in_fours = channels / 4 * 4;
  for (int y = 0; y < out.height(); ++y) {
    T* to = out.row<T>(y);
    for (int x = 0; x < out.width(); ++x) {
      const T* const from =
          reinterpret_cast<const T*>(source.at((resize.roi.x + x) * x_factor, (resize.roi.y + y) * y_factor));
      const bool in_vector = resize.roi.x + x < resize.width / 4 * 4;
      for (int c = 0; c < channels; ++c) {
        if (halves) {
          // Three channels have no vectors; what is over of more than four is taken one by one, or as three.
          const bool in_pairs = c < in_fours || (channels % 4 != 3 && in_vector);
          *to++ = mean_of_four(from + c, row_step, channels, in_pairs);
        } else {
          *to++ = wide_cast<T>(sum_of_block(from + c, row_step, channels, x_factor, y_factor) * part);
        }
      }
    }
  }
}

template <class T>
void resize_of_type(const Resize& resize, ResizeRule rule, const SourceWindow& source, const Image& out,
                    ResizeScratch& scratch) {
  switch (rule) {
    case ResizeRule::kWholeArea:
      return by_blocks<T>(resize, source, out);
    case ResizeRule::kArea:
      return area_by_parts(source, resize, out, scratch);
    case ResizeRule::kCubic:
      return by_taps<4, T>(resize, rule, source, out, scratch);
    case ResizeRule::kLanczos:
      return by_taps<8, T>(resize, rule, source, out, scratch);
    default:
      return by_taps<2, T>(resize, rule, source, out, scratch);
  }
}

}  // namespace

Span wide_source_span(ResizeRule rule, int source, int size, int first, int count) {
  const AxisScale scale(source, size);
  const int before = taps_of(rule) / 2 - 1;
  const int begin = source_position(rule, scale, first).at - before;
  const int end = source_position(rule, scale, first + count - 1).at + taps_of(rule) / 2;
  return {std::clamp(begin, 0, source - 1), std::clamp(end, 0, source - 1)};
}

void wide_resize(const Resize& resize, ResizeRule rule, const SourceWindow& source, const Image& out,
                 ResizeScratch& scratch) {
  switch (resize.dtype) {
    case DType::kUint16:
      return resize_of_type<uint16_t>(resize, rule, source, out, scratch);
    case DType::kInt16:
      return resize_of_type<int16_t>(resize, rule, source, out, scratch);
    default:
      STOKER_CHECK(resize.dtype == DType::kFloat32);
      return resize_of_type<float>(resize, rule, source, out, scratch);
  }
}

}  // namespace stoker
