// Batches that are less work than waking a thread.
#include <utility>

#include "stoker/base/clock.h"
#include "stoker/run/state.h"

namespace stoker {
namespace {

// Some 20 us of work.
constexpr size_t kMaxAtOnceBytes = size_t{64} << 10;

// One batch of so many has its CPU time taken, which costs as much as half a small one.
constexpr int64_t kBatchesPerTimed = 64;

}  // namespace

int64_t most_at_once(const Source& source, const Plan& plan, const RunOptions& options) {
  if (!may_store_whole_batches(source, plan, options) || !source.ragged_columns().empty()) return 0;
  size_t bytes = 0;
  for (size_t field = 0; field < source.fields().size(); ++field) {
    ImageShape shape = source.packed_images(field)->shape;
    if (source.fields()[field].kind == FieldKind::kImage) shape.dtype = plan.dtype();
    bytes += shape.bytes();
  }
  for (const RowColumn& column : source.columns()) bytes += column.row_bytes();
  return static_cast<int64_t>(kMaxAtOnceBytes / std::max<size_t>(1, bytes));
}

Batch Run::State::make_at_once(std::vector<int64_t> indices) {
  const auto count = static_cast<int64_t>(indices.size());
  if (count < 1 || count > most_at_once_) {
    throw ArgumentError("batch: 1 to " + std::to_string(most_at_once_) + " samples are made at once, got " +
                        std::to_string(count) + ".");
  }
  check_indices(indices);
  const int64_t begin = wall_ns();
  MutexLock one_at_a_time(inline_mutex_);
  int64_t number = 0;
  {
    MutexLock lock(mutex_);
    throw_if_failed();
    if (is_closed_) throw Error("loader: it is closed; make a new one.");
    number = next_number_++;
  }
  StepCounters& counters = thread_counters_.back().steps;
  const BatchSums before = reading_of(counters);
  const bool is_timed = made_at_once_++ % kBatchesPerTimed == 0;
  BatchWork work(number, 0, std::move(indices), {}, *source_);
  const int64_t cpu_begin_ns = is_timed ? thread_cpu_ns() : 0;
  store_images(work, counters);
  if (is_timed) counters.clock.add(kStoreStep, thread_cpu_ns() - cpu_begin_ns, count);
  Batch batch = work.finish(*source_, options_.on_error, *columns_);
  MutexLock lock(mutex_);
  taken_sums_.add(counted_since(before, counters));
  ++taken_batches_;
  const int64_t now = wall_ns();
  consumer_wait_ns_ += now - begin;
  trace_.add({EventKind::kTake, 0, number, begin, now});
  return batch;
}

}  // namespace stoker
