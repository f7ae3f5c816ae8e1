// What is behind Run: queues, threads and the policy on bad samples. One mutex guards all that is shared: a
// sample is 0.1 to 10 ms of work, so it is taken some thousand times a second.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <thread>

#include "stoker/base/mutex.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/run/pipeline.h"
#include "stoker/run/policy.h"
#include "stoker/run/rows.h"
#include "stoker/run/run.h"
#include "stoker/run/work.h"

namespace stoker {

// Whether batches are so little work that one thread makes each in one go: row columns alone, or small images
// in memory that nothing is done to.
bool may_store_whole_batches(const Source& source, const Plan& plan, const RunOptions& options);

// As Run::most_at_once().
int64_t most_at_once(const Source& source, const Plan& plan, const RunOptions& options);

class Run::State {
 public:
  State(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan, const RunOptions& options)
      : source_(std::move(source)),
        plan_(std::move(plan)),
        options_(options),
        size_(source_->size().value_or(0)),
        bad_(options.on_error, options.max_bad, size_, source_->root()),
        fetcher_(make_file_fetcher(options.io_threads)),
        images_(options.buffers != nullptr
                    ? options.buffers
                    : std::make_shared<RecyclingProvider>(options.max_active_batches + 1)),
        columns_(
            options.column_buffers != nullptr
                ? options.column_buffers
                : std::make_shared<RecyclingProvider>((static_cast<size_t>(options.max_active_batches) + 1) *
                                                      (source_->columns().size() + 1))),
        stores_whole_batches_(may_store_whole_batches(*source_, *plan_, options_)),
        most_at_once_(stoker::most_at_once(*source_, *plan_, options_)),
        rows_needed_(*plan_),
        active_threads_(options.active_threads > 0 ? options.active_threads : options.threads) {
    for (int i = 0; i <= options.threads; ++i) thread_counters_.emplace_back(plan_->operators().size());
  }

  void submit(std::vector<int64_t> indices, uint32_t epoch, bool is_tentative);
  void skip(const std::vector<int64_t>& indices, uint32_t epoch);
  void keep_tentative();
  void drop_tentative();
  std::optional<Batch> next(int64_t wait_ns);
  int64_t most_at_once() const { return most_at_once_; }
  Batch make_at_once(std::vector<int64_t> indices);
  int64_t pending() const;
  void close();
  std::shared_ptr<const Plan> plan() const { return plan_; }
  CountersReading counters() const;
  void set_active_threads(int count);
  void trace(size_t max_events);
  std::vector<RunEvent> events(int64_t* dropped) const;
  std::vector<SampleError> bad_samples() const { return bad_.all(); }
  std::string explain() const;
  std::string explain_islands() const;
  std::shared_ptr<IslandDesk> islands() const { return options_.islands; }
  int threads() const { return options_.threads; }
  // In the child of a fork there are no threads to join, and locks may be held for ever.
  bool is_forked_copy() const { return getpid() != process_; }

 private:
  class Slot;
  struct Fetching;
  struct FieldRequest;
  using WorkPointer = std::shared_ptr<BatchWork>;

  void check_indices(const std::vector<int64_t>& indices) const;
  std::vector<uint16_t> count_occurrences(const std::vector<int64_t>& indices, uint32_t epoch)
      STOKER_REQUIRES(mutex_);
  void start_threads() STOKER_REQUIRES(mutex_);
  void activate() STOKER_REQUIRES(mutex_);
  void read_ahead() STOKER_REQUIRES(mutex_);
  void start_fetches() STOKER_REQUIRES(mutex_);
  bool may_fetch() const STOKER_REQUIRES(mutex_);
  bool is_full() const STOKER_REQUIRES(mutex_);
  void settle_waits() STOKER_REQUIRES(mutex_);
  static void begin_wait(ThreadCounters& counters, Wait wait, int64_t now_ns);
  void end_wait(size_t thread) STOKER_REQUIRES(mutex_);
  void settle(size_t thread, int64_t now_ns) STOKER_REQUIRES(mutex_);
  void read_steps(const BatchSums& sums, CountersReading* reading) const STOKER_REQUIRES(mutex_);
  void push_ready(Sample sample) STOKER_REQUIRES(mutex_);
  Sample pop_ready() STOKER_REQUIRES(mutex_);
  // Null for a batch that was dropped.
  WorkPointer find_work(int64_t number) STOKER_REQUIRES(mutex_);
  void count_fetch(BatchWork& work, const FetchResult& result) STOKER_REQUIRES(mutex_);
  void throw_if_failed() STOKER_REQUIRES(mutex_);

