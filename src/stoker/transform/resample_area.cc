#include "stoker/transform/resample_area.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "stoker/transform/resample_sums.h"
#include "stoker/transform/resample_wide.h"

namespace stoker {
namespace {

// One output of one axis: the first source index and the weights from there on.
struct AreaTaps {
  int stride = 0;
  int32_t* start = nullptr;
  int32_t* count = nullptr;
  float* weights = nullptr;
};

constexpr int even(int count) { return (count + 1) / 2 * 2; }

double scale_of(int source, int size) { return 1.0 / (static_cast<double>(size) / source); }

// At most `stride` weights.
void fill_output(int source, double scale, int output, float* weights, int32_t* start, int32_t* count) {
  constexpr double kLeast = 1e-3;  // smaller parts of a pixel do not count
  const double begin = output * scale;
  const double end = begin + scale;
  const double width = std::min(scale, source - begin);
  const int last = std::min(static_cast<int>(end), source - 1);
  const int first = std::min(static_cast<int>(std::ceil(begin)), last);
  int used = 0;
  *start = first;
  if (first - begin > kLeast) {
    *start = first - 1;
    weights[used++] = static_cast<float>((first - begin) / width);
  }
  for (int i = first; i < last; ++i) weights[used++] = static_cast<float>(1.0 / width);
  if (end - last > kLeast)
    weights[used++] = static_cast<float>(std::min(std::min(end - last, 1.0), width) / width);
  *count = used;
}

int stride_of(double scale) { return static_cast<int>(std::ceil(scale)) + 2; }

size_t area_taps_bytes(int count, int stride) {
  const size_t outputs = static_cast<size_t>(count);
  return 2 * Carver::bytes<int32_t>(outputs) + Carver::bytes<float>(outputs * static_cast<size_t>(stride));
}

AreaTaps make_taps(int source, int size, int first, int count, Carver& memory) {
  const double scale = scale_of(source, size);
  const size_t outputs = static_cast<size_t>(count);
  AreaTaps taps;
  taps.stride = stride_of(scale);
  taps.start = memory.take<int32_t>(outputs);
  taps.count = memory.take<int32_t>(outputs);
  taps.weights = memory.take<float>(outputs * static_cast<size_t>(taps.stride));
  for (int i = 0; i < count; ++i) {
    fill_output(source, scale, first + i, taps.weights + static_cast<ptrdiff_t>(i) * taps.stride,
                taps.start + i, taps.count + i);
  }
  return taps;
}

// kChannels 0: any number. Each step is rounded to float32 in the order of the taps; the build must not fuse
// products and sums (-ffp-contract=off where the baseline has such an instruction).
template <int kChannels, class T>
void area_row(const T* row, int first_pixel, const AreaTaps& x, int width, int given_channels, float* out) {
  const int channels = kChannels != 0 ? kChannels : given_channels;
  for (int i = 0; i < width; ++i, out += channels) {
    const T* from = row + static_cast<ptrdiff_t>(x.start[i] - first_pixel) * channels;
    const float* weights = x.weights + static_cast<ptrdiff_t>(i) * x.stride;
    for (int channel = 0; channel < channels; ++channel) {
      float sum = 0;
      for (int tap = 0; tap < x.count[i]; ++tap) {
        const float product = static_cast<float>(from[tap * channels + channel]) * weights[tap];
        sum = sum + product;
      }
      out[channel] = sum;
    }
  }
}

// Every weight is 1.
AxisTaps whole_taps(int factor, int first, int count, Carver& memory) {
  AxisTaps taps = carve_axis_taps(first, count, even(factor), memory);
  for (int i = 0; i < count; ++i) {
    int32_t* const weights = taps.weights_of(first + i);
    taps.start[i] = (first + i) * factor;
    taps.count[i] = factor;
    std::fill_n(weights, factor, 1);
    std::fill(weights + factor, weights + taps.stride, 0);
  }
  pack_taps(TapForm::kWhole, taps);
  return taps;
}

template <class T>
void area_by_parts_of(const SourceWindow& source, const Resize& resize, const Image& out,
                      ResizeScratch& scratch) {
  const Rect& roi = resize.roi;
  const int channels = out.channels();
  const int x_stride = stride_of(scale_of(resize.source_width, resize.width));
  const int y_stride = stride_of(scale_of(resize.source_height, resize.height));
  Carver carver(
      scratch.taps.reserve(area_taps_bytes(roi.width, x_stride) + area_taps_bytes(roi.height, y_stride)));
  const AreaTaps x = make_taps(resize.source_width, resize.width, roi.x, roi.width, carver);
  const AreaTaps y = make_taps(resize.source_height, resize.height, roi.y, roi.height, carver);
  const size_t samples = static_cast<size_t>(roi.width) * static_cast<size_t>(channels);
  Carver rows(scratch.rows.reserve(2 * Carver::bytes<float>(samples)));
  float* const row = rows.take<float>(samples);
  float* const sums = rows.take<float>(samples);
  int made = -1;  // the source row that `row` was made of: neighbours share the row on their edge
  for (int i = 0; i < roi.height; ++i) {
    for (int tap = 0; tap < y.count[i]; ++tap) {
      const int from = y.start[i] + tap;
      if (from != made) {
        const T* const pixels = reinterpret_cast<const T*>(source.at(source.region.x, from));
        switch (channels) {
          case 1:
            area_row<1>(pixels, source.region.x, x, roi.width, channels, row);
            break;
          case 3:
            area_row<3>(pixels, source.region.x, x, roi.width, channels, row);
            break;
          case 4:
            area_row<4>(pixels, source.region.x, x, roi.width, channels, row);
            break;
          default:
            area_row<0>(pixels, source.region.x, x, roi.width, channels, row);
        }
        made = from;
      }
      weigh_floats(row, y.weights[static_cast<ptrdiff_t>(i) * y.stride + tap], tap == 0, samples, sums);
    }
    if constexpr (std::is_same_v<T, uint8_t>) {
      round_floats(sums, samples, out.row<uint8_t>(i));
    } else {
      T* const to = out.row<T>(i);
      for (size_t sample = 0; sample < samples; ++sample) to[sample] = wide_cast<T>(sums[sample]);
    }
  }
}

}  // namespace

Span area_span(int source, int size, int first, int count) {
  const double scale = scale_of(source, size);
  const auto begin_of = [&](int output) {
    const double begin = output * scale;
    const int last = std::min(static_cast<int>(begin + scale), source - 1);
    const int at = std::min(static_cast<int>(std::ceil(begin)), last);
    return at - begin > 1e-3 ? at - 1 : at;
  };
  const auto end_of = [&](int output) {
    const double end = output * scale + scale;
    const int last = std::min(static_cast<int>(end), source - 1);
    return end - last > 1e-3 ? last : last - 1;
  };
  return {begin_of(first), end_of(first + count - 1)};
}

void area_by_whole_factors(const SourceWindow& source, int x_factor, int y_factor, const Rect& roi,
                           const Image& out, ResizeScratch& scratch) {
  Carver carver(scratch.taps.reserve(axis_taps_bytes(roi.width, even(x_factor)) +
                                     axis_taps_bytes(roi.height, even(y_factor))));
  const AxisTaps x = whole_taps(x_factor, roi.x, roi.width, carver);
  const AxisTaps y = whole_taps(y_factor, roi.y, roi.height, carver);
  const float part = 1.0F / static_cast<float>(x_factor * y_factor);
  const size_t samples = static_cast<size_t>(roi.width) * static_cast<size_t>(out.channels());
  ResizedRows resized(RowForm::kSums, source, x, y, static_cast<size_t>(y_factor) * sizeof(const int32_t*),
                      scratch);
  const int32_t** const rows = reinterpret_cast<const int32_t**>(resized.extra());
  for (int i = 0; i < roi.height; ++i) {
    resized.advance_to(i);
    for (int tap = 0; tap < y_factor; ++tap) rows[tap] = resized.row<int32_t>(i, tap);
    blend_sums_mean(rows, y_factor, part, samples, out.row<uint8_t>(i));
  }
}

void area_by_parts(const SourceWindow& source, const Resize& resize, const Image& out,
                   ResizeScratch& scratch) {
  switch (out.shape.dtype) {
    case DType::kFloat32:
      return area_by_parts_of<float>(source, resize, out, scratch);
    case DType::kUint16:
      return area_by_parts_of<uint16_t>(source, resize, out, scratch);
    case DType::kInt16:
      return area_by_parts_of<int16_t>(source, resize, out, scratch);
    default:
      return area_by_parts_of<uint8_t>(source, resize, out, scratch);
  }
}

}  // namespace stoker
