// TIFF: the directory by our own reader, packed chunks by libtiff. Only the first image of a file, and of it
// only the strips or tiles that a region touches.
#include <tiffvers.h>

#include <algorithm>
#include <bit>
#include <string>

#include "stoker/base/clock.h"
#include "stoker/decode/codec_error.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/tiff_bands.h"
#include "stoker/decode/tiff_chunks.h"
#include "stoker/decode/tiff_directory.h"

namespace stoker {
namespace {

constexpr std::string_view kStep = "decode/tiff";

// A strip above this is unpacked row by row, so that its memory and the time between two looks at the
// clock stay small; below it, libtiff has a quicker way to unpack whole strips (libdeflate).
constexpr size_t kWholeStripBytes = size_t{4} << 20;

// Between two looks at the clock.
constexpr size_t kBytesPerClock = size_t{4} << 20;
// What a chunk costs at least.
constexpr size_t kChunkCostBytes = 4096;

constexpr size_t kKeptScratchBytes = size_t{16} << 20;

// What turn_pixels() handles.
bool can_be_turned(size_t pixel_bytes) { return pixel_bytes <= 4 || pixel_bytes == 6 || pixel_bytes == 8; }

class TiffDecoder : public Decoder {
 public:
  Failure open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) override;
  Failure decode(const Rect& region, const Image& out) override;
  int orientation() const override { return directory_.orientation; }
  std::optional<double> nodata() const override {
    return converter_.keeps_values() ? directory_.nodata : std::nullopt;
  }

 private:
  // The part of one chunk that is wanted, in pixels of the image, and where it goes.
  struct Piece {
    int chunk;
    int band;       // first band of the chunk
    int chunk_y;    // first row of the chunk
    Rect in_chunk;  // what is wanted, from the chunk's first pixel
    SampleCopy copy;
    uint8_t* to;
    ptrdiff_t to_row_bytes;
  };

  Failure read_region(const Rect& region, const Image& out);
  Failure read_chunk_row(const Rect& part, int chunk_row, uint8_t* to, ptrdiff_t to_row_bytes);
  Failure read_piece(const Piece& piece);
  Failure spend(size_t bytes);

