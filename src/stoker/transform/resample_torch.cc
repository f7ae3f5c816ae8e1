#include "stoker/transform/resample_torch.h"

#include <algorithm>
#include <cmath>

#include "stoker/transform/resample_filters.h"
#include "stoker/transform/resample_passes.h"
#include "stoker/transform/resample_rows.h"
#include "stoker/transform/resample_taps.h"

namespace stoker {
namespace {

// Weights of 16 bits: as many fractional bits, up to 22, as the largest weight of an axis leaves.
constexpr int kMostBits = 22;
constexpr int kWeightLimit = 1 << 15;

// One axis of a resize as torch counts it.
struct TorchAxis : FilterAxis {
  int size;

  TorchAxis(Interpolation kind, int from, int to)
      : FilterAxis(kind, from, static_cast<double>(from) / to), size(to) {
    most_taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  }

  int stride() const { return (most_taps + 1) / 2 * 2; }
};

using Weigh = int (*)(const FilterAxis&, int, double*);

Weigh weigh_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBicubic:
      return weigh<Interpolation::kBicubic>;
    case Interpolation::kLanczos:
      return weigh<Interpolation::kLanczos>;
    default:
      return weigh<Interpolation::kBilinear>;
  }
}

int bits_for(double largest) {
  int bits = 0;
  while (bits < kMostBits && static_cast<int>(0.5 + largest * (2 << bits)) < kWeightLimit) ++bits;
  return bits;
}

// `floats` holds taps.size + 1 rows of axis.stride(). The taps are torch's times 2^(22 - bits), so that
// passes with 22 bits give the same: rounding (sum + half) >> bits loses nothing by being scaled.
void fill_axis(const TorchAxis& axis, double* floats, AxisTaps& taps) {
  const Weigh weigh_output = weigh_of(axis.interpolation);
  const ptrdiff_t stride = axis.stride();
  double* const others = floats + taps.size * stride;
  double largest = 0;
  for (int output = 0; output < axis.size; ++output) {  // all, for they share the number of bits
    const int place = output - taps.first;
    const bool is_wanted = place >= 0 && place < taps.size;
    double* const weights = is_wanted ? floats + place * stride : others;
    const int count = weigh_output(axis, output, weights);
    for (int i = 0; i < count; ++i) largest = std::max(largest, weights[i]);
    if (!is_wanted) continue;
    taps.start[place] = axis.start(output);
    taps.count[place] = count;
  }
  const int bits = bits_for(largest);
  for (int place = 0; place < taps.size; ++place) {
    const double* const from = floats + place * stride;
    int32_t* const to = taps.weights + place * static_cast<ptrdiff_t>(taps.stride);
    const UsedTaps used =
        to_whole_taps(from, taps.count[place], 1 << bits, 1 << (kMostBits - bits), taps.stride, to);
    taps.start[place] += used.zeros;
    taps.count[place] = used.count;
  }
  pack_taps(TapForm::kSplit, taps);
}

Span source_span(Interpolation interpolation, int source, int size, int first, int count) {
  if (source == size) return {first, first + count - 1};
  // In float32 an edge may be rounded to another pixel than in double.
  const TorchAxis axis(interpolation, source, size);
  const Span in_floats = torch_float_span(interpolation, source, size, first, count);
  return {std::min(axis.start(first), in_floats.first),
          std::max(axis.end(first + count - 1) - 1, in_floats.last)};
}

bool is_nearest(const Resize& resize) {
  return resize.interpolation == Interpolation::kNearest ||
         resize.interpolation == Interpolation::kNearestExact;
}

int nearest(bool exact, int source, int size, int output) {
  const float scale = static_cast<float>(source) / static_cast<float>(size);
  const float place = static_cast<float>(output) + (exact ? 0.5F : 0.0F);
  return std::min(static_cast<int>(std::floor(place * scale)), source - 1);
}

Span nearest_span(bool exact, int source, int size, int first, int count) {
  if (source == size) return {first, first + count - 1};
  return {nearest(exact, source, size, first), nearest(exact, source, size, first + count - 1)};
}

