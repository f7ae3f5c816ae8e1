// From any number of bands of any dtype to the pixels that were asked for; for TIFF and .npy.
//
// kUnchanged takes all bands. kRgb and kBgr take the first three, or repeat the first where there are fewer;
// kGray weighs the first three, or takes the first. Without keep_wide, uint16 becomes uint8 as in PNG and
// every other wide dtype is refused.
#pragma once

#include <cstdint>
#include <string_view>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/decode/decoder.h"

namespace stoker {

inline constexpr int kMaxBands = 64;

struct BandFormat {
  DType dtype = DType::kUint8;  // uint8, uint16, int16, int32 or float32
  int bands = 1;
  bool is_inverted = false;               // one uint8 band with 0 as white
  const uint8_t (*palette)[3] = nullptr;  // 256 RGB entries of one uint8 band; copied
};

// A conversion chosen once an image and applied row by row.
class BandConverter {
 public:
  // Sets channels and dtype of `shape`, whose sides are set, and checks its bytes against the limit. `step`
  // is for the error.
  Failure choose(std::string_view step, const BandFormat& format, const DecodeOptions& options,
                 ImageShape* shape);

  // row() reads so many first bands of each pixel, packed, in the byte order of this machine.
  int used_bands() const { return used_bands_; }

  // Whether row() copies.
  bool is_copy() const { return is_copy_; }

  // Whether a sample of the output is the sample of the file.
  bool keeps_values() const { return keeps_values_; }

  void row(const uint8_t* from, int width, uint8_t* to) const { run_(*this, from, width, to); }

 private:
  using Run = void (*)(const BandConverter&, const uint8_t* from, int width, uint8_t* to);

  template <class From, class To, class Narrow>
  friend struct BandConversion;
  template <class T>
  static Run keep();
  static void copy(const BandConverter& self, const uint8_t* from, int width, uint8_t* to);
  static void look_up(const BandConverter& self, const uint8_t* from, int width, uint8_t* to);

  Run run_ = nullptr;
  int used_bands_ = 0;
  int channels_ = 0;
  size_t pixel_bytes_ = 0;
  bool is_bgr_ = false;
  bool is_copy_ = false;
  bool keeps_values_ = false;
  uint8_t table_[256][3];  // one band as output pixels
};

// Copies `count` pixels of `samples` samples of `sample_bytes` (1, 2 or 4) each; pixels begin so many bytes
// apart. Neither side need be aligned.
struct SampleCopy {
  int sample_bytes;
  int samples;
  bool swaps_bytes;
  size_t from_step_bytes;
  size_t to_step_bytes;
};
void copy_samples(const SampleCopy& copy, const uint8_t* from, uint8_t* to, int count);

}  // namespace stoker
