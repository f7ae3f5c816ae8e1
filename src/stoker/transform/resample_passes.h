// The order of the two passes of a resize, and what is kept between them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"
#include "stoker/transform/resample_rows.h"
#include "stoker/transform/resample_taps.h"

namespace stoker {

// The part of a source image that is at hand; coordinates are those of the whole image.
struct SourceWindow {
  ConstImage pixels;
  Rect region;

  int channels() const { return pixels.channels(); }
  const uint8_t* at(int x, int y) const {
    return pixels.row<uint8_t>(y - region.y) +
           static_cast<ptrdiff_t>(x - region.x) * static_cast<ptrdiff_t>(pixels.shape.pixel_bytes());
  }
};

// Of any dtype, as the next.
void copy_window(const SourceWindow& source, const Rect& rect, const Image& out);

// out(x, y) = source(columns[x], rows[y]).
void pick_pixels(const SourceWindow& source, const int32_t* columns, const int32_t* rows, const Image& out);

// Pillow's passes: split taps, 8 bits between the passes.
void rows_pass(const SourceWindow& source, const AxisTaps& x, int first_row, const Image& out,
               ResizeScratch& scratch);
void columns_pass(const SourceWindow& source, const AxisTaps& y, int first_column, const Image& out,
                  ResizeScratch& scratch);
void rows_then_columns(const SourceWindow& source, const AxisTaps& x, const AxisTaps& y, const Image& out,
                       ResizeScratch& scratch);
void columns_then_rows(const SourceWindow& source, const AxisTaps& x, const AxisTaps& y, const Image& out,
                       ResizeScratch& scratch);

// Source rows that have been resized along the row, the last few of them, made when they are asked for.
class ResizedRows {
 public:
  // `extra_bytes` are for the caller, at extra().
  ResizedRows(RowForm form, const SourceWindow& source, const AxisTaps& x, const AxisTaps& y,
              size_t extra_bytes, ResizeScratch& scratch);

  // Makes all rows that output `y`, counted from 0, needs. Outputs come in order.
  void advance_to(int y) {
    while (made_ < plan_.first[y] + taps_->count[y]) make_more();
  }
  // The row of tap `tap` of output `y`.
  template <class T>
  const T* row(int y, int tap) const {
    return reinterpret_cast<const T*>(rows_ + ((plan_.first[y] + tap) & plan_.held_mask) * row_bytes_);
  }
  uint8_t* extra() const { return extra_; }

 private:
  void make_more();

  RowForm form_;
  const SourceWindow* source_;
  const AxisTaps* taps_;
  RowTable table_;
  RowPlan plan_;
  int at_once_ = 0;
  int made_ = 0;
  ptrdiff_t row_bytes_ = 0;
  uint8_t* rows_ = nullptr;
  uint8_t* tails_ = nullptr;
  uint8_t* extra_ = nullptr;
};

}  // namespace stoker
