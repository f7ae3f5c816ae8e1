// The first directory of a TIFF or BigTIFF file, read and checked before libtiff sees the file: every size,
// offset and count is held against the limits and the size of the file, and nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "stoker/base/dtype.h"
#include "stoker/base/error.h"
#include "stoker/decode/decoder.h"

namespace stoker {

bool is_tiff(std::span<const uint8_t> bytes);

// Values of a directory entry: `count` integers of `type` at byte `at` of the file.
struct TiffField {
  uint16_t type = 0;
  uint64_t count = 0;
  size_t at = 0;
};

enum class TiffColors : uint8_t { kBands, kWhiteIsZero, kPalette, kOther };

// A chunk is a strip or a tile. Chunks lie in rows from top to bottom; where the bands are apart, all chunks
// of the first band come first.
struct TiffDirectory {
  std::span<const uint8_t> file;
  bool is_big_endian = false;
  bool is_bigtiff = false;

  int width = 0;
  int height = 0;
  int bands = 0;
  DType dtype = DType::kUint8;
  TiffColors colors = TiffColors::kBands;
  uint8_t palette[256][3];
  int orientation = 1;
  std::optional<double> nodata;

  int compression = 1;
  int predictor = 1;
  bool is_planar = false;
  bool is_tiled = false;
  int chunk_width = 0;  // of a strip the image's
  int chunk_height = 0;
  int chunks_across = 0;
  int chunks_down = 0;
  int chunk_count = 0;
  size_t chunk_pixel_bytes = 0;
  TiffField offsets;
  TiffField byte_counts;

  int bands_per_chunk() const { return is_planar ? 1 : bands; }
  size_t chunk_row_bytes() const { return static_cast<size_t>(chunk_width) * chunk_pixel_bytes; }
  // Rows that chunk `row` of a column holds: the last strip has fewer, a tile is always whole.
  int rows_in_chunk(int row) const;
  // The stored bytes of a chunk; within the file once the directory is read.
  std::span<const uint8_t> stored_chunk(int chunk) const;
};

Failure read_tiff_directory(std::span<const uint8_t> file, const DecodeLimits& limits,
                            TiffDirectory* directory);

inline constexpr int kTiffUncompressed = 1;

}  // namespace stoker
