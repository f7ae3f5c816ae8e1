// Shard files, opened; and the source made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stoker/source/shard_format.h"
#include "stoker/source/source.h"

namespace stoker {

// All of a shard file but its records.
struct Shard {
  std::string path;
  ShardHeader header;
  ShardTrailer trailer;
  ShardIndex index;
  std::string footer;  // JSON, as it was written
};

// Reads and checks header, index, footer and trailer; no record. Throws ShardError for damage, naming the
// file, the place and the command that repairs it; IoError when the file is missing or cannot be read.
Shard open_shard(const std::string& path);

// "run `stoker pack --repair FOLDER`" for a shard at `path`.
std::string repair_hint(const std::string& path);

// The samples of shard files, in the order of the files. Records are verified as they are read. With several
// variants epoch e reads variant e mod their number; all variants hold the same samples. Its ragged columns
// say names and formats; the rows come from ragged_rows() alone.
class ShardsSource : public Source {
 public:
  // `variants`: of each variant its files, parallel. `root`: the folder they lie in. `operators_done`: see
  // Source. Throws as open_shard() does; ArgumentError for no file; ShardError when files do not belong
  // together, naming both and what differs.
  ShardsSource(const std::vector<std::vector<std::string>>& variants, std::string root, int operators_done);
  ~ShardsSource() override;
  ShardsSource(const ShardsSource&) = delete;
  ShardsSource& operator=(const ShardsSource&) = delete;

  std::optional<int64_t> size() const override;
  const std::vector<Field>& fields() const override;
  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override;
  // Relative to the root of the source that was packed.
  std::string path(int64_t index) const override;
  std::optional<ImageShape> image_shape() const override;
  int operators_done() const override { return operators_done_; }
  std::string root() const override { return root_; }
  RaggedRows ragged_rows(size_t column, int64_t index, uint32_t epoch) const override;

  int variants() const;
  // Index of the sample in the source that was packed.
  int64_t original_index(int64_t index) const;
  // Of the first shard of each variant.
  const std::vector<std::string>& footers() const { return footers_; }

 private:
  struct OpenShard;
  struct Joining;
  struct Place {
    const OpenShard* shard;
    int64_t record;
  };
  void add(size_t variant, Shard shard, Joining& joining);
  Place find(int64_t index, uint32_t epoch) const;

  std::vector<std::vector<std::unique_ptr<OpenShard>>> variants_;
  std::vector<int64_t> ends_;  // samples up to and with each shard
  std::vector<Field> fields_;
  std::vector<std::string> footers_;
  std::optional<ImageShape> image_shape_;
  std::string root_;
  int operators_done_;
};

}  // namespace stoker
