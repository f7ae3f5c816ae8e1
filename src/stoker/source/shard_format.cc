#include "stoker/source/shard_format.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <set>

#include "stoker/base/error.h"
#include "stoker/base/hash.h"

namespace stoker {
namespace {

constexpr std::string_view kHeaderMagic = "STOKERSH";
constexpr std::string_view kTrailerMagic = "STOKEREN";
constexpr int kMaxSidePx = 65500;
constexpr int kMaxChannels = 64;
constexpr uint32_t kMaxFields = 1024;
constexpr uint32_t kMaxRowNumbers = 64;
constexpr uint64_t kTargetBlockBytes = uint64_t{128} << 10;
// A crop reads the rows that it needs, so its blocks are small; smaller ones would swell the index.
constexpr uint64_t kTargetRowsBytes = uint64_t{32} << 10;

// Their numbers stand in files, so they are frozen.
static_assert(static_cast<int>(DType::kBool) == 0 && static_cast<int>(DType::kInt64) == 6 &&
              static_cast<int>(DType::kFloat64) == 12);
static_assert(static_cast<int>(FieldKind::kImage) == 0 && static_cast<int>(FieldKind::kMask) == 1 &&
              static_cast<int>(FieldKind::kBoxes) == 2 && static_cast<int>(FieldKind::kKeypoints) == 3);
constexpr uint32_t kDTypes = 13;

template <class T>
void put(uint8_t* to, T value) {
  if constexpr (std::endian::native == std::endian::big) {
    auto* bytes = reinterpret_cast<uint8_t*>(&value);
    std::reverse(bytes, bytes + sizeof(T));
  }
  std::memcpy(to, &value, sizeof(T));
}

template <class T>
T get(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) {
    auto* bytes = reinterpret_cast<uint8_t*>(&value);
    std::reverse(bytes, bytes + sizeof(T));
  }
  return value;
}

// Rows of columns are kept as they are in memory.
static_assert(std::endian::native == std::endian::little, "shards of big-endian machines need swapped rows");

class Appender {
 public:
  explicit Appender(std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  template <class T>
  void number(T value) {
    bytes_.resize(bytes_.size() + sizeof(T));
    put(bytes_.data() + bytes_.size() - sizeof(T), value);
  }
  void raw(const void* from, size_t size_bytes) {
    if (size_bytes == 0) return;
    const auto* begin = static_cast<const uint8_t*>(from);
    bytes_.insert(bytes_.end(), begin, begin + size_bytes);
  }
  void text(std::string_view text) {
    raw(text.data(), text.size());
    pad();
  }
  void pad() { bytes_.resize((bytes_.size() + 7) / 8 * 8); }

 private:
  std::vector<uint8_t>& bytes_;
};

// Takes from the front; every size is held against what is left.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& shard) : rest_(bytes), shard_(shard) {}

  [[noreturn]] void fail(const std::string& found) const {
    throw ShardError(shard_ + ": index: " + found + ".");
  }
  void expect(bool holds, const char* found) const {
    if (!holds) fail(found);
  }

  // `count` entries of `entry_bytes`, 0 allowed for both.
  const uint8_t* take(uint64_t count, uint64_t entry_bytes, const char* what) {
    if (entry_bytes != 0 && count > rest_.size() / entry_bytes) {
      fail(std::string(what) + ": " + std::to_string(count) + " of " + std::to_string(entry_bytes) +
           " bytes each are named, but only " + std::to_string(rest_.size()) + " bytes are left");
    }
    const uint8_t* begin = rest_.data();
    rest_ = rest_.subspan(count * entry_bytes);
    taken_ += count * entry_bytes;
    return begin;
  }
  template <class T>
  T number(const char* what) {
    return get<T>(take(1, sizeof(T), what));
  }
  std::string text(uint64_t size_bytes, const char* what) {
    const auto* begin = reinterpret_cast<const char*>(take(size_bytes, 1, what));
    std::string text(begin, size_bytes);
    pad();
    return text;
  }
  void pad() {
    while (taken_ % 8 != 0) expect(*take(1, 1, "padding") == 0, "padding is not 0");
  }
  uint64_t left() const { return rest_.size(); }

