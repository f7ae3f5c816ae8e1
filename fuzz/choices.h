// What is asked of a decoder, chosen by the last bytes of an input: any file with these behind it is a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "stoker/decode/decoder.h"

namespace stoker::fuzz {

[[noreturn]] inline void stop(const char* found) {
  std::fprintf(stderr, "found: %s\n", found);
  std::abort();
}

class Choices {
 public:
  static constexpr size_t kBytes = 7;

  // `input` has at least kBytes.
  explicit Choices(std::span<const uint8_t> input) : bytes_(input.last<kBytes>()) {}

  // Small images only, for the sake of speed.
  DecodeOptions options() const {
    DecodeOptions options;
    options.color = static_cast<Color>(bytes_[0] % 4);
    options.apply_exif_orientation = (bytes_[0] & 4) != 0;
    options.keep_wide = (bytes_[0] & 8) != 0;
    options.rule = (bytes_[0] & 16) != 0 ? ConversionRule::kPillow : ConversionRule::kRounded;
    options.limits.max_pixels = 1 << 18;
    options.limits.max_pixel_bytes = 1 << 21;
    options.limits.max_scans = 5;
    return options;
  }

  // The whole image in a quarter of all cases.
  Rect region(const ImageShape& shape) const {
    Rect region{0, 0, shape.width, shape.height};
    if (bytes_[5] < 64) return region;
    choose(bytes_[1], bytes_[2], shape.width, &region.x, &region.width);
    choose(bytes_[3], bytes_[4], shape.height, &region.y, &region.height);
    return region;
  }

  size_t gap_bytes() const { return bytes_[6] % 40; }

 private:
  // [first, first + size) within [0, limit).
  static void choose(uint8_t a, uint8_t b, int limit, int* first, int* size) {
    *size = 1 + a * limit / 256;
    *first = b * (limit - *size + 1) / 256;
  }

  std::span<const uint8_t, kBytes> bytes_;
};

// An image of its own memory, with a gap behind every row.
struct Decoded {
  Failure failure;
  ImageShape shape;
  size_t row_bytes = 0;
  std::vector<uint8_t> bytes;
};

inline constexpr uint8_t kUntouched = 0x5a;

// Decodes `region` of the image that `decoders` has open and whose pixels are like those of `whole`.
inline Decoded decode(DecoderSet& decoders, const ImageShape& whole, const Rect& region, size_t gap_bytes) {
  Decoded decoded;
  decoded.shape = whole;
  decoded.shape.width = region.width;
  decoded.shape.height = region.height;
  decoded.row_bytes = decoded.shape.row_bytes() + gap_bytes;
  decoded.bytes.assign(decoded.row_bytes * static_cast<size_t>(region.height), kUntouched);
  decoded.failure = decoders.decode(
      region, {decoded.bytes.data(), decoded.shape, static_cast<ptrdiff_t>(decoded.row_bytes)});
  return decoded;
}

}  // namespace stoker::fuzz
