// PNG by libpng, for pixels only: no gamma, no profiles, no text.
#include <algorithm>
#include <cstring>
#include <string>

#include "stoker/decode/codec_error.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/exif.h"
#include "stoker/decode/png_convert.h"
#include "stoker/decode/png_session.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/png";
constexpr uint8_t kSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr size_t kHeaderBytes = 33;  // signature and IHDR
constexpr uint8_t kEndChunk[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

// How far from the end the IEND chunk is looked for.
constexpr size_t kTailBytes = 65536;

// Deflate cannot expand more than this (258 bytes from two bits).
constexpr int64_t kMaxDeflateRatio = 1032;

constexpr size_t kKeptScratchBytes = size_t{16} << 20;

int64_t big_endian_at(std::span<const uint8_t> bytes, size_t at) {
  return int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
}

bool ends_with_chunk(std::span<const uint8_t> bytes) {
  const auto tail = bytes.last(std::min(bytes.size(), kTailBytes));
  if (tail.size() >= sizeof(kEndChunk) &&
      std::memcmp(tail.last(sizeof(kEndChunk)).data(), kEndChunk, sizeof(kEndChunk)) == 0) {
    return true;
  }
  return std::search(tail.begin(), tail.end(), std::begin(kEndChunk), std::end(kEndChunk)) != tail.end();
}

// Where the session's rows go.
struct Taker {
  const PngConverter* converter;
  Rect region;
  Image out;
};

void take_row(void* taker, int y, const uint8_t* row) {
  const Taker& to = *static_cast<Taker*>(taker);
  to.converter->row(row, to.region.x, to.region.width, to.out.row<uint8_t>(y));
}

class PngDecoder : public Decoder {
 public:
  ~PngDecoder() override { close_png(session_); }

  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) override;
  Failure decode(const Rect& region, const Image& out) override;
  int orientation() const override { return orientation_; }

 private:
  Failure check_header(std::span<const uint8_t> bytes, const DecodeLimits& limits) const;
  SampleError session_error() const;

  PngSession session_;
  PngConverter converter_;
  ImageShape shape_;
  bool has_end_chunk_ = false;
  bool is_open_ = false;
  int orientation_ = 1;
  ScratchBuffer rows_;
};

// Ahead of libpng, whose own limits do not tell the size.
Failure PngDecoder::check_header(std::span<const uint8_t> bytes, const DecodeLimits& limits) const {
  if (bytes.size() < kHeaderBytes) {
    return codec_error(
        kStep, SampleErrorCode::kTruncated,
        std::to_string(bytes.size()) + " bytes; the header alone has " + std::to_string(kHeaderBytes));
  }
  const int64_t width = big_endian_at(bytes, 16);
  const int64_t height = big_endian_at(bytes, 20);
  if (Failure failure = check_size(kStep, width, height, limits)) return failure;

  const int bit_depth = bytes[24];
  const int color_type = bytes[25];
  const int channels = (color_type & PNG_COLOR_MASK_PALETTE) != 0
                           ? 1
                           : ((color_type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) +
                                 ((color_type & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
  const int64_t pixel_bytes = height * ((width * channels * bit_depth + 7) / 8);
  if (pixel_bytes / kMaxDeflateRatio > static_cast<int64_t>(bytes.size())) {
    return codec_error(kStep, SampleErrorCode::kTruncated,
                       std::to_string(bytes.size()) + " bytes cannot hold " + std::to_string(width) + " x " +
                           std::to_string(height) + " px (" + std::to_string(pixel_bytes) +
                           " bytes unpacked)");
  }
  return std::nullopt;
}

SampleError PngDecoder::session_error() const {
  std::string found = session_.text;
  if (is_open_) {
    found +=
        " (after " + std::to_string(session_.rows_done) + " of " + std::to_string(session_.height) + " rows)";
  } else {
    found += " (within the header)";
  }
  return codec_error(kStep, session_.code, std::move(found));
}

Failure PngDecoder::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  is_open_ = false;
  if (Failure failure = check_header(bytes, options.limits)) return failure;
  session_.max_cpu_ns = options.limits.max_cpu_ns;
  session_.is_cancelled = options.limits.is_cancelled;
  if (!open_png(session_, bytes.data(), bytes.size(), options.apply_exif_orientation)) return session_error();

  orientation_ = 1;
  if (options.apply_exif_orientation) {
    size_t exif_bytes = 0;
    if (const uint8_t* exif = png_exif(session_, &exif_bytes))
      orientation_ = exif_orientation({exif, exif_bytes});
  }
  shape_ = png_shape(session_, options);
  converter_.choose(session_, options);
  has_end_chunk_ = ends_with_chunk(bytes);
  is_open_ = true;
  *shape = shape_;
  return std::nullopt;
}

Failure PngDecoder::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(is_open_);
  Taker taker{&converter_, region, out};
  PngTask task{};
  task.region = region;
  task.take = take_row;
  task.taker = &taker;
  task.to_the_end = !has_end_chunk_;
  if (converter_.is_copy() && region.width == shape_.width) {
    task.out = out.row<uint8_t>(0);
    task.out_row_bytes = out.row_bytes;
  } else {
    task.rows = rows_.reserve(session_.row_bytes * (session_.is_interlaced ? region.height : 1));
  }
  const bool is_done = decode_png(session_, task);
  rows_.trim(kKeptScratchBytes);
  Failure failure;
  if (!is_done) failure = session_error();
  close_png(session_);
  is_open_ = false;
  return failure;
}

const RegisterCodec kPng({.name = "png",
                          .library = "libpng " PNG_LIBPNG_VER_STRING,
                          .is_mine =
                              [](std::span<const uint8_t> bytes) {
                                return bytes.size() >= sizeof(kSignature) &&
                                       std::memcmp(bytes.data(), kSignature, sizeof(kSignature)) == 0;
                              },
                          .make = []() -> std::unique_ptr<Decoder> {
                            return std::make_unique<PngDecoder>();
                          }});

}  // namespace
}  // namespace stoker
