// Where packed records go: shards, or .npy files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "stoker/pack/packing.h"
#include "stoker/pack/shard_writer.h"

namespace stoker {

// Samples [first, first + count) of the source, which end in one file of each kind or variant.
struct PackUnit {
  int64_t shard = 0;
  int64_t first = 0;
  int64_t count = 0;
};

// Belongs to one thread. Destroyed, it leaves no hidden file.
class PackOutput {
 public:
  virtual ~PackOutput() = default;
  virtual void begin(const PackUnit& unit) = 0;
  // A record of each variant, of the next good sample.
  virtual void add(const std::vector<PackedRecord>& variants) = 0;
  // Ends the unit; its files stand.
  virtual std::vector<PackedFile> finish() = 0;
  // Bytes of a sample beyond those of its parts.
  virtual uint64_t overhead_bytes(const std::vector<PackedRecord>& variants) const = 0;
};

std::unique_ptr<PackOutput> make_shard_output(const Source& source, const PackingOptions& options);
std::unique_ptr<PackOutput> make_npy_output(const Source& source, const PackingOptions& options,
                                            Layout layout);

// What of a unit stands already, whole and of the same plan: a file of each variant, or fewer. Throws
// ShardError for a shard of another plan.
std::vector<PackedFile> standing_files(const PackUnit& unit, const PackingOptions& options);

}  // namespace stoker
