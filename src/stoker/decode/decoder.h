// Bytes to pixels. Every codec is one file that registers itself; the format is found by magic bytes.
//
// A region equals the same crop of a full decode, bit for bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/base/memory.h"

namespace stoker {

enum class Color : uint8_t { kRgb, kBgr, kGray, kUnchanged };

// What becomes of samples wider than 8 bits (16-bit PNG) and other choices where libraries differ.
enum class ConversionRule : uint8_t {
  kRounded,  // 16 bits scaled to 8 with rounding; grey by the luma weights of ITU-R 601
  kPillow,   // what Pillow's open().convert("RGB"/"L") gives
};

struct DecodeLimits {
  int64_t max_pixels = 120'000'000;
  int max_side_px = 65'500;
  int max_scans = 100;                  // of a progressive JPEG
  int64_t max_cpu_ns = 10'000'000'000;  // of one image
  int64_t max_pixel_bytes = int64_t{1}
                            << 30;  // of one decoded image; many wide bands need more than pixels tell
  // Set from another thread to end a decode early, wherever the CPU time is looked at; may be null.
  const std::atomic<bool>* is_cancelled = nullptr;
};

// Which code made the pixels of a JPEG: stoker's own, or libjpeg-turbo and why.
enum class DecodeRoute : uint8_t {
  kOnlyWay,      // not a JPEG: there is one decoder
  kOwn,          // stoker's own baseline decoder
  kAsked,        // DecodeOptions::only_libjpeg_turbo
  kProgressive,  // from here on: what the own decoder leaves to the library
  kArithmetic,
  kColor,     // neither grey, YCC nor RGB
  kSampling,  // a component is sampled otherwise than 1 or 2 to 1
  kScans,     // a scan a component, 12 bits, tables that are not in the file
  kNoEnd,     // no end-of-image marker near the end, so that all of it is judged
  kDamaged,   // or not understood, or out of time
  kExtreme,   // coefficients that no 8-bit image has
};
inline constexpr int kDecodeRouteCount = 11;

// "own", "progressive", ...
std::string_view name_of(DecodeRoute route);

struct DecodeOptions {
  Color color = Color::kRgb;
  bool apply_exif_orientation = false;
  bool keep_wide = false;  // keep the file's dtype: uint16, and int16, int32, float32 of TIFF and .npy
  // With Color::kUnchanged, a palette image gives the numbers of its colours, one channel: classes in a mask.
  bool keep_palette_numbers = false;
  ConversionRule rule = ConversionRule::kRounded;
  bool only_libjpeg_turbo = false;  // JPEGs never by stoker's own decoder; the pixels are the same
  DecodeLimits limits = {};
};

// One opened image of one codec. Belongs to one thread and is reused for image after image, so that a
// steady loop allocates nothing.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Reads the header of `bytes`, which must stay alive until the next open(), and sets `shape` to what
  // decode() of the whole image gives. Checks the limits before any allocation.
  virtual Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) = 0;

  // Decodes `region`, which lies within the shape, into `out` of region.height x region.width. Once per
  // open().
  virtual Failure decode(const Rect& region, const Image& out) = 0;

  // EXIF orientation 1..8 of the opened image; 1 where there is none. Codecs report, DecoderSet applies.
  virtual int orientation() const { return 1; }

  // The value that stands for "no data" in the opened image, as decode() gives samples; nothing where the
  // file names none or samples do not keep their values.
  virtual std::optional<double> nodata() const { return std::nullopt; }

  // How the last decode() went.
  virtual DecodeRoute route() const { return DecodeRoute::kOnlyWay; }
};

// A codec as the registry knows it.
struct Codec {
  std::string_view name;     // "jpeg"
  std::string_view library;  // "libjpeg-turbo 2.1.5", for `stoker doctor`
  bool (*is_mine)(std::span<const uint8_t> bytes);
  std::unique_ptr<Decoder> (*make)();
};

// Declared once, at namespace scope, in the codec's own file.
struct RegisterCodec {
  explicit RegisterCodec(const Codec& codec);
};

// All codecs, sorted by name.
const std::vector<Codec>& codecs();

// One decoder of every codec, made when first needed; one set per thread.
class DecoderSet {
 public:
  // As Decoder::open, after finding the codec by the first bytes. With apply_exif_orientation the shape
  // and later regions are those of the turned image.
  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape);
  Failure decode(const Rect& region, const Image& out);

  // As Decoder::nodata, of the last image opened.
  std::optional<double> nodata() const;

  // As Decoder::route, of the last image decoded.
  DecodeRoute route() const;

 private:
  std::vector<std::unique_ptr<Decoder>> decoders_;  // parallel to codecs()
  Decoder* current_ = nullptr;
  int orientation_ = 1;
  ImageShape stored_shape_;
  ScratchBuffer turned_;
};

}  // namespace stoker
