// A run without samples: whole batches of rows, copied out of arrays in memory to where the caller wants
// them.
//
// A batch is cut into pieces. Threads take pieces of the oldest unfinished batch, and so does next() while it
// waits: with no threads it does all of them, and a batch that was just submitted never waits for a thread to
// wake up.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "stoker/batch/gather.h"
#include "stoker/run/counters.h"

namespace stoker {

struct GatherOptions {
  int threads = 0;
  bool shares_cores = false;  // take part in process_budget()
};

class GatherRun {
 public:
  // Starts nothing. Throws ArgumentError when columns differ in their number of rows.
  GatherRun(std::vector<RowGather> columns, const GatherOptions& options);
  ~GatherRun();
  GatherRun(const GatherRun&) = delete;
  GatherRun& operator=(const GatherRun&) = delete;

  // Of all columns.
  size_t row_bytes() const;
  const std::vector<RowGather>& columns() const;

  // Queues one batch; the threads start with the first. outs[c] is memory for indices.size() rows of column
  // c, which is written until next() has returned true for this batch, or close() has returned. Throws
  // ArgumentError for an index outside of the rows.
  void submit(std::vector<int64_t> indices, std::vector<uint8_t*> outs);

  // Finishes the oldest batch; true when it is complete, false when there is none or `wait_ns` passed first.
  bool next(int64_t wait_ns);

  // One batch, at once and on this thread; batches that are queued do not matter to it. Throws as submit().
  void fill(const int64_t* indices, size_t count, uint8_t* const* outs);

  // Batches submitted and not yet taken.
  int64_t pending() const;

  // Joins the threads and drops all batches: their memory is not touched after it. Idempotent, any thread.
  void close();

  CountersReading counters() const;

 private:
  class State;
  void check_process() const;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
