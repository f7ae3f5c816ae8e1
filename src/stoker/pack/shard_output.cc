#include <sys/stat.h>

#include <cerrno>

#include "stoker/pack/output.h"
#include "stoker/source/shards.h"

namespace stoker {
namespace {

ShardHeader header_of(const PackUnit& unit, size_t variant) {
  return {static_cast<uint32_t>(unit.shard), static_cast<uint32_t>(variant),
          static_cast<uint64_t>(unit.first), static_cast<uint64_t>(unit.count)};
}

std::string path_of(const PackUnit& unit, size_t variant, const PackingOptions& options) {
  const ShardHeader header = header_of(unit, variant);
  return options.folder + "/" + shard_file_name(header.shard, header.variant);
}

enum class Standing : uint8_t { kNone, kDamaged, kWhole };

// What has the name of a shard; `shard` is set when it is whole. Throws ShardError for one of another plan.
Standing look_at(const PackUnit& unit, size_t variant, const PackingOptions& options, Shard* shard) {
  const std::string path = path_of(unit, variant, options);
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0 && errno == ENOENT) return Standing::kNone;
  try {
    *shard = open_shard(path);
  } catch (const ShardError&) {  // the disk has damaged it; it is made anew
    return Standing::kDamaged;
  }
  if (shard->header != header_of(unit, variant) || shard->footer != options.footers[variant]) {
    throw ShardError(path +
                     ": it was packed by another plan (source, operators, form or size of shards); "
                     "pack into another folder, or remove this one.");
  }
  return Standing::kWhole;
}

class ShardOutput : public PackOutput {
 public:
  ShardOutput(const Source& source, const PackingOptions& options) : source_(source), options_(options) {}

  void begin(const PackUnit& unit) override {
    unit_ = unit;
    writers_.clear();
    for (size_t v = 0; v < static_cast<size_t>(options_.variants); ++v) {
      std::vector<ShardColumn> columns;
      for (const RowColumn& column : source_.columns())
        columns.push_back({column.name, column.dtype, column.row_shape, {}});
      std::vector<ShardRaggedColumn> ragged;
      for (const RaggedColumn& column : source_.ragged_columns()) {
        auto& each = ragged.emplace_back();
        each.name = column.name;
        each.kind = column.kind;
        each.format = column.format;
        each.width = column.width;
      }
      writers_.push_back(std::make_unique<ShardWriter>(options_.folder, header_of(unit, v), source_.fields(),
                                                       std::move(columns), std::move(ragged)));
    }
  }

  void add(const std::vector<PackedRecord>& variants) override {
    rows_.clear();
    for (const RowColumn& column : source_.columns()) {
      const size_t bytes = column.row_bytes();
      const uint8_t* row = column.data + static_cast<size_t>(variants.front().index) * bytes;
      rows_.insert(rows_.end(), row, row + bytes);
    }
    for (size_t v = 0; v < writers_.size(); ++v) writers_[v]->add(variants[v], rows_);
  }

  std::vector<PackedFile> finish() override {
    std::vector<PackedFile> files;
    for (size_t v = 0; v < writers_.size(); ++v) files.push_back(publish(v));
    writers_.clear();
    return files;
  }

  uint64_t overhead_bytes(const std::vector<PackedRecord>& variants) const override {
    uint64_t rows = 8;
    for (const RowColumn& column : source_.columns()) rows += column.row_bytes();
    uint64_t sum = 0;
    for (const PackedRecord& record : variants) {
      sum += rows;
      for (const PackedPart& part : record.parts)
        sum += 40 + 16 * part.blocks.size() + part.source.path.size();
      for (const PackedRows& column : record.ragged)
        sum += 8 + 8 * column.values.size() + 8 * column.rows.size();
    }
    return sum;
  }

 private:
  PackedFile publish(size_t variant) {
    ShardWriter& writer = *writers_[variant];
    Shard standing;
    const bool replaces =
        options_.replaces || look_at(unit_, variant, options_, &standing) == Standing::kDamaged;
    const bool is_published = writer.publish(options_.footers[variant],
                                             replaces ? NewFile::IfTaken::kReplace : NewFile::IfTaken::kKeep);
    if (!is_published) {
      // Another process was sooner, or the file stood before; both must have made the same.
      const bool is_same = look_at(unit_, variant, options_, &standing) == Standing::kWhole &&
                           standing.trailer == writer.trailer();
      if (!is_same) {
        throw ShardError(path_of(unit_, variant, options_) +
                         ": it is not what was packed now, so the source has changed since it was made; pack "
                         "into another folder, or remove this file.");
      }
    }
    return {shard_file_name(static_cast<uint32_t>(unit_.shard), static_cast<uint32_t>(variant)),
            unit_.shard,
            static_cast<int>(variant),
            writer.record_count(),
            writer.trailer().file_bytes,
            !is_published};
  }

  const Source& source_;
  const PackingOptions& options_;
  PackUnit unit_;
  std::vector<std::unique_ptr<ShardWriter>> writers_;
  std::vector<uint8_t> rows_;
};

}  // namespace

std::unique_ptr<PackOutput> make_shard_output(const Source& source, const PackingOptions& options) {
  return std::make_unique<ShardOutput>(source, options);
}

std::vector<PackedFile> standing_files(const PackUnit& unit, const PackingOptions& options) {
  std::vector<PackedFile> files;
  for (size_t v = 0; v < static_cast<size_t>(options.variants); ++v) {
    Shard shard;
    if (look_at(unit, v, options, &shard) != Standing::kWhole) continue;
    files.push_back({shard_file_name(shard.header.shard, shard.header.variant), unit.shard,
                     static_cast<int>(v), shard.index.record_count(), shard.trailer.file_bytes, true});
  }
  return files;
}

}  // namespace stoker
