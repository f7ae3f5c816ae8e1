// Coefficients to pixels: inverse transform, smooth upsampling and colour, only for a region.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/base/image.h"
#include "stoker/base/memory.h"
#include "stoker/decode/jpeg_frame.h"

namespace stoker {

enum class JpegPixelKind : uint8_t { kGray, kRgb, kBgr };

// The pixels are those of libjpeg-turbo's full decode with JDCT_ISLOW and fancy upsampling, bit for bit;
// grey of a colour image is color.h's luma. Belongs to one thread and is reused; memory only grows.
class JpegPixels {
 public:
  struct Range {
    int first = 0;
    int end = 0;
  };

  // Asks for `region` of the image, whose rows go to `out`, `out_row_bytes` apart. `frame` must stay alive
  // until the last row.
  void begin(const JpegFrame& frame, const Rect& region, JpegPixelKind kind, uint8_t* out,
             ptrdiff_t out_row_bytes);

  // The MCUs that the region depends on.
  Range mcu_columns() const { return mcu_columns_; }
  Range mcu_rows() const { return mcu_rows_; }

  // Takes the coefficients of MCUs [first, first + count) of one row: all of mcu_columns() of a row, then the
  // next row. False where they are so large that libjpeg-turbo must decide; see inverse_dct().
  bool add(int mcu_row, int first, int count, const JpegCoefficients& coefficients);

  // Writes the pixels that are complete after this row of MCUs.
  void finish_row(int mcu_row);

  // Whether a pixel row may depend on the next row of samples, so that libjpeg-turbo reads ahead.
  static bool needs_next_row(const JpegFrame& frame);

 private:
  enum class Way : uint8_t { kSame, kSmooth, kRepeat };
  struct Component {
    Range block_columns;
    Range block_rows;
    Way across;
    Way down;
    uint8_t* samples;  // of block_columns.first, in the ring of the last two rows of MCUs
    ptrdiff_t row_bytes;
    int ring_rows;
    uint8_t* upsampled;
  };

  static Way way_across(const JpegFrame& frame, const JpegComponent& component);
  static Way way_down(const JpegFrame& frame, const JpegComponent& component);
  // The first sample of row `y`, which is moved into the image.
  uint8_t* sample_row(int component, int y) const;
  void extend_edges(int mcu_row);
  const uint8_t* upsample(int component, int y);
  void write_row(int y, uint8_t* to);

  const JpegFrame* frame_ = nullptr;
  Rect region_;
  JpegPixelKind kind_ = JpegPixelKind::kRgb;
  uint8_t* out_ = nullptr;
  ptrdiff_t out_row_bytes_ = 0;
  Range mcu_columns_;
  Range mcu_rows_;
  int next_y_ = 0;
  Component components_[kJpegMaxComponents];
  uint8_t* color_row_ = nullptr;
  ScratchBuffer memory_;
};

}  // namespace stoker
