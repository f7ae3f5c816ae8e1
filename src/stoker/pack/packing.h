// The flow ending in shards instead of batches: every sample once, in order, into files that are the same
// bytes for any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stoker/base/codec.h"
#include "stoker/base/error.h"
#include "stoker/run/plan.h"
#include "stoker/source/source.h"

namespace stoker {

enum class PackForm : uint8_t {
  kSource,  // original bytes; the plan has no operators
  kRaw,     // pixels, height x width x channels, of the plan's dtype
  kJpeg,    // pixels encoded anew; masks stay raw
  kNpy,     // one .npy file for each field and column, of all samples
};

struct PackingOptions {
  std::string folder;  // exists
  PackForm form = PackForm::kRaw;
  JpegSettings jpeg;                 // kJpeg
  int64_t samples_per_shard = 0;     // samples [k n, (k + 1) n) go to shard k; kNpy: not used
  std::vector<int64_t> shards;       // those to make, rising; kNpy: not used
  int variants = 1;                  // frozen draws of every sample, 1 to 256; kNpy: 1
  std::vector<std::string> footers;  // JSON of each variant's shards; kNpy: none
  std::string source_root;           // paths below it are kept relative to it
  uint64_t seed = 0;
  int threads = 1;           // 1 to 1024
  bool skips_bad = false;    // leave bad samples out and list them; otherwise the first ends the packing
  bool replaces = false;     // make also what stands already, and put it in its place (a repair)
  bool checks_space = true;  // refuse when the disk cannot hold the estimate
};

struct PackingProgress {
  bool is_finished = false;
  int64_t samples_done = 0;
  int64_t samples_total = 0;  // of the shards that had to be made; 0: not yet known
  uint64_t bytes_written = 0;
  uint64_t bytes_estimated = 0;  // in all; 0: not yet known
  uint64_t bytes_free = 0;       // on the disk, when the packing began
};

// One finished file.
struct PackedFile {
  std::string name;
  int64_t shard = 0;  // 0 for .npy
  int variant = 0;
  int64_t records = 0;
  uint64_t size_bytes = 0;
  bool was_kept = false;  // it stood already, or another process was sooner
};

class Packing {
 public:
  // Checks everything and starts nothing. Throws ArgumentError.
  Packing(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
          const PackingOptions& options);
  ~Packing();
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;

  // Works for about `wait_ns`. Throws BadSamples for a bad sample unless they are skipped; IoError when the
  // disk fails or is full, with the bytes needed and free, after the packing's own hidden files are gone;
  // ShardError when a shard of another plan has a name that is to be made. Finished shards stay.
  PackingProgress advance(int64_t wait_ns);

  // At any time.
  std::vector<PackedFile> files() const;         // finished ones, by shard and variant
  std::vector<SampleError> bad_samples() const;  // by index
  // Ends the threads and removes the hidden files. Any thread, any number of times.
  void close();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
