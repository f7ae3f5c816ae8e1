#include "stoker/transform/resample_opencv.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "stoker/transform/resample_area.h"
#include "stoker/transform/resample_opencv_rule.h"
#include "stoker/transform/resample_passes.h"
#include "stoker/transform/resample_sums.h"
#include "stoker/transform/resample_taps.h"
#include "stoker/transform/resample_wide.h"

namespace stoker {
namespace {

constexpr float kOne = 2048;  // weights are counted in 2^-11

// Round half to even, for |x| < 2^22; std::lrint is a call on the lowest x86-64.
int32_t round_even(float x) {
  constexpr float kMagic = 12582912;  // 1.5 * 2^23: the sum's last bit is worth 1
  return std::bit_cast<int32_t>(x + kMagic) - std::bit_cast<int32_t>(kMagic);
}

void fill_nearest(ResizeRule rule, int source, int size, int first, int count, int32_t* indices) {
  const AxisScale scale(source, size);
  for (int i = 0; i < count; ++i) {
    indices[i] = rule == ResizeRule::kNearest ? nearest_source(source, scale, first + i)
                                              : nearest_exact_source(source, size, first + i);
  }
}

// Which taps an axis has. Along rows, taps on the same pixel (those clamped at an edge) are added up. Across
// rows each tap is rounded on its own, so all are kept, and tap i reads clamp(base + i) within the output's
// [start, start + count).
enum class Direction : uint8_t { kAlongRows, kAcrossRows };

struct OutputTaps {
  int32_t start = 0;
  int32_t count = 0;
  int32_t base = 0;
  std::array<int32_t, 8> weights{};
};

void linear_taps(ResizeRule rule, const AxisScale& scale, int source, Direction direction, int output,
                 OutputTaps& taps) {
  auto [at, fraction] = source_position(rule, scale, output);
  if (direction == Direction::kAlongRows) {
    if (at < 0) {
      at = 0;
      fraction = 0;
    }
    if (at >= source - 1) {
      at = source - 1;
      fraction = 0;
    }
  }
  const int32_t weight0 = round_even((1 - fraction) * kOne);
  const int32_t weight1 = round_even(fraction * kOne);
  const int first = std::clamp(at + (weight0 == 0 ? 1 : 0), 0, source - 1);
  const int last = std::clamp(at + (weight1 == 0 ? 0 : 1), 0, source - 1);
  taps.base = at;
  taps.start = first;
  taps.count = last - first + 1;
  taps.weights[0] = weight0;
  taps.weights[1] = weight1;
  if (direction == Direction::kAlongRows && weight0 == 0) {
    taps.weights[0] = weight1;
    taps.weights[1] = 0;
  }
}

void wide_taps(ResizeRule rule, const AxisScale& scale, int source, Direction direction, int output,
               OutputTaps& taps) {
  const auto [at, fraction] = source_position(rule, scale, output);
  const int size = taps_of(rule);
  const std::array<float, 8> floats =
      rule == ResizeRule::kCubic ? cubic_weights(fraction) : lanczos_weights(fraction);
  std::array<int32_t, 8> whole{};
  int first = 0;
  int last = 0;
  bool any = false;
  for (int i = 0; i < size; ++i) {
    whole[i] = static_cast<int32_t>(std::lrint(floats[i] * kOne));
    if (whole[i] == 0) continue;
    if (!any) first = i;
    any = true;
    last = i;
  }
  taps.base = at - size / 2 + 1;
  taps.start = std::clamp(taps.base + first, 0, source - 1);
  taps.count = std::clamp(taps.base + last, 0, source - 1) - taps.start + 1;
  if (direction == Direction::kAcrossRows) {
    taps.weights = whole;
    return;
  }
  taps.weights.fill(0);
  for (int i = first; i <= last; ++i) {
    taps.weights[std::clamp(taps.base + i, 0, source - 1) - taps.start] += whole[i];
  }
}

void output_taps(ResizeRule rule, const AxisScale& scale, int source, Direction direction, int output,
                 OutputTaps& taps) {
  if (taps_of(rule) == 2) {
    linear_taps(rule, scale, source, direction, output, taps);
  } else {
    wide_taps(rule, scale, source, direction, output, taps);
  }
}

// `bases` may be null.
void fill_axis(ResizeRule rule, int source, int size, Direction direction, int32_t* bases, AxisTaps& axis) {
  const AxisScale scale(source, size);
  OutputTaps taps;
  for (int i = 0; i < axis.size; ++i) {
    output_taps(rule, scale, source, direction, axis.first + i, taps);
    axis.start[i] = taps.start;
    axis.count[i] = taps.count;
    std::copy_n(taps.weights.data(), axis.stride, axis.weights + static_cast<ptrdiff_t>(i) * axis.stride);
    if (bases != nullptr) bases[i] = taps.base;
  }
  if (direction == Direction::kAlongRows) pack_taps(TapForm::kWhole, axis);
}

Span source_span(ResizeRule rule, int source, int size, Direction direction, int first, int count) {
  const AxisScale scale(source, size);
  OutputTaps taps;
  Span span{INT32_MAX, -1};
  // No later output begins before its own first tap, zero or not.
  const int before = taps_of(rule) / 2 - 1;
  for (int i = first; i < first + count; ++i) {
    if (source_position(rule, scale, i).at - before >= span.first) break;
    output_taps(rule, scale, source, direction, i, taps);
    span.first = std::min(span.first, taps.start);
    if (span.first == 0) break;
  }
  for (int i = first + count - 1; i >= first; --i) {
    if (source_position(rule, scale, i).at + taps_of(rule) / 2 <= span.last) break;
    output_taps(rule, scale, source, direction, i, taps);
    span.last = std::max(span.last, taps.start + taps.count - 1);
    if (span.last == source - 1) break;
  }
  return span;
}

// The row of tap `tap` of output `y`, which clamps at the ends of the output's own rows.
const int32_t* wide_row(const ResizedRows& resized, const AxisTaps& axis, const int32_t* bases, int y,
                        int tap) {
  return resized.row<int32_t>(y, std::clamp(bases[y] + tap - axis.start[y], 0, axis.count[y] - 1));
}

}  // namespace

Rect opencv_source_region(const Resize& resize, ResizeScratch&) {
  const Rect& roi = resize.roi;
  const ResizeRule rule = rule_of(resize, 1);  // the channels do not change which pixels are read
  if (rule == ResizeRule::kCopy) return roi;
  const auto span = [&](int source, int size, Direction direction, int first, int count) -> Span {
    const AxisScale scale(source, size);
    switch (rule) {
      case ResizeRule::kNearest:
        return {nearest_source(source, scale, first), nearest_source(source, scale, first + count - 1)};
      case ResizeRule::kNearestExact:
        return {nearest_exact_source(source, size, first),
                nearest_exact_source(source, size, first + count - 1)};
      case ResizeRule::kWholeArea:
        return {first * scale.whole(), (first + count) * scale.whole() - 1};
      case ResizeRule::kArea:
        return area_span(source, size, first, count);
      default:
        return resize.dtype == DType::kUint8 ? source_span(rule, source, size, direction, first, count)
                                             : wide_source_span(rule, source, size, first, count);
    }
  };
  const Span x = span(resize.source_width, resize.width, Direction::kAlongRows, roi.x, roi.width);
  const Span y = span(resize.source_height, resize.height, Direction::kAcrossRows, roi.y, roi.height);
  return {x.first, y.first, x.last - x.first + 1, y.last - y.first + 1};
}

void opencv_resize(const Resize& resize, const ConstImage& pixels, const Rect& region, const Image& out,
                   ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const SourceWindow source{pixels, region};
  const ResizeRule rule = rule_of(resize, out.channels());
  const size_t width = static_cast<size_t>(roi.width);
  const size_t height = static_cast<size_t>(roi.height);
  if (rule == ResizeRule::kCopy) return copy_window(source, roi, out);
  const bool is_wide = out.shape.dtype != DType::kUint8;
  if (is_wide && rule != ResizeRule::kNearest && rule != ResizeRule::kNearestExact)
    return wide_resize(resize, rule, source, out, scratch);
  if (rule == ResizeRule::kArea) return area_by_parts(source, resize, out, scratch);
  if (rule == ResizeRule::kWholeArea) {
    return area_by_whole_factors(source, AxisScale(resize.source_width, resize.width).whole(),
                                 AxisScale(resize.source_height, resize.height).whole(), roi, out, scratch);
  }
  if (rule == ResizeRule::kNearest || rule == ResizeRule::kNearestExact) {
    Carver carver(scratch.taps.reserve(Carver::bytes<int32_t>(width) + Carver::bytes<int32_t>(height)));
    int32_t* const columns = carver.take<int32_t>(width);
    int32_t* const rows = carver.take<int32_t>(height);
    fill_nearest(rule, resize.source_width, resize.width, roi.x, roi.width, columns);
    fill_nearest(rule, resize.source_height, resize.height, roi.y, roi.height, rows);
    return pick_pixels(source, columns, rows, out);
  }
  const int stride = taps_of(rule);
  Carver carver(scratch.taps.reserve(axis_taps_bytes(roi.width, stride) +
                                     axis_taps_bytes(roi.height, stride) + Carver::bytes<int32_t>(height)));
  AxisTaps x = carve_axis_taps(roi.x, roi.width, stride, carver);
  AxisTaps y = carve_axis_taps(roi.y, roi.height, stride, carver);
  int32_t* const bases = carver.take<int32_t>(height);
  fill_axis(rule, resize.source_width, resize.width, Direction::kAlongRows, nullptr, x);
  fill_axis(rule, resize.source_height, resize.height, Direction::kAcrossRows, bases, y);
  const size_t channels = static_cast<size_t>(out.channels());
  const size_t samples = width * channels;
  const RowForm form = stride == 2 ? RowForm::kWords : RowForm::kSums;
  ResizedRows resized(form, source, x, y, 0, scratch);
  // The cubic rule turns from floats to integers near the end of the whole row.
  const size_t all_floats = static_cast<size_t>(resize.width) * channels / 8 * 8;
  const size_t before = static_cast<size_t>(roi.x) * channels;
  const size_t floats = std::min(all_floats > before ? all_floats - before : 0, samples);
  for (int i = 0; i < y.size; ++i) {
    resized.advance_to(i);
    const int32_t* const weights = y.weights + static_cast<ptrdiff_t>(i) * stride;
    uint8_t* const to = out.row<uint8_t>(i);
    if (stride == 2) {
      blend_words(resized.row<int16_t>(i, 0), resized.row<int16_t>(i, y.count[i] - 1), weights[0], weights[1],
                  samples, to);
      continue;
    }
    std::array<const int32_t*, 8> rows;
    for (int tap = 0; tap < stride; ++tap) rows[tap] = wide_row(resized, y, bases, i, tap);
    if (rule == ResizeRule::kCubic) {
      blend_sums_cubic(rows.data(), weights, floats, samples, to);
    } else {
      blend_sums_lanczos(rows.data(), weights, samples, to);
    }
  }
}

}  // namespace stoker
