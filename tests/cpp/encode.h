// Images made for tests, in memory.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/decode/decoder.h"

namespace stoker::test {

using Bytes = std::vector<uint8_t>;

// Packed pixels that own their memory.
struct Pixels {
  ImageShape shape;
  Bytes bytes;

  friend bool operator==(const Pixels&, const Pixels&) = default;
  Image view() { return packed_image(bytes.data(), shape); }
  ConstImage view() const { return packed_image(bytes.data(), shape); }
};

Pixels blank(const ImageShape& shape);

// Waves with some noise: every row and column differs, and a JPEG of it keeps all its coefficients.
Pixels wavy(int height, int width, int channels, uint32_t seed = 1);

// Every sample random below 2^bit_depth; uint16 when that is above 8.
Pixels noisy(int height, int width, int channels, int bit_depth, uint32_t seed = 1);

Pixels crop(const Pixels& from, const Rect& region);

// A rectangle within height x width, each possible extent about as likely as another.
Rect random_region(int height, int width, uint32_t* state);
uint32_t next_random(uint32_t* state);

struct Sampling {
  int horizontal = 1;
  int vertical = 1;
};

enum class JpegColor { kGray, kYcc, kRgb, kCmyk, kYcck, kTwo };
enum class JpegScans { kOne, kProgressive, kSpectral, kPerComponent };

struct JpegKind {
  std::string name = {};
  JpegColor color = JpegColor::kYcc;
  Sampling luma = {};  // of the first component (and the fourth); the others have 1 x 1
  JpegScans scans = JpegScans::kOne;
  int restart_rows = 0;
  bool is_arithmetic = false;
  bool is_adobe = true;  // write the APP14 marker where the colour asks for it
  int quality = 85;
  Bytes app1 = {};  // payload of an APP1 marker; none when empty
};

// `pixels` has as many channels as the kind has components (RGB for kYcc and kRgb).
Bytes encode_jpeg(const Pixels& pixels, const JpegKind& kind);

struct PngKind {
  int bit_depth = 8;
  int color_type = 2;  // as in the file format: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA
  bool is_interlaced = false;
  Bytes palette = {};        // RGB triples
  Bytes palette_alpha = {};  // a tRNS chunk where not empty
  bool has_color_key = false;
  Bytes exif = {};
};

Bytes encode_png(const Pixels& samples, const PngKind& kind);

// A PNG chunk with its CRC, and `chunk` put right behind the IHDR of `png`.
Bytes png_chunk(const std::string& type, const Bytes& data);
Bytes with_chunk(const Bytes& png, const Bytes& chunk);

// A TIFF block with one orientation entry.
Bytes exif_block(int orientation, bool is_big_endian);

// Where the marker 0xff `code` starts, first one at or behind `from`; the size when there is none.
size_t find_marker(const Bytes& jpeg, uint8_t code, size_t from = 0);

// What decode gave: pixels or the error.
struct Decoded {
  Failure failure;
  Pixels pixels;
};

// Opens and decodes; the whole image unless a region is given.
Decoded decode_with(DecoderSet& decoders, const Bytes& bytes, const DecodeOptions& options = {},
                    const Rect* region = nullptr);

}  // namespace stoker::test
