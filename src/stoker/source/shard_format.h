// The bytes of a shard file; docs/shard-format.md has the table. Nothing here opens a file.
//
//   header | records: parts of blocks, back to back | index | footer | trailer
//
// Every byte is under a hash: the header's, a block's, the index's, the footer's or the trailer's own.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/dtype.h"
#include "stoker/base/sample.h"

namespace stoker {

inline constexpr uint32_t kShardVersion = 1;
inline constexpr uint64_t kShardHeaderBytes = 64;
inline constexpr uint64_t kShardTrailerBytes = 88;
inline constexpr uint64_t kMaxShardSamples = uint64_t{1} << 48;
inline constexpr int kMaxColumnAxes = 8;

// What the bytes of a part are.
enum class PartForm : uint8_t {
  kSource,  // as they were in the source's file
  kRaw,     // pixels: rows of interleaved channels, nothing between them
  kJpeg,    // encoded when it was packed
};

std::string_view name_of(PartForm form);

// Which samples of a plan the shard was made of.
struct ShardHeader {
  uint32_t shard = 0;
  uint32_t variant = 0;
  uint64_t first_sample = 0;  // of the packed source
  uint64_t sample_count = 0;  // as planned; records are fewer where bad samples were left out

  friend bool operator==(const ShardHeader&, const ShardHeader&) = default;
};

// One field of one record.
struct ShardPart {
  PartForm form = PartForm::kSource;
  ImageShape shape;           // ImageShape{} for PartForm::kSource
  uint64_t offset_bytes = 0;  // in the file
  uint64_t length_bytes = 0;  // sum of its blocks
  uint64_t first_block = 0;
  uint32_t block_count = 0;
};

// What a part was made of.
struct SourceFile {
  std::string path;  // relative to the source's root, any bytes but zero; empty for arrays in memory
  uint64_t size_bytes = 0;
  uint64_t hash = 0;  // of all its bytes

  friend bool operator==(const SourceFile&, const SourceFile&) = default;
};

struct ShardColumn {
  std::string name;
  DType dtype = DType::kInt64;
  std::vector<int64_t> row_shape;  // up to kMaxColumnAxes
  std::vector<uint8_t> data;       // one row a record
};

struct ShardRaggedColumn {
  std::string name;
  FieldKind kind = FieldKind::kBoxes;
  std::string format;           // as of a RaggedColumn
  int width = 4;                // as of a RaggedColumn
  std::vector<int64_t> starts;  // records + 1
  std::vector<double> values;   // of each row numbers()
  std::vector<RowOrigin> rows;  // one a row when operators have moved them; otherwise empty

  // Moved rows are as operators have them (base/boxes.h), others as the source has them.
  int numbers() const { return rows.empty() ? width : 4; }
};

struct ShardIndex {
  std::vector<Field> fields;
  std::vector<int64_t> indices;     // of each record, in the packed source; they rise
  std::vector<ShardPart> parts;     // record-major, a part a field
  std::vector<Block> blocks;        // in the order of the file
  std::vector<SourceFile> sources;  // parallel to parts
  std::vector<ShardColumn> columns;
  std::vector<ShardRaggedColumn> ragged;

  int64_t record_count() const { return static_cast<int64_t>(indices.size()); }
  std::span<const Block> blocks_of(const ShardPart& part) const {
    return std::span<const Block>(blocks).subspan(part.first_block, part.block_count);
  }
};

struct ShardTrailer {
  uint64_t file_bytes = 0;
  uint64_t index_offset_bytes = 0;
  uint64_t index_bytes = 0;
  uint64_t index_hash = 0;
  uint64_t footer_offset_bytes = 0;
  uint64_t footer_bytes = 0;
  uint64_t footer_hash = 0;
  uint64_t header_hash = 0;

  friend bool operator==(const ShardTrailer&, const ShardTrailer&) = default;
};

std::array<uint8_t, kShardHeaderBytes> encode_header(const ShardHeader& header);
std::vector<uint8_t> encode_index(const ShardIndex& index);
std::array<uint8_t, kShardTrailerBytes> encode_trailer(const ShardTrailer& trailer);

// All of these throw ShardError that says what was found and what is allowed; `shard` is what to call the
// file. Sizes are checked before anything is allocated by them.
ShardHeader decode_header(std::span<const uint8_t, kShardHeaderBytes> bytes, const std::string& shard);
// Also that all stretches it names lie in a file of `file_bytes`, in their order and without a gap.
ShardTrailer decode_trailer(std::span<const uint8_t, kShardTrailerBytes> bytes, uint64_t file_bytes,
                            const std::string& shard);
// `bytes` have been held against their hash. Also that the blocks cover [kShardHeaderBytes,
// `index_offset_bytes`) in their order and without a gap.
ShardIndex decode_index(std::span<const uint8_t> bytes, uint64_t index_offset_bytes,
                        const std::string& shard);
// Throws ShardError when `footer` is not valid UTF-8.
void check_footer(std::string_view footer, const std::string& shard);

// Lengths of the blocks of a part, each a multiple of `unit_bytes` (1, or a row of pixels), of which
// `length_bytes` is one too: about 128 KiB, or 32 KiB of rows; at most twice that unless one row is more.
std::vector<uint64_t> cut_into_blocks(uint64_t length_bytes, uint64_t unit_bytes);

// "shard-00003.stoker", "shard-v01-00003.stoker" of variant 1.
std::string shard_file_name(uint32_t shard, uint32_t variant);

}  // namespace stoker