 private:
  std::span<const uint8_t> rest_;
  const std::string& shard_;
  uint64_t taken_ = 0;
};

constexpr uint64_t kPartBytes = 16;
constexpr uint64_t kBlockBytes = 16;
constexpr uint64_t kSourceBytes = 24;

bool is_image_kind(uint32_t kind) {
  return kind == static_cast<uint32_t>(FieldKind::kImage) || kind == static_cast<uint32_t>(FieldKind::kMask);
}

void check_shape(const Reader& reader, const ShardPart& part) {
  const ImageShape& shape = part.shape;
  if (part.form == PartForm::kSource) {
    reader.expect(shape == ImageShape{}, "a part of form source has a shape");
    return;
  }
  const bool is_known = shape.height >= 1 && shape.height <= kMaxSidePx && shape.width >= 1 &&
                        shape.width <= kMaxSidePx && shape.channels >= 1 && shape.channels <= kMaxChannels;
  reader.expect(is_known, "a part has sides outside 1 to 65500, or channels outside 1 to 64");
  if (part.form == PartForm::kRaw) {  // at most 2^16 2^16 2^6 2^3
    reader.expect(part.length_bytes == shape.bytes(),
                  "the blocks of a raw part are not as long as its shape");
  } else {
    reader.expect(shape.dtype == DType::kUint8 && (shape.channels == 1 || shape.channels == 3),
                  "a JPEG part is not uint8 of 1 or 3 channels");
  }
}

void read_parts(Reader& reader, uint64_t part_count, uint64_t block_count, uint64_t end_bytes,
                ShardIndex* index) {
  const uint8_t* parts = reader.take(part_count, kPartBytes, "parts");
  const uint8_t* blocks = reader.take(block_count, kBlockBytes, "blocks");
  index->blocks.resize(block_count);
  for (uint64_t i = 0; i < block_count; ++i)
    index->blocks[i] = {get<uint64_t>(blocks + i * kBlockBytes), get<uint64_t>(blocks + i * kBlockBytes + 8)};
  index->parts.resize(part_count);
  uint64_t offset = kShardHeaderBytes;
  uint64_t next_block = 0;
  for (uint64_t i = 0; i < part_count; ++i, parts += kPartBytes) {
    ShardPart& part = index->parts[i];
    reader.expect(parts[0] <= 2, "a part's form is none of 0, 1, 2");
    reader.expect(parts[1] < kDTypes, "a part's dtype is not known");
    part.form = static_cast<PartForm>(parts[0]);
    const auto height = get<uint32_t>(parts + 4);
    const auto width = get<uint32_t>(parts + 8);
    reader.expect(height <= kMaxSidePx && width <= kMaxSidePx, "a part has sides above 65500");
    part.shape = {static_cast<int>(height), static_cast<int>(width), get<uint16_t>(parts + 2),
                  static_cast<DType>(parts[1])};
    part.block_count = get<uint32_t>(parts + 12);
    reader.expect(part.block_count >= 1 && part.block_count <= block_count - next_block,
                  "a part has no blocks, or more than there are");
    part.first_block = next_block;
    part.offset_bytes = offset;
    for (uint32_t b = 0; b < part.block_count; ++b, ++next_block) {
      const uint64_t length = index->blocks[next_block].length_bytes;
      reader.expect(length >= 1 && length <= end_bytes - offset,
                    "a block is empty or ends behind the records");
      offset += length;
    }
    part.length_bytes = offset - part.offset_bytes;
    check_shape(reader, part);
  }
  reader.expect(next_block == block_count, "there are blocks of no part");
  reader.expect(offset == end_bytes, "the blocks end before the records do");
}

void read_sources(Reader& reader, uint64_t part_count, uint64_t text_bytes, ShardIndex* index) {
  const uint8_t* entries = reader.take(part_count, kSourceBytes, "source files");
  const auto* text = reinterpret_cast<const char*>(reader.take(text_bytes, 1, "paths"));
  reader.pad();
  index->sources.resize(part_count);
  for (uint64_t i = 0; i < part_count; ++i, entries += kSourceBytes) {
    const auto path_bytes = get<uint64_t>(entries + 16);
    reader.expect(path_bytes <= text_bytes, "a path is longer than all paths");
    index->sources[i] = {std::string(text, path_bytes), get<uint64_t>(entries), get<uint64_t>(entries + 8)};
    reader.expect(index->sources[i].path.find('\0') == std::string::npos, "a path holds a zero byte");
    text += path_bytes;
    text_bytes -= path_bytes;
  }
  reader.expect(text_bytes == 0, "there is text behind the last path");
}

ShardColumn read_column(Reader& reader, uint64_t record_count) {
  ShardColumn column;
  const auto dtype = reader.number<uint32_t>("a column");
  const auto axes = reader.number<uint32_t>("a column");
  const auto name_bytes = reader.number<uint32_t>("a column");
  reader.expect(reader.number<uint32_t>("a column") == 0, "a reserved field is not 0");
  reader.expect(dtype < kDTypes, "a column's dtype is not known");
  reader.expect(axes <= kMaxColumnAxes, "a column has more than 8 axes");
  column.dtype = static_cast<DType>(dtype);
  uint64_t row_bytes = size_of(column.dtype);
  bool is_empty = false;
  for (uint32_t axis = 0; axis < axes; ++axis) {
    const auto side = reader.number<int64_t>("a column");
    reader.expect(side >= 0, "a column has a negative side");
    column.row_shape.push_back(side);
    is_empty |= side == 0;
    if (side > 0) {
      reader.expect(row_bytes <= (uint64_t{1} << 40) / static_cast<uint64_t>(side),
                    "a column's rows are too large");
      row_bytes *= static_cast<uint64_t>(side);
    }
  }
  if (is_empty) row_bytes = 0;
  column.name = reader.text(name_bytes, "a column's name");
  const uint8_t* data = reader.take(record_count, row_bytes, "rows of a column");
  reader.pad();
  column.data.assign(data, data + record_count * row_bytes);
  return column;
}

ShardRaggedColumn read_ragged(Reader& reader, uint64_t record_count) {
  ShardRaggedColumn column;
  const auto kind = reader.number<uint32_t>("a ragged column");
  const auto width = reader.number<uint32_t>("a ragged column");
  const auto name_bytes = reader.number<uint32_t>("a ragged column");
  const auto format_bytes = reader.number<uint32_t>("a ragged column");
  const auto row_count = reader.number<uint64_t>("a ragged column");
  const auto is_moved = reader.number<uint32_t>("a ragged column");
  reader.expect(reader.number<uint32_t>("a ragged column") == 0, "a reserved field is not 0");
  const bool is_known = kind == static_cast<uint32_t>(FieldKind::kBoxes) ||
                        kind == static_cast<uint32_t>(FieldKind::kKeypoints);
  reader.expect(is_known, "a ragged column is neither boxes nor keypoints");
  reader.expect(width >= 1 && width <= kMaxRowNumbers && is_moved <= 1,
                "a ragged column has rows of none or more than 64 numbers");
  column.kind = static_cast<FieldKind>(kind);
  column.width = static_cast<int>(width);
  column.name = reader.text(name_bytes, "a ragged column's name");
  column.format = reader.text(format_bytes, "a ragged column's format");
  const uint64_t numbers = is_moved == 1 ? 4 : width;
  const uint8_t* starts = reader.take(record_count + 1, 8, "starts of a ragged column");
  const uint8_t* values = reader.take(row_count, numbers * 8, "values of a ragged column");
  const uint8_t* rows = reader.take(is_moved == 1 ? row_count : 0, 8, "rows of a ragged column");
  column.starts.resize(record_count + 1);
  for (uint64_t i = 0; i <= record_count; ++i) {
    column.starts[i] = get<int64_t>(starts + i * 8);
    reader.expect(column.starts[i] >= (i == 0 ? 0 : column.starts[i - 1]), "starts of a ragged column fall");
  }
  reader.expect(column.starts[0] == 0 && static_cast<uint64_t>(column.starts.back()) == row_count,
                "starts of a ragged column do not run from 0 to its rows");
  column.values.resize(row_count * numbers);
  for (size_t i = 0; i < column.values.size(); ++i) column.values[i] = get<double>(values + i * 8);
  column.rows.resize(is_moved == 1 ? row_count : 0);
  for (size_t i = 0; i < column.rows.size(); ++i) {
    const auto flags = get<uint32_t>(rows + i * 8 + 4);
    column.rows[i] = {get<int32_t>(rows + i * 8), flags == 1};
    reader.expect(column.rows[i].row >= 0 && flags <= 1, "a row of a ragged column is not known");
  }
  return column;
}

void check_names(const Reader& reader, const ShardIndex& index) {
  std::set<std::string> names;
  bool is_new = true;
  for (const Field& field : index.fields) is_new &= names.insert(field.name).second;
  for (const ShardColumn& column : index.columns) is_new &= names.insert(column.name).second;
  for (const ShardRaggedColumn& column : index.ragged) is_new &= names.insert(column.name).second;
  reader.expect(is_new, "a name comes twice");
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

[[noreturn]] void fail(const std::string& shard, const char* place, const std::string& found) {
  throw ShardError(shard + ": " + place + ": " + found + ".");
}

void check_version(uint32_t version, const std::string& shard, const char* place) {
  if (version == kShardVersion) return;
  fail(shard, place,
       "version " + std::to_string(version) + ", this stoker reads version " + std::to_string(kShardVersion) +
           "; a newer stoker may read it");
}

}  // namespace

std::string_view name_of(PartForm form) {
  constexpr std::array<std::string_view, 3> kNames = {"source", "raw", "jpeg"};
  return kNames[static_cast<size_t>(form)];
}

std::array<uint8_t, kShardHeaderBytes> encode_header(const ShardHeader& header) {
  std::array<uint8_t, kShardHeaderBytes> bytes{};
  std::memcpy(bytes.data(), kHeaderMagic.data(), 8);
  put(&bytes[8], kShardVersion);
  put(&bytes[12], static_cast<uint32_t>(kShardHeaderBytes));
  put(&bytes[16], header.shard);
  put(&bytes[20], header.variant);
  put(&bytes[24], header.first_sample);
  put(&bytes[32], header.sample_count);
  put(&bytes[56], hash64(std::span<const uint8_t>(bytes).first(56)));
  return bytes;
}

ShardHeader decode_header(std::span<const uint8_t, kShardHeaderBytes> bytes, const std::string& shard) {
  if (std::memcmp(bytes.data(), kHeaderMagic.data(), 8) != 0)
    fail(shard, "header", "the first 8 bytes are not STOKERSH, so it is no shard or a damaged one");
  const auto stated = get<uint64_t>(&bytes[56]);
  const uint64_t found = hash64(bytes.first<56>());
  if (found != stated) fail(shard, "header", "its XXH3-64 is " + hex(found) + ", stated is " + hex(stated));
  check_version(get<uint32_t>(&bytes[8]), shard, "header");
  const ShardHeader header{get<uint32_t>(&bytes[16]), get<uint32_t>(&bytes[20]), get<uint64_t>(&bytes[24]),
                           get<uint64_t>(&bytes[32])};
  if (get<uint32_t>(&bytes[12]) != kShardHeaderBytes || get<uint64_t>(&bytes[40]) != 0 ||
      get<uint64_t>(&bytes[48]) != 0) {
    fail(shard, "header", "a field that is fixed in version 1 has another value");
  }
  if (header.first_sample > kMaxShardSamples || header.sample_count > kMaxShardSamples)
    fail(shard, "header", "it names more than 2^48 samples");
  return header;
}

std::array<uint8_t, kShardTrailerBytes> encode_trailer(const ShardTrailer& trailer) {
  std::array<uint8_t, kShardTrailerBytes> bytes{};
  put(&bytes[0], trailer.file_bytes);
  put(&bytes[8], trailer.index_offset_bytes);
  put(&bytes[16], trailer.index_bytes);
  put(&bytes[24], trailer.index_hash);
  put(&bytes[32], trailer.footer_offset_bytes);
  put(&bytes[40], trailer.footer_bytes);
  put(&bytes[48], trailer.footer_hash);
  put(&bytes[56], trailer.header_hash);
  put(&bytes[64], kShardVersion);
  std::memcpy(&bytes[72], kTrailerMagic.data(), 8);
  put(&bytes[80], hash64(std::span<const uint8_t>(bytes).first(80)));
  return bytes;
}

ShardTrailer decode_trailer(std::span<const uint8_t, kShardTrailerBytes> bytes, uint64_t file_bytes,
                            const std::string& shard) {
  if (std::memcmp(&bytes[72], kTrailerMagic.data(), 8) != 0)
    fail(shard, "trailer", "the last bytes are not those of a shard, so it was cut off or damaged");
  const auto stated = get<uint64_t>(&bytes[80]);
  const uint64_t found = hash64(bytes.first<80>());
  if (found != stated) fail(shard, "trailer", "its XXH3-64 is " + hex(found) + ", stated is " + hex(stated));
  check_version(get<uint32_t>(&bytes[64]), shard, "trailer");
  const ShardTrailer trailer{get<uint64_t>(&bytes[0]),  get<uint64_t>(&bytes[8]),  get<uint64_t>(&bytes[16]),
                             get<uint64_t>(&bytes[24]), get<uint64_t>(&bytes[32]), get<uint64_t>(&bytes[40]),
                             get<uint64_t>(&bytes[48]), get<uint64_t>(&bytes[56])};
  if (trailer.file_bytes != file_bytes) {
    fail(shard, "trailer",
         "the file has " + std::to_string(file_bytes) + " bytes, stated are " +
             std::to_string(trailer.file_bytes));
  }
  // Each difference is taken only once it is known not to be negative.
  const bool is_in_order =
      get<uint32_t>(&bytes[68]) == 0 && file_bytes >= kShardHeaderBytes + kShardTrailerBytes &&
      trailer.index_offset_bytes >= kShardHeaderBytes &&
      trailer.index_offset_bytes <= trailer.footer_offset_bytes &&
      trailer.footer_offset_bytes <= file_bytes - kShardTrailerBytes &&
      trailer.index_bytes == trailer.footer_offset_bytes - trailer.index_offset_bytes &&
      trailer.footer_bytes == file_bytes - kShardTrailerBytes - trailer.footer_offset_bytes;
  if (!is_in_order)
    fail(shard, "trailer", "index and footer do not fill the file between records and trailer");
  return trailer;
}

std::vector<uint8_t> encode_index(const ShardIndex& index) {
  std::vector<uint8_t> bytes;
  Appender out(bytes);
  uint64_t text_bytes = 0;
  for (const SourceFile& source : index.sources) text_bytes += source.path.size();
  out.number(static_cast<uint64_t>(index.indices.size()));
  out.number(static_cast<uint64_t>(index.blocks.size()));
  out.number(text_bytes);
  out.number(static_cast<uint32_t>(index.fields.size()));
  out.number(static_cast<uint32_t>(index.columns.size()));
  out.number(static_cast<uint32_t>(index.ragged.size()));
  out.number(uint32_t{0});
  for (const Field& field : index.fields) {
    out.number(static_cast<uint32_t>(field.kind));
    out.number(static_cast<uint32_t>(field.name.size()));
    out.text(field.name);
  }
  for (const int64_t each : index.indices) out.number(each);
  for (const ShardPart& part : index.parts) {
    out.number(static_cast<uint8_t>(part.form));
    out.number(static_cast<uint8_t>(part.shape.dtype));
    out.number(static_cast<uint16_t>(part.shape.channels));
    out.number(static_cast<uint32_t>(part.shape.height));
    out.number(static_cast<uint32_t>(part.shape.width));
    out.number(part.block_count);
  }
  for (const Block& block : index.blocks) {
    out.number(block.length_bytes);
    out.number(block.hash);
  }
  for (const SourceFile& source : index.sources) {
    out.number(source.size_bytes);
    out.number(source.hash);
    out.number(static_cast<uint64_t>(source.path.size()));
  }
  for (const SourceFile& source : index.sources) out.raw(source.path.data(), source.path.size());
  out.pad();
  for (const ShardColumn& column : index.columns) {
    out.number(static_cast<uint32_t>(column.dtype));
    out.number(static_cast<uint32_t>(column.row_shape.size()));
    out.number(static_cast<uint32_t>(column.name.size()));
    out.number(uint32_t{0});
    for (const int64_t side : column.row_shape) out.number(side);
    out.text(column.name);
    out.raw(column.data.data(), column.data.size());
    out.pad();
  }
  for (const ShardRaggedColumn& column : index.ragged) {
    out.number(static_cast<uint32_t>(column.kind));
    out.number(static_cast<uint32_t>(column.width));
    out.number(static_cast<uint32_t>(column.name.size()));
    out.number(static_cast<uint32_t>(column.format.size()));
    out.number(static_cast<uint64_t>(column.starts.back()));
    out.number(uint32_t{!column.rows.empty()});
    out.number(uint32_t{0});
    out.text(column.name);
    out.text(column.format);
    for (const int64_t start : column.starts) out.number(start);
    for (const double value : column.values) out.number(value);
    for (const RowOrigin& row : column.rows) {
      out.number(row.row);
      out.number(uint32_t{row.is_single});
    }
  }
  return bytes;
}

ShardIndex decode_index(std::span<const uint8_t> bytes, uint64_t index_offset_bytes,
                        const std::string& shard) {
  Reader reader(bytes, shard);
  ShardIndex index;
  const auto record_count = reader.number<uint64_t>("counts");
  const auto block_count = reader.number<uint64_t>("counts");
  const auto text_bytes = reader.number<uint64_t>("counts");
  const auto field_count = reader.number<uint32_t>("counts");
  const auto column_count = reader.number<uint32_t>("counts");
  const auto ragged_count = reader.number<uint32_t>("counts");
  reader.expect(reader.number<uint32_t>("counts") == 0, "a reserved field is not 0");
  reader.expect(field_count >= 1 && field_count <= kMaxFields, "there are no fields, or more than 1024");
  // Above this an index would not fit the file; below it no product of counts overflows.
  reader.expect(record_count <= reader.left() / 8, "more records are named than it can hold");
  for (uint32_t i = 0; i < field_count; ++i) {
    const auto kind = reader.number<uint32_t>("a field");
    const auto name_bytes = reader.number<uint32_t>("a field");
    reader.expect(is_image_kind(kind), "a field is neither image nor mask");
    index.fields.push_back({reader.text(name_bytes, "a field's name"), static_cast<FieldKind>(kind)});
  }
  const uint8_t* indices = reader.take(record_count, 8, "records");
  index.indices.resize(record_count);
  for (uint64_t i = 0; i < record_count; ++i) {
    index.indices[i] = get<int64_t>(indices + i * 8);
    reader.expect(index.indices[i] > (i == 0 ? -1 : index.indices[i - 1]), "sample numbers do not rise");
  }
  reader.expect(index_offset_bytes >= kShardHeaderBytes, "the index begins within the header");
  read_parts(reader, record_count * field_count, block_count, index_offset_bytes, &index);
  read_sources(reader, record_count * field_count, text_bytes, &index);
  for (uint32_t i = 0; i < column_count; ++i) index.columns.push_back(read_column(reader, record_count));
  for (uint32_t i = 0; i < ragged_count; ++i) index.ragged.push_back(read_ragged(reader, record_count));
  reader.expect(reader.left() == 0, "there are bytes behind its end");
  check_names(reader, index);
  return index;
}

void check_footer(std::string_view footer, const std::string& shard) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(footer[i]); };
  for (size_t i = 0; i < footer.size();) {
    const uint8_t first = byte(i);
    const size_t length = first < 0x80   ? 1
                          : first < 0xC2 ? 0
                          : first < 0xE0 ? 2
                          : first < 0xF0 ? 3
                          : first < 0xF5 ? 4
                                         : 0;
    bool is_valid = length > 0 && length <= footer.size() - i;
    for (size_t k = 1; is_valid && k < length; ++k) is_valid = (byte(i + k) & 0xC0) == 0x80;
    if (is_valid && length > 2) {  // forms that are too long, surrogates, beyond U+10FFFF
      const int second = byte(i + 1);
      is_valid = !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second > 0x9F) &&
                 !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second > 0x8F);
    }
    if (!is_valid) fail(shard, "footer", "byte " + std::to_string(i) + " is not UTF-8");
    i += length;
  }
}

std::vector<uint64_t> cut_into_blocks(uint64_t length_bytes, uint64_t unit_bytes) {
  const uint64_t target = unit_bytes == 1 ? kTargetBlockBytes : kTargetRowsBytes;
  const uint64_t block = std::max<uint64_t>(1, target / unit_bytes) * unit_bytes;
  std::vector<uint64_t> lengths(length_bytes / block, block);
  const uint64_t rest = length_bytes % block;
  if (rest == 0) return lengths;
  const bool joins_last = !lengths.empty() && rest < block / 2 && block + rest <= 2 * target;
  if (joins_last) {
    lengths.back() += rest;
  } else {
    lengths.push_back(rest);
  }
  return lengths;
}

std::string shard_file_name(uint32_t shard, uint32_t variant) {
  char name[64];
  if (variant == 0) {
    std::snprintf(name, sizeof name, "shard-%05" PRIu32 ".stoker", shard);
  } else {
    std::snprintf(name, sizeof name, "shard-v%02" PRIu32 "-%05" PRIu32 ".stoker", variant, shard);
  }
  return name;
}

}  // namespace stoker
