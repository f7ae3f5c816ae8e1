#include "stoker/pack/shard_writer.h"

#include <limits>

#include "stoker/base/hash.h"

namespace stoker {

void PackedPart::hash_blocks() {
  const uint64_t unit_bytes = form == PartForm::kRaw ? shape.row_bytes() : 1;
  blocks.clear();
  uint64_t at = 0;
  for (const uint64_t length : cut_into_blocks(bytes.view().size(), unit_bytes)) {
    blocks.push_back({length, hash64(bytes.view().subspan(at, length))});
    at += length;
  }
}

ShardWriter::ShardWriter(const std::string& folder, const ShardHeader& header, std::vector<Field> fields,
                         std::vector<ShardColumn> columns, std::vector<ShardRaggedColumn> ragged)
    : file_(folder, shard_file_name(header.shard, header.variant)) {
  const auto bytes = encode_header(header);
  trailer_.header_hash = hash64(bytes);
  file_.append(bytes);
  index_.fields = std::move(fields);
  index_.columns = std::move(columns);
  index_.ragged = std::move(ragged);
  for (ShardRaggedColumn& column : index_.ragged) column.starts = {0};
}

void ShardWriter::add(const PackedRecord& record, std::span<const uint8_t> rows) {
  STOKER_CHECK(record.parts.size() == index_.fields.size() && record.ragged.size() == index_.ragged.size());
  STOKER_CHECK(index_.indices.empty() || record.index > index_.indices.back());
  index_.indices.push_back(record.index);
  for (const PackedPart& part : record.parts) {
    STOKER_CHECK(!part.blocks.empty() && part.blocks.size() <= std::numeric_limits<uint32_t>::max());
    ShardPart entry;
    entry.form = part.form;
    entry.shape = part.shape;
    entry.block_count = static_cast<uint32_t>(part.blocks.size());
    index_.parts.push_back(entry);
    index_.blocks.insert(index_.blocks.end(), part.blocks.begin(), part.blocks.end());
    index_.sources.push_back(part.source);
    file_.append(part.bytes.view());
  }
  for (ShardColumn& column : index_.columns) {
    size_t row_bytes = size_of(column.dtype);
    for (const int64_t side : column.row_shape) row_bytes *= static_cast<size_t>(side);
    STOKER_CHECK(row_bytes <= rows.size());
    column.data.insert(column.data.end(), rows.begin(), rows.begin() + static_cast<ptrdiff_t>(row_bytes));
    rows = rows.subspan(row_bytes);
  }
  for (size_t i = 0; i < record.ragged.size(); ++i) {
    const PackedRows& from = record.ragged[i];
    ShardRaggedColumn& column = index_.ragged[i];
    const bool had_rows = column.starts.back() > 0;
    STOKER_CHECK(from.values.empty() || !had_rows || from.rows.empty() == column.rows.empty());
    column.values.insert(column.values.end(), from.values.begin(), from.values.end());
    column.rows.insert(column.rows.end(), from.rows.begin(), from.rows.end());
    column.starts.push_back(static_cast<int64_t>(column.values.size()) / column.numbers());
  }
}

bool ShardWriter::publish(std::string_view footer, NewFile::IfTaken if_taken) {
  const std::vector<uint8_t> index = encode_index(index_);
  trailer_.index_offset_bytes = file_.size_bytes();
  trailer_.index_bytes = index.size();
  trailer_.index_hash = hash64(index);
  file_.append(index);
  trailer_.footer_offset_bytes = file_.size_bytes();
  trailer_.footer_bytes = footer.size();
  trailer_.footer_hash = hash64(footer);
  file_.append({reinterpret_cast<const uint8_t*>(footer.data()), footer.size()});
  trailer_.file_bytes = file_.size_bytes() + kShardTrailerBytes;
  file_.append(encode_trailer(trailer_));
  return file_.publish(if_taken);
}

}  // namespace stoker
