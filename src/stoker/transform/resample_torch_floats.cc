// torch_resize_in_floats: taps in float32, and which rows are made when.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "stoker/base/error.h"
#include "stoker/transform/resample_filters.h"
#include "stoker/transform/resample_floats.h"
#include "stoker/transform/resample_sums.h"
#include "stoker/transform/resample_taps.h"
#include "stoker/transform/resample_torch.h"

namespace stoker {
namespace {

// As the compiler of torch's wheels fuses the cubic polynomials.
float float_filter(Interpolation kind, float x) {
  x = std::fabs(x);
  if (kind == Interpolation::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr float kA = -0.5F;
  if (x < 1) return std::fma(std::fma(kA + 2, x, -(kA + 3)) * x, x, 1.0F);
  if (x < 2) return std::fma(std::fma(x - 5, x, 8.0F), x, -4.0F) * kA;
  return 0;
}

// The centre of a pixel is half a pixel behind its number, a half that torch counts in double.
double with_half(float number) { return static_cast<double>(number) + 0.5; }

// One axis of a resize as torch counts it in float32.
struct FloatAxis {
  Interpolation interpolation;
  int source;
  float scale;  // source pixels for an output pixel
  float support;

  FloatAxis(Interpolation kind, int from, int to)
      : interpolation(kind),
        source(from),
        scale(static_cast<float>(from) / static_cast<float>(to)),
        support(static_cast<float>(support_of(kind)) * std::max(scale, 1.0F)) {}

  int most_taps() const { return static_cast<int>(std::ceil(support)) * 2 + 1; }
  float centre(int output) const { return scale * (static_cast<float>(output) + 0.5F); }
  int start(int output) const { return std::max(static_cast<int>(with_half(centre(output) - support)), 0); }
  int end(int output) const {
    const int last = std::min(static_cast<int>(with_half(centre(output) + support)), source);
    return std::min(last, start(output) + most_taps());
  }
};

size_t float_taps_bytes(int size, int stride) {
  const size_t outputs = static_cast<size_t>(size);
  return 2 * Carver::bytes<int32_t>(outputs) + Carver::bytes<float>(outputs * static_cast<size_t>(stride));
}

FloatTaps make_taps(const FloatAxis& axis, int first, int size, Carver& memory) {
  const size_t outputs = static_cast<size_t>(size);
  FloatTaps taps;
  taps.first = first;
  taps.size = size;
  taps.stride = axis.most_taps();
  taps.start = memory.take<int32_t>(outputs);
  taps.count = memory.take<int32_t>(outputs);
  taps.weights = memory.take<float>(outputs * static_cast<size_t>(taps.stride));
  const float unit = axis.scale >= 1 ? 1 / axis.scale : 1;
  for (int i = 0; i < size; ++i) {
    const float centre = axis.centre(first + i);
    const int low = axis.start(first + i);
    const int count = axis.end(first + i) - low;
    float* const weights = taps.weights + static_cast<ptrdiff_t>(i) * taps.stride;
    float sum = 0;
    for (int tap = 0; tap < count; ++tap) {
      const double place = with_half(static_cast<float>(tap + low) - centre) * unit;
      weights[tap] = float_filter(axis.interpolation, static_cast<float>(place));
      sum += weights[tap];
    }
    if (sum != 0) {
      for (int tap = 0; tap < count; ++tap) weights[tap] /= sum;
    }
    taps.start[i] = low;
    taps.count[i] = count;
  }
  return taps;
}

void copy_as_floats(const ConstImage& source, int y, int x, size_t count, float* out) {
  const ptrdiff_t first = static_cast<ptrdiff_t>(x) * source.channels();
  if (source.shape.dtype == DType::kFloat32) {
    std::memcpy(out, source.row<float>(y) + first, count * sizeof(float));
    return;
  }
  const uint8_t* const from = source.row<uint8_t>(y) + first;
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(from[i]);
}

// Source rows in float32, resized along the row where that is needed; the last few of them.
class FloatRows {
 public:
  FloatRows(const ConstImage& source, const Rect& region, const Rect& roi, const FloatTaps* x, int held,
            ScratchBuffer& memory)
      : source_(source), region_(region), roi_(roi), x_(x) {
    while (mask_ + 1 < held) mask_ = 2 * mask_ + 1;
    samples_ = static_cast<size_t>(roi.width) * static_cast<size_t>(source.channels());
    const size_t line = static_cast<size_t>(region.width) * static_cast<size_t>(source.channels());
    row_floats_ = Carver::bytes<float>(samples_ + kFloatSlack) / sizeof(float);
    Carver carver(memory.reserve(Carver::bytes<float>(line + kFloatSlack) +
                                 Carver::bytes<float>(row_floats_ * static_cast<size_t>(mask_ + 1)) +
                                 Carver::bytes<const float*>(static_cast<size_t>(held)) +
                                 Carver::bytes<float>(samples_ + kFloatSlack)));
    line_ = carver.take<float>(line + kFloatSlack);
    rows_ = carver.take<float>(row_floats_ * static_cast<size_t>(mask_ + 1));
    pointers_ = carver.take<const float*>(static_cast<size_t>(held));
    blended_ = carver.take<float>(samples_ + kFloatSlack);
    std::fill_n(line_ + line, kFloatSlack, 0.0F);
  }

  size_t samples() const { return samples_; }

  // Rows [first, first + count) of the source; first never falls from call to call.
  const float* const* rows(int first, int count) {
    for (next_ = std::max(next_, first); next_ < first + count; ++next_) make(next_);
    for (int i = 0; i < count; ++i) pointers_[i] = row(first + i);
    return pointers_;
  }
  // Room for one finished row.
  float* blended() { return blended_; }

 private:
  float* row(int y) { return rows_ + static_cast<size_t>(y & mask_) * row_floats_; }

  void make(int y) {
    const int from_y = y - region_.y;
    if (x_ == nullptr) return copy_as_floats(source_, from_y, roi_.x - region_.x, samples_, row(y));
    const size_t line = static_cast<size_t>(region_.width) * static_cast<size_t>(source_.channels());
    copy_as_floats(source_, from_y, 0, line, line_);
    resample_float_row(*x_, source_.channels(), region_.x, line_, row(y));
  }

  ConstImage source_;
  Rect region_;
  Rect roi_;
  const FloatTaps* x_;
  int mask_ = 0;
  int next_ = 0;
  size_t samples_ = 0;
  size_t row_floats_ = 0;
  float* line_ = nullptr;
  float* rows_ = nullptr;
  const float** pointers_ = nullptr;
  float* blended_ = nullptr;
};

}  // namespace

Span torch_float_span(Interpolation interpolation, int source, int size, int first, int count) {
  const FloatAxis axis(interpolation, source, size);
  return {axis.start(first), axis.end(first + count - 1) - 1};
}

void torch_resize_in_floats(const Resize& resize, const ConstImage& source, const Rect& region,
                            const Image& out, ResizeScratch& scratch) {
  STOKER_CHECK(resize.interpolation == Interpolation::kBilinear ||
               resize.interpolation == Interpolation::kBicubic);
  const Rect& roi = resize.roi;
  const bool along_columns = resize.height != resize.source_height;
  const bool along_rows = resize.width != resize.source_width;
  const FloatAxis x_axis(resize.interpolation, resize.source_width, resize.width);
  const FloatAxis y_axis(resize.interpolation, resize.source_height, resize.height);
  Carver carver(scratch.taps.reserve(float_taps_bytes(roi.width, x_axis.most_taps()) +
                                     float_taps_bytes(roi.height, y_axis.most_taps())));
  FloatTaps x;
  FloatTaps y;
  if (along_rows) x = make_taps(x_axis, roi.x, roi.width, carver);
  if (along_columns) y = make_taps(y_axis, roi.y, roi.height, carver);
  const int held = along_columns ? *std::max_element(y.count, y.count + y.size) : 1;
  FloatRows made(source, region, roi, along_rows ? &x : nullptr, held, scratch.rows);
  const bool is_float = out.shape.dtype == DType::kFloat32;
  for (int i = 0; i < roi.height; ++i) {
    const float* row = nullptr;
    if (along_columns) {
      const float* const* rows = made.rows(y.start[i], y.count[i]);
      float* const to = is_float ? out.row<float>(i) : made.blended();
      blend_float_rows(rows, y.weights + static_cast<ptrdiff_t>(i) * y.stride, y.count[i], made.samples(),
                       to);
      row = to;
    } else {
      row = made.rows(roi.y + i, 1)[0];
      if (is_float) std::memcpy(out.row<float>(i), row, made.samples() * sizeof(float));
    }
    if (!is_float) round_floats(row, made.samples(), out.row<uint8_t>(i));
  }
}

}  // namespace stoker
