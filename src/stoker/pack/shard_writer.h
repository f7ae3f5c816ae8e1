// Records into one shard file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stoker/pack/new_file.h"
#include "stoker/source/shard_format.h"

namespace stoker {

// One field of a sample, ready to be written.
struct PackedPart {
  PartForm form = PartForm::kSource;
  ImageShape shape;  // as in ShardPart
  SampleBytes bytes;
  std::vector<Block> blocks;  // of all bytes
  SourceFile source;

  // Cuts the bytes into blocks and hashes them.
  void hash_blocks();
};

// Boxes or keypoints of a sample.
struct PackedRows {
  std::vector<double> values;
  std::vector<RowOrigin> rows;  // empty: not moved by operators, as in ShardRaggedColumn
};

struct PackedRecord {
  int64_t index = -1;              // in the source
  std::vector<PackedPart> parts;   // a part a field
  std::vector<PackedRows> ragged;  // parallel to the ragged columns
};

// Belongs to one thread. Throws IoError; the name of the shard appears with publish() and not before.
class ShardWriter {
 public:
  // `columns` and `ragged` say names and types; their rows come with add().
  ShardWriter(const std::string& folder, const ShardHeader& header, std::vector<Field> fields,
              std::vector<ShardColumn> columns, std::vector<ShardRaggedColumn> ragged);

  // `rows`: the record's row of each column, one after another.
  void add(const PackedRecord& record, std::span<const uint8_t> rows);
  int64_t record_count() const { return index_.record_count(); }
  uint64_t size_bytes() const { return file_.size_bytes(); }

  // Writes index, footer (valid UTF-8) and trailer; then as NewFile::publish().
  bool publish(std::string_view footer, NewFile::IfTaken if_taken);
  // After publish().
  const ShardTrailer& trailer() const { return trailer_; }

 private:
  NewFile file_;
  ShardIndex index_;
  ShardTrailer trailer_;
};

}  // namespace stoker
