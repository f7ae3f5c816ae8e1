// From PNG's kinds of pixels to the one that was asked for.
#pragma once

#include <cstdint>

#include "stoker/base/image.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/png_session.h"

namespace stoker {

// The pixels that `options` makes of the opened image.
ImageShape png_shape(const PngSession& session, const DecodeOptions& options);

// A conversion chosen once an image and applied row by row.
class PngConverter {
 public:
  void choose(const PngSession& session, const DecodeOptions& options);

  // Whether the library's rows are already what is asked for.
  bool is_copy() const { return is_copy_; }

  // `from` is a row of the library, from its first column; writes `width` pixels from column `first` on.
  void row(const uint8_t* from, int first, int width, uint8_t* to) const {
    run_(*this, from + first * from_pixel_bytes_, width, to);
  }

 private:
  using Run = void (*)(const PngConverter&, const uint8_t* from, int width, uint8_t* to);

  template <class From, class To, class Narrow>
  friend struct SampleConversion;
  static void copy(const PngConverter& self, const uint8_t* from, int width, uint8_t* to);
  static void look_up(const PngConverter& self, const uint8_t* from, int width, uint8_t* to);

  Run run_ = nullptr;
  size_t from_pixel_bytes_ = 0;
  int from_channels_ = 0;
  int to_channels_ = 0;
  bool is_bgr_ = false;
  bool is_copy_ = false;
  uint8_t table_[256][4];  // palette entries as output pixels
};

}  // namespace stoker