  TiffDirectory directory_;
  TiffChunks chunks_;
  BandConverter converter_;
  DecodeLimits limits_;
  bool is_open_ = false;
  int64_t start_cpu_ns_ = 0;
  size_t bytes_to_clock_ = 0;
  ScratchBuffer chunk_;
  ScratchBuffer bands_;
};

Failure TiffDecoder::open(std::span<const uint8_t> bytes, const DecodeOptions& options, ImageShape* shape) {
  is_open_ = false;
  if (Failure failure = read_tiff_directory(bytes, options.limits, &directory_)) return failure;
  if (directory_.colors == TiffColors::kOther && options.color != Color::kUnchanged) {
    SampleError error = codec_error(kStep, SampleErrorCode::kUnsupported,
                                    "colours that are neither grey, RGB nor a palette (CMYK, CIELab, raw)");
    error.hint = "load with color=\"unchanged\", which gives the bands as they are";
    return error;
  }
  ImageShape made{.height = directory_.height, .width = directory_.width};
  const bool keeps_numbers = options.color == Color::kUnchanged && options.keep_palette_numbers;
  const BandFormat format{
      .dtype = directory_.dtype,
      .bands = directory_.bands,
      .is_inverted = directory_.colors == TiffColors::kWhiteIsZero,
      .palette = directory_.colors == TiffColors::kPalette && !keeps_numbers ? directory_.palette : nullptr,
  };
  if (Failure failure = converter_.choose(kStep, format, options, &made)) return failure;
  if (options.apply_exif_orientation && directory_.orientation != 1 && !can_be_turned(made.pixel_bytes())) {
    return codec_error(kStep, SampleErrorCode::kUnsupported,
                       "orientation " + std::to_string(directory_.orientation) + " of pixels of " +
                           std::to_string(made.pixel_bytes()) + " bytes; 1 to 4, 6 or 8 can be turned");
  }
  limits_ = options.limits;
  is_open_ = true;
  *shape = made;
  return std::nullopt;
}

Failure TiffDecoder::decode(const Rect& region, const Image& out) {
  STOKER_CHECK(is_open_);
  is_open_ = false;
  start_cpu_ns_ = thread_cpu_ns();
  bytes_to_clock_ = kBytesPerClock;
  Failure failure;
  if (directory_.compression != kTiffUncompressed) failure = chunks_.open(directory_);
  if (!failure) failure = read_region(region, out);
  chunks_.close();
  chunk_.trim(kKeptScratchBytes);
  bands_.trim(kKeptScratchBytes);
  return failure;
}

Failure TiffDecoder::read_region(const Rect& region, const Image& out) {
  const size_t used_bytes = static_cast<size_t>(converter_.used_bands()) * size_of(directory_.dtype);
  const size_t row_bytes = static_cast<size_t>(region.width) * used_bytes;
  const int height = directory_.chunk_height;
  const int end = region.y + region.height;
  for (int chunk_row = region.y / height; chunk_row * height < end; ++chunk_row) {
    Rect part = region;
    part.y = std::max(region.y, chunk_row * height);
    part.height = std::min(end, (chunk_row + 1) * height) - part.y;
    const int first = part.y - region.y;
    if (converter_.is_copy()) {
      if (Failure failure = read_chunk_row(part, chunk_row, out.row<uint8_t>(first), out.row_bytes)) {
        return failure;
      }
      continue;
    }
    uint8_t* bands = bands_.reserve(static_cast<size_t>(part.height) * row_bytes);
    if (Failure failure = read_chunk_row(part, chunk_row, bands, static_cast<ptrdiff_t>(row_bytes))) {
      return failure;
    }
    for (int y = 0; y < part.height; ++y) {
      converter_.row(bands + static_cast<size_t>(y) * row_bytes, part.width, out.row<uint8_t>(first + y));
    }
  }
  return std::nullopt;
}

// `part` lies within one row of chunks.
Failure TiffDecoder::read_chunk_row(const Rect& part, int chunk_row, uint8_t* to, ptrdiff_t to_row_bytes) {
  const size_t sample_bytes = size_of(directory_.dtype);
  const int used = converter_.used_bands();
  const size_t to_pixel_bytes = static_cast<size_t>(used) * sample_bytes;
  const int end = part.x + part.width;
  const int chunks_per_band = directory_.chunks_across * directory_.chunks_down;
  const bool is_file_order = directory_.is_big_endian == (std::endian::native == std::endian::big);
  for (int band = 0; band < (directory_.is_planar ? used : 1); ++band) {
    for (int column = part.x / directory_.chunk_width; column * directory_.chunk_width < end; ++column) {
      const int chunk_x = column * directory_.chunk_width;
      const int first = std::max(part.x, chunk_x);
      const int stop = std::min(end, chunk_x + directory_.chunk_width);
      const int chunk_y = chunk_row * directory_.chunk_height;
      Piece piece{};
      piece.chunk = band * chunks_per_band + chunk_row * directory_.chunks_across + column;
      piece.band = band;
      piece.chunk_y = chunk_y;
      piece.in_chunk = {first - chunk_x, part.y - chunk_y, stop - first, part.height};
      piece.copy = {.sample_bytes = static_cast<int>(sample_bytes),
                    .samples = directory_.is_planar ? 1 : used,
                    .swaps_bytes = directory_.compression == kTiffUncompressed && !is_file_order,
                    .from_step_bytes = directory_.chunk_pixel_bytes,
                    .to_step_bytes = to_pixel_bytes};
      piece.to = to + static_cast<size_t>(first - part.x) * to_pixel_bytes +
                 static_cast<size_t>(band) * sample_bytes;
      piece.to_row_bytes = to_row_bytes;
      if (Failure failure = read_piece(piece)) return failure;
    }
  }
  return std::nullopt;
}

Failure TiffDecoder::read_piece(const Piece& piece) {
  const size_t row_bytes = directory_.chunk_row_bytes();
  const Rect& wanted = piece.in_chunk;
  const size_t first_bytes = static_cast<size_t>(wanted.x) * directory_.chunk_pixel_bytes;
  const int end = wanted.y + wanted.height;
  const size_t needed = static_cast<size_t>(directory_.is_tiled ? directory_.chunk_height : end) * row_bytes;

  if (directory_.compression != kTiffUncompressed && !directory_.is_tiled && needed > kWholeStripBytes) {
    uint8_t* row = chunk_.reserve(row_bytes);
    for (int y = 0; y < end; ++y) {
      if (Failure failure = chunks_.read_row(piece.chunk_y + y, piece.band, row)) return failure;
      if (Failure failure = spend(row_bytes)) return failure;
      if (y < wanted.y) continue;
      copy_samples(piece.copy, row + first_bytes, piece.to + (y - wanted.y) * piece.to_row_bytes,
                   wanted.width);
    }
    return std::nullopt;
  }

  const uint8_t* from = nullptr;
  if (directory_.compression == kTiffUncompressed) {
    from = directory_.stored_chunk(piece.chunk).data();
    if (Failure failure = spend(static_cast<size_t>(wanted.height) * row_bytes)) return failure;
  } else {
    uint8_t* chunk = chunk_.reserve(needed);
    if (Failure failure = chunks_.read_chunk(piece.chunk, chunk, needed)) return failure;
    if (Failure failure = spend(needed)) return failure;
    from = chunk;
  }
  for (int y = wanted.y; y < end; ++y) {
    copy_samples(piece.copy, from + static_cast<size_t>(y) * row_bytes + first_bytes,
                 piece.to + (y - wanted.y) * piece.to_row_bytes, wanted.width);
  }
  return std::nullopt;
}

// Counts unpacked bytes, and looks at the clock now and then.
Failure TiffDecoder::spend(size_t bytes) {
  bytes = std::max(bytes, kChunkCostBytes);
  if (bytes < bytes_to_clock_) {
    bytes_to_clock_ -= bytes;
    return std::nullopt;
  }
  bytes_to_clock_ = kBytesPerClock;
  if (limits_.is_cancelled != nullptr && *limits_.is_cancelled) {
    return codec_error(kStep, SampleErrorCode::kTooLarge, "the loader was closed");
  }
  if (thread_cpu_ns() - start_cpu_ns_ <= limits_.max_cpu_ns) return std::nullopt;
  return codec_error(
      kStep, SampleErrorCode::kTooLarge,
      "more than " + std::to_string(limits_.max_cpu_ns / 1'000'000) + " ms of CPU time, the most allowed");
}

std::string_view library() {
  static const std::string text = "libtiff " + std::to_string(TIFFLIB_MAJOR_VERSION) + "." +
                                  std::to_string(TIFFLIB_MINOR_VERSION) + "." +
                                  std::to_string(TIFFLIB_MICRO_VERSION);
  return text;
}

const RegisterCodec kTiff(
    {.name = "tiff", .library = library(), .is_mine = is_tiff, .make = []() -> std::unique_ptr<Decoder> {
       return std::make_unique<TiffDecoder>();
     }});

}  // namespace
}  // namespace stoker
