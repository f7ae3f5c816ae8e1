#include "stoker/transform/resample_pillow.h"

#include <algorithm>
#include <cmath>

#include "stoker/transform/resample_filters.h"
#include "stoker/transform/resample_passes.h"
#include "stoker/transform/resample_rows.h"
#include "stoker/transform/resample_taps.h"

namespace stoker {
namespace {

constexpr double kOne = 1 << 22;  // weights are counted in 2^-22

// One axis of a resize as Pillow counts it.
struct PillowAxis : FilterAxis {
  PillowAxis(Interpolation kind, int from, int to)
      : FilterAxis(kind, from, static_cast<double>(static_cast<float>(from)) / to) {}

  // Even, and never less than end - start.
  int stride() const { return (static_cast<int>(std::ceil(support)) * 2 + 3) / 2 * 2; }
};

// The weights of one output. `floats` has room for axis.stride().
template <Interpolation kKind>
void fill_taps(const PillowAxis& axis, int output, double* floats, int32_t* weights, int32_t* start,
               int32_t* count) {
  const int taps = weigh<kKind>(axis, output, floats);
  const UsedTaps used = to_whole_taps(floats, taps, kOne, 1, axis.stride(), weights);
  *start = axis.start(output) + used.zeros;
  *count = used.count;
}

using FillTaps = void (*)(const PillowAxis&, int, double*, int32_t*, int32_t*, int32_t*);

FillTaps fill_taps_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBicubic:
      return fill_taps<Interpolation::kBicubic>;
    case Interpolation::kLanczos:
      return fill_taps<Interpolation::kLanczos>;
    case Interpolation::kBox:
      return fill_taps<Interpolation::kBox>;
    case Interpolation::kHamming:
      return fill_taps<Interpolation::kHamming>;
    default:
      return fill_taps<Interpolation::kBilinear>;
  }
}

void fill_axis(const PillowAxis& axis, double* floats, AxisTaps& taps) {
  const FillTaps fill = fill_taps_of(axis.interpolation);
  for (int i = 0; i < taps.size; ++i) {
    fill(axis, taps.first + i, floats, taps.weights + static_cast<ptrdiff_t>(i) * taps.stride, taps.start + i,
         taps.count + i);
  }
  pack_taps(TapForm::kSplit, taps);
}

// The source pixels of outputs [first, first + size). Without the zero taps at the ends of each output the
// starts need not ascend, but no later output can begin before its own untrimmed start.
Span source_span(Interpolation interpolation, int source, int size, int first, int count,
                 ScratchBuffer& memory) {
  if (source == size) return {first, first + count - 1};
  const PillowAxis axis(interpolation, source, size);
  const size_t stride = static_cast<size_t>(axis.stride());
  Carver carver(memory.reserve(Carver::bytes<double>(stride) + Carver::bytes<int32_t>(stride)));
  double* const floats = carver.take<double>(stride);
  int32_t* const weights = carver.take<int32_t>(stride);
  const FillTaps fill = fill_taps_of(interpolation);
  Span span{INT32_MAX, -1};
  int32_t start = 0;
  int32_t used = 0;
  for (int i = first; i < first + count && axis.start(i) < span.first; ++i) {
    fill(axis, i, floats, weights, &start, &used);
    span.first = std::min(span.first, start);
  }
  for (int i = first + count - 1; i >= first && axis.end(i) - 1 > span.last; --i) {
    fill(axis, i, floats, weights, &start, &used);
    span.last = std::max(span.last, start + used - 1);
  }
  return span;
}

// Pillow adds up the scale from pixel to pixel instead of multiplying.
void fill_nearest(int source, int size, int first, int count, int32_t* indices) {
  const double scale = static_cast<double>(static_cast<float>(source)) / size;
  double at = scale * 0.5;
  for (int i = 0; i < first + count; ++i, at += scale) {
    if (i >= first) indices[i - first] = std::min(static_cast<int>(at), source - 1);
  }
}

}  // namespace

bool pillow_starts_with_columns(const Resize& resize) {
  return resize.width != resize.source_width && resize.height < resize.source_height &&
         resize.source_height - resize.height > 2 * (resize.source_width - resize.width);
}

Rect pillow_source_region(const Resize& resize, ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  if (resize.width == resize.source_width && resize.height == resize.source_height) return roi;
  Span x;
  Span y;
  if (resize.interpolation == Interpolation::kNearest) {
    const size_t longest = static_cast<size_t>(std::max(roi.width, roi.height));
    int32_t* const indices = reinterpret_cast<int32_t*>(scratch.taps.reserve(longest * sizeof(int32_t)));
    fill_nearest(resize.source_width, resize.width, roi.x, roi.width, indices);
    x = {indices[0], indices[roi.width - 1]};
    fill_nearest(resize.source_height, resize.height, roi.y, roi.height, indices);
    y = {indices[0], indices[roi.height - 1]};
  } else {
    x = source_span(resize.interpolation, resize.source_width, resize.width, roi.x, roi.width, scratch.taps);
    y = source_span(resize.interpolation, resize.source_height, resize.height, roi.y, roi.height,
                    scratch.taps);
  }
  return {x.first, y.first, x.last - x.first + 1, y.last - y.first + 1};
}

void pillow_resize(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                   ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const bool along_rows = resize.width != resize.source_width;
  const bool along_columns = resize.height != resize.source_height;
  const SourceWindow window{source, region};
  if (!along_rows && !along_columns) return copy_window(window, roi, out);
  if (resize.interpolation == Interpolation::kNearest) {
    const size_t width = static_cast<size_t>(roi.width);
    const size_t height = static_cast<size_t>(roi.height);
    Carver carver(scratch.taps.reserve(Carver::bytes<int32_t>(width) + Carver::bytes<int32_t>(height)));
    int32_t* const columns = carver.take<int32_t>(width);
    int32_t* const rows = carver.take<int32_t>(height);
    fill_nearest(resize.source_width, resize.width, roi.x, roi.width, columns);
    fill_nearest(resize.source_height, resize.height, roi.y, roi.height, rows);
    return pick_pixels(window, columns, rows, out);
  }
  const PillowAxis x_axis(resize.interpolation, resize.source_width, resize.width);
  const PillowAxis y_axis(resize.interpolation, resize.source_height, resize.height);
  const int longest = std::max(x_axis.stride(), y_axis.stride());
  Carver carver(scratch.taps.reserve(Carver::bytes<double>(static_cast<size_t>(longest)) +
                                     axis_taps_bytes(roi.width, x_axis.stride()) +
                                     axis_taps_bytes(roi.height, y_axis.stride())));
  double* const floats = carver.take<double>(static_cast<size_t>(longest));
  AxisTaps x = carve_axis_taps(roi.x, roi.width, x_axis.stride(), carver);
  AxisTaps y = carve_axis_taps(roi.y, roi.height, y_axis.stride(), carver);
  if (along_rows) fill_axis(x_axis, floats, x);
  if (along_columns) fill_axis(y_axis, floats, y);
  if (!along_columns) {
    rows_pass(window, x, roi.y, out, scratch);
  } else if (!along_rows) {
    columns_pass(window, y, roi.x, out, scratch);
  } else if (pillow_starts_with_columns(resize)) {
    columns_then_rows(window, x, y, out, scratch);
  } else {
    rows_then_columns(window, x, y, out, scratch);
  }
}

}  // namespace stoker