  void serve(size_t thread);
  std::optional<Sample> wait_for_sample(size_t thread, const RunEvent& last_work, WorkPointer* work);
  SampleKey key_of(const Sample& sample, uint32_t epoch) const {
    return {options_.seed, epoch, static_cast<uint64_t>(sample.index), sample.occurrence, 0};
  }
  FieldRequest request(const Sample& sample, size_t field, uint32_t epoch, RowsNeeded& rows) const;
  void start_fetch(Sample sample, uint32_t epoch) STOKER_REQUIRES(mutex_);
  void fetched(Fetching& waiting, size_t field, FetchResult result);
  void fetch_here(Sample& sample, const WorkPointer& work);
  void recycle(Sample& sample);
  void take_through(Sample sample, const WorkPointer& work, Pipeline& pipeline, StepCounters& counters);
  Failure try_sample(const Sample& sample, const WorkPointer& work, int position, Pipeline& pipeline,
                     StepCounters& counters, bool* is_conflict);
  bool substitute(Sample& sample, const SampleError& error, const WorkPointer& work, Pipeline& pipeline,
                  StepCounters& counters);
  void store_batch(BatchWork& work, StepCounters& counters);
  void store_images(BatchWork& work, StepCounters& counters);
  void note_bad(const SampleError& error, const WorkPointer& work);
  void give_up(const WorkPointer& work);
  void finish_place(const WorkPointer& work, const BatchSums& took);
  void fail(std::exception_ptr error);
  void fail_locked(std::exception_ptr error) STOKER_REQUIRES(mutex_);
  bool work_inline(int64_t until_ns);
  Batch take_front() STOKER_REQUIRES(mutex_);

  const std::shared_ptr<const Source> source_;
  const std::shared_ptr<const Plan> plan_;
  const RunOptions options_;
  const int64_t size_;
  BadSampleLog bad_;
  const pid_t process_ = getpid();
  const std::unique_ptr<Fetcher> fetcher_;
  const std::shared_ptr<BufferProvider> images_;
  const std::shared_ptr<BufferProvider> columns_;
  const bool stores_whole_batches_;  // a batch is one piece of work
  const int64_t most_at_once_;
  std::deque<ThreadCounters> thread_counters_;  // they cannot be moved; the last: of the threads that call
  Mutex inline_mutex_;                          // held while next() works itself, taken before mutex_
  std::unique_ptr<Pipeline> inline_pipeline_ STOKER_GUARDED_BY(inline_mutex_);
  int64_t made_at_once_ STOKER_GUARDED_BY(inline_mutex_) = 0;  // batches
  std::atomic<bool> is_cancelled_{false};

  mutable Mutex mutex_;
  Condition ready_;                                            // for CPU threads: a sample, or the end
  Condition unparked_;                                         // for CPU threads that are not to work
  Condition done_;                                             // for next(): the oldest batch, or a failure
  std::deque<WorkPointer> waiting_ STOKER_GUARDED_BY(mutex_);  // submitted, not begun
  std::deque<WorkPointer> active_ STOKER_GUARDED_BY(mutex_);   // begun, oldest first
  std::vector<Sample> heap_ STOKER_GUARDED_BY(mutex_);         // fetched samples
  std::vector<std::thread> threads_ STOKER_GUARDED_BY(mutex_);
  RowsNeeded rows_needed_ STOKER_GUARDED_BY(mutex_);
  std::vector<uint16_t> seen_ STOKER_GUARDED_BY(mutex_);
  std::exception_ptr failure_ STOKER_GUARDED_BY(mutex_);
  bool is_closed_ STOKER_GUARDED_BY(mutex_) = false;
  int active_threads_ STOKER_GUARDED_BY(mutex_);
  LogHistogram fetch_cpu_ STOKER_GUARDED_BY(mutex_);
  LogHistogram fetch_wall_ STOKER_GUARDED_BY(mutex_);
  Trace trace_ STOKER_GUARDED_BY(mutex_);
  uint32_t seen_epoch_ STOKER_GUARDED_BY(mutex_) = 0;
  int64_t next_number_ STOKER_GUARDED_BY(mutex_) = 0;
  int fetching_ STOKER_GUARDED_BY(mutex_) = 0;
  size_t ready_bytes_ STOKER_GUARDED_BY(mutex_) = 0;
  BatchSums taken_sums_ STOKER_GUARDED_BY(mutex_);  // of the batches that were taken
  int64_t taken_batches_ STOKER_GUARDED_BY(mutex_) = 0;
  int64_t consumer_wait_ns_ STOKER_GUARDED_BY(mutex_) = 0;
};

}  // namespace stoker
