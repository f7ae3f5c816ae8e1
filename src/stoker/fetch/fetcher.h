// Bytes of one sample, from a file or memory. A fetcher never looks inside them.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "stoker/base/memory.h"
#include "stoker/base/mutex.h"
#include "stoker/base/sample.h"

namespace stoker {

struct FetchResult {
  SampleBytes bytes;
  Failure failure;
  // From start() alone, whose threads nobody could catch: what fetch() would have thrown. `failure` is set
  // too.
  std::exception_ptr fatal;
  int64_t cpu_ns = 0;
  int64_t wall_ns = 0;
  int64_t begin_ns = 0;  // of wall_ns()
  int thread = 0;        // of the fetcher's own, after start()
};

// Files up to this size are read; larger ones are refused before any allocation.
inline constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

class Fetcher {
 public:
  using Done = std::function<void(FetchResult)>;

  virtual ~Fetcher() = default;
  // Fetches on the calling thread. Throws IoError for what is no fault of the sample.
  virtual FetchResult fetch(const FetchRequest& request) = 0;
  // Fetches on the fetcher's own threads and calls `done` on one of them, never on the caller's. Never
  // blocks.
  virtual void start(FetchRequest request, Done done) = 0;
  // Gives the memory of used bytes back for the next fetch. Any thread.
  virtual void recycle(SampleBytes bytes) = 0;
  // Drops what has not begun (`done` is not called for it) and waits for what has. Idempotent.
  virtual void stop() = 0;
};

// Reads whole files, ranges and records (fetch/record_reader.h) with pread, by `threads` threads of its own
// (started by the first start()). Foreign files are never mapped: a file that shrinks under a map kills the
// process.
std::unique_ptr<Fetcher> make_file_fetcher(int threads);

}  // namespace stoker
