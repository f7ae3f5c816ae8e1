#include "stoker/transform/resample_opencv.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "stoker/transform/resample_area.h"
#include "stoker/transform/resample_passes.h"
#include "stoker/transform/resample_sums.h"
#include "stoker/transform/resample_taps.h"

namespace stoker {
namespace {

constexpr float kOne = 2048;  // weights are counted in 2^-11

// What OpenCV makes of the asked interpolation, given the sizes.
enum class Rule : uint8_t {
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

struct Scale {
  double inverse;  // output / source
  double value;    // its inverse, which need not be source / output to the last bit

  Scale(int source, int size) : inverse(static_cast<double>(size) / source), value(1.0 / inverse) {}
  bool is_whole() const {
    return std::fabs(value - std::rint(value)) < std::numeric_limits<double>::epsilon();
  }
  int whole() const { return static_cast<int>(std::rint(value)); }
};

// Halving in both directions is the mean of four pixels, rounded half up for 1, 3 and 4 channels, and that is
// what the linear rule gives with all weights 1024: (64 * (a + b) * 1024 >> 16) is a + b.
Rule rule_of(const Resize& resize, int channels) {
  if (resize.width == resize.source_width && resize.height == resize.source_height) return Rule::kCopy;
  const Scale x(resize.source_width, resize.width);
  const Scale y(resize.source_height, resize.height);
  const bool whole = x.is_whole() && y.is_whole();
  const bool halves = whole && x.whole() == 2 && y.whole() == 2;
  const Rule half_rule = channels == 1 || channels == 3 || channels == 4 ? Rule::kLinear : Rule::kWholeArea;
  switch (resize.interpolation) {
    case Interpolation::kNearest:
      return Rule::kNearest;
    case Interpolation::kNearestExact:
      return Rule::kNearestExact;
    case Interpolation::kBilinear:
      return halves ? half_rule : Rule::kLinear;
    case Interpolation::kArea:
      if (x.value < 1 || y.value < 1) return Rule::kAreaLinear;
      if (halves) return half_rule;
      return whole ? Rule::kWholeArea : Rule::kArea;
    case Interpolation::kBicubic:
      return Rule::kCubic;
    default:
      return Rule::kLanczos;
  }
}

// Round half to even, for |x| < 2^22; std::lrint is a call on the lowest x86-64.
int32_t round_even(float x) {
  constexpr float kMagic = 12582912;  // 1.5 * 2^23: the sum's last bit is worth 1
  return std::bit_cast<int32_t>(x + kMagic) - std::bit_cast<int32_t>(kMagic);
}

int floor_int(float x) {
  const int down = static_cast<int>(x);
  return static_cast<float>(down) > x ? down - 1 : down;
}
int floor_int(double x) {
  const int down = static_cast<int>(x);
  return down > x ? down - 1 : down;
}

int fill_nearest_output(int source, const Scale& scale, int output) {
  return std::min(floor_int(output * scale.value), source - 1);
}

int fill_nearest_exact_output(int source, int size, int output) {
  const int64_t step = ((static_cast<int64_t>(source) << 16) + size / 2) / size;
  const int64_t half = step / 2 - source % 2;
  return static_cast<int>(std::clamp<int64_t>((step * output + half) >> 16, 0, source - 1));
}

void fill_nearest(Rule rule, int source, int size, int first, int count, int32_t* indices) {
  const Scale scale(source, size);
  for (int i = 0; i < count; ++i) {
    indices[i] = rule == Rule::kNearest ? fill_nearest_output(source, scale, first + i)
                                        : fill_nearest_exact_output(source, size, first + i);
  }
}

// Where an output lies: between source pixels `at` and `at + 1`, `fraction` behind the first.
struct Position {
  int at;
  float fraction;
};

Position position_of(Rule rule, const Scale& scale, int output) {
  if (rule == Rule::kAreaLinear) {
    const int at = floor_int(output * scale.value);
    const float fraction = static_cast<float>((output + 1) - (at + 1) * scale.inverse);
    return {at, fraction <= 0 ? 0 : fraction - static_cast<float>(floor_int(fraction))};
  }
  const float place = static_cast<float>((output + 0.5) * scale.value - 0.5);
  const int at = floor_int(place);
  return {at, place - static_cast<float>(at)};
}

// Which taps an axis has. Along rows, taps on the same pixel (those clamped at an edge) are added up. Across
// rows each tap is rounded on its own, so all are kept, and tap i reads clamp(base + i) within the output's
// [start, start + count).
enum class Direction : uint8_t { kAlongRows, kAcrossRows };

constexpr int taps_of(Rule rule) { return rule == Rule::kCubic ? 4 : rule == Rule::kLanczos ? 8 : 2; }

struct OutputTaps {
  int32_t start = 0;
  int32_t count = 0;
  int32_t base = 0;
  std::array<int32_t, 8> weights{};
};

void linear_taps(Rule rule, const Scale& scale, int source, Direction direction, int output,
                 OutputTaps& taps) {
  auto [at, fraction] = position_of(rule, scale, output);
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

void wide_taps(Rule rule, const Scale& scale, int source, Direction direction, int output, OutputTaps& taps) {
  const auto [at, fraction] = position_of(rule, scale, output);
  const int size = taps_of(rule);
  const std::array<float, 8> floats =
      rule == Rule::kCubic ? cubic_weights(fraction) : lanczos_weights(fraction);
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

void output_taps(Rule rule, const Scale& scale, int source, Direction direction, int output,
                 OutputTaps& taps) {
  if (taps_of(rule) == 2) {
    linear_taps(rule, scale, source, direction, output, taps);
  } else {
    wide_taps(rule, scale, source, direction, output, taps);
  }
}

// `bases` may be null.
void fill_axis(Rule rule, int source, int size, Direction direction, int32_t* bases, AxisTaps& axis) {
  const Scale scale(source, size);
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

Span source_span(Rule rule, int source, int size, Direction direction, int first, int count) {
  const Scale scale(source, size);
  OutputTaps taps;
  Span span{INT32_MAX, -1};
  // No later output begins before its own first tap, zero or not.
  const int before = taps_of(rule) / 2 - 1;
  for (int i = first; i < first + count; ++i) {
    if (position_of(rule, scale, i).at - before >= span.first) break;
    output_taps(rule, scale, source, direction, i, taps);
    span.first = std::min(span.first, taps.start);
    if (span.first == 0) break;
  }
  for (int i = first + count - 1; i >= first; --i) {
    if (position_of(rule, scale, i).at + taps_of(rule) / 2 <= span.last) break;
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
  const Rule rule = rule_of(resize, 1);  // the channels do not change which pixels are read
  if (rule == Rule::kCopy) return roi;
  const auto span = [&](int source, int size, Direction direction, int first, int count) -> Span {
    const Scale scale(source, size);
    switch (rule) {
      case Rule::kNearest:
        return {fill_nearest_output(source, scale, first),
                fill_nearest_output(source, scale, first + count - 1)};
      case Rule::kNearestExact:
        return {fill_nearest_exact_output(source, size, first),
                fill_nearest_exact_output(source, size, first + count - 1)};
      case Rule::kWholeArea:
        return {first * scale.whole(), (first + count) * scale.whole() - 1};
      case Rule::kArea:
        return area_span(source, size, first, count);
      default:
        return source_span(rule, source, size, direction, first, count);
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
  const Rule rule = rule_of(resize, out.channels());
  const size_t width = static_cast<size_t>(roi.width);
  const size_t height = static_cast<size_t>(roi.height);
  if (rule == Rule::kCopy) return copy_window(source, roi, out);
  if (rule == Rule::kArea) return area_by_parts(source, resize, out, scratch);
  if (rule == Rule::kWholeArea) {
    return area_by_whole_factors(source, Scale(resize.source_width, resize.width).whole(),
                                 Scale(resize.source_height, resize.height).whole(), roi, out, scratch);
  }
  if (rule == Rule::kNearest || rule == Rule::kNearestExact) {
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
    if (rule == Rule::kCubic) {
      blend_sums_cubic(rows.data(), weights, floats, samples, to);
    } else {
      blend_sums_lanczos(rows.data(), weights, samples, to);
    }
  }
}

}  // namespace stoker
