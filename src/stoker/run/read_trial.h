// How fast the bytes of a source's samples can be had, with nothing done to them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stoker/source/source.h"

namespace stoker {

struct ReadTrialOptions {
  int readers = 1;          // threads that read at a time, at least 1
  bool drops_cache = true;  // ask the system to forget the files first
  int64_t limit_ns = 0;     // no file is begun after this; 0: no limit
};

struct ReadTrial {
  int64_t wall_ns = 0;
  int64_t samples = 0;                 // that were read
  std::vector<int64_t> latencies_ns;   // of each file or record, in no order
  std::vector<int64_t> bytes;          // parallel to it
  std::optional<double> cached_share;  // of the bytes, in the page cache just before; nothing: not known
};

// Reads all fields of the samples `indices`. Samples in memory cost and count nothing. Files that cannot be
// read are left out. Throws ArgumentError for an index or a number of readers that is not possible.
ReadTrial try_reading(const Source& source, const std::vector<int64_t>& indices,
                      const ReadTrialOptions& options);

}  // namespace stoker