// The same pixels, a byte a channel.
template <class View>
View as_bytes(View image) {
  image.shape.channels = static_cast<int>(image.shape.pixel_bytes());
  image.shape.dtype = DType::kUint8;
  return image;
}

void pick_nearest(const Resize& resize, const SourceWindow& window, const Image& out,
                  ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const bool exact = resize.interpolation == Interpolation::kNearestExact;
  const size_t width = static_cast<size_t>(roi.width);
  const size_t height = static_cast<size_t>(roi.height);
  Carver carver(scratch.taps.reserve(Carver::bytes<int32_t>(width) + Carver::bytes<int32_t>(height)));
  int32_t* const columns = carver.take<int32_t>(width);
  int32_t* const rows = carver.take<int32_t>(height);
  for (int i = 0; i < roi.width; ++i)
    columns[i] = nearest(exact, resize.source_width, resize.width, roi.x + i);
  for (int i = 0; i < roi.height; ++i)
    rows[i] = nearest(exact, resize.source_height, resize.height, roi.y + i);
  pick_pixels({as_bytes(window.pixels), window.region}, columns, rows, as_bytes(out));
}

void resize_bytes(const Resize& resize, const SourceWindow& window, const Image& out,
                  ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const bool along_rows = resize.width != resize.source_width;
  const bool along_columns = resize.height != resize.source_height;
  const TorchAxis x_axis(resize.interpolation, resize.source_width, resize.width);
  const TorchAxis y_axis(resize.interpolation, resize.source_height, resize.height);
  const auto floats_of = [](const TorchAxis& axis, int outputs) {
    return static_cast<size_t>(outputs + 1) * static_cast<size_t>(axis.stride());
  };
  const size_t floats_count = std::max(floats_of(x_axis, roi.width), floats_of(y_axis, roi.height));
  Carver carver(scratch.taps.reserve(Carver::bytes<double>(floats_count) +
                                     axis_taps_bytes(roi.width, x_axis.stride()) +
                                     axis_taps_bytes(roi.height, y_axis.stride())));
  double* const floats = carver.take<double>(floats_count);
  AxisTaps x = carve_axis_taps(roi.x, roi.width, x_axis.stride(), carver);
  AxisTaps y = carve_axis_taps(roi.y, roi.height, y_axis.stride(), carver);
  if (along_rows) fill_axis(x_axis, floats, x);
  if (along_columns) fill_axis(y_axis, floats, y);
  if (!along_columns) {
    rows_pass(window, x, roi.y, out, scratch);
  } else if (!along_rows) {
    columns_pass(window, y, roi.x, out, scratch);
  } else {
    rows_then_columns(window, x, y, out, scratch);
  }
}

}  // namespace

Rect torch_source_region(const Resize& resize, ResizeScratch&) {
  const Rect& roi = resize.roi;
  const auto span = [&](int source, int size, int first, int count) {
    if (!is_nearest(resize)) return source_span(resize.interpolation, source, size, first, count);
    return nearest_span(resize.interpolation == Interpolation::kNearestExact, source, size, first, count);
  };
  const Span x = span(resize.source_width, resize.width, roi.x, roi.width);
  const Span y = span(resize.source_height, resize.height, roi.y, roi.height);
  return {x.first, y.first, x.last - x.first + 1, y.last - y.first + 1};
}

void torch_resize(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                  ResizeScratch& scratch) {
  const SourceWindow window{source, region};
  if (resize.width == resize.source_width && resize.height == resize.source_height) {
    const Rect part{resize.roi.x - region.x, resize.roi.y - region.y, resize.roi.width, resize.roi.height};
    return copy_pixels(source.window(part), out);
  }
  if (is_nearest(resize)) {
    return pick_nearest(resize, window, out, scratch);
  }
  if (resize.resampler == Resampler::kTorch && out.shape.dtype == DType::kUint8) {
    return resize_bytes(resize, window, out, scratch);
  }
  torch_resize_in_floats(resize, source, region, out, scratch);
}

}  // namespace stoker
