#include "stoker/run/gather_run.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "stoker/base/clock.h"
#include "stoker/base/error.h"
#include "stoker/base/mutex.h"
#include "stoker/base/priority.h"
#include "stoker/base/thread_name.h"
#include "stoker/run/cores.h"

namespace stoker {
namespace {

// Some 50 us of copying: a piece costs one lock, and a batch of a few MB still keeps several threads busy.
constexpr size_t kPieceBytes = size_t{512} << 10;

// Of a batch whose CPU time is asked for; of smaller ones, one in so many.
constexpr size_t kLeastTimedBytes = size_t{128} << 10;
constexpr int64_t kSmallBatchesPerTimed = 32;

void check_indices(const int64_t* indices, size_t count, int64_t rows) {
  uint64_t largest = 0;  // a negative index is larger than any other
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, static_cast<uint64_t>(indices[i]));
  if (count == 0 || largest < static_cast<uint64_t>(rows)) return;
  throw ArgumentError("batch: sample index " + std::to_string(static_cast<int64_t>(largest)) +
                      " is outside 0 to " + std::to_string(rows - 1) + ".");
}

}  // namespace

class GatherRun::State {
 public:
  State(std::vector<RowGather> columns, const GatherOptions& options)
      : columns_(std::move(columns)),
        options_(options),
        rows_(columns_.empty() ? 0 : columns_.front().rows()),
        thread_counters_(static_cast<size_t>(options.threads)) {
    for (const RowGather& column : columns_) row_bytes_ += column.row_bytes();
    piece_rows_ = std::max<size_t>(1, kPieceBytes / std::max<size_t>(1, row_bytes_));
  }

  void submit(std::vector<int64_t> indices, std::vector<uint8_t*> outs);
  bool next(int64_t wait_ns);
  void fill(const int64_t* indices, size_t count, uint8_t* const* outs);
  int64_t pending() const;
  void close();
  CountersReading counters() const;
  size_t row_bytes() const { return row_bytes_; }
  const std::vector<RowGather>& columns() const { return columns_; }
  bool is_forked_copy() const { return getpid() != process_; }

 private:
  struct Work {
    std::vector<int64_t> indices;
    std::vector<uint8_t*> outs;
    size_t begun = 0;     // rows that a thread has taken
    size_t finished = 0;  // rows that are in place
    bool is_ready() const { return finished == indices.size(); }
  };
  using WorkPointer = std::shared_ptr<Work>;
  struct Piece {
    WorkPointer work;
    size_t begin = 0;
    size_t end = 0;
  };

  void start_threads() STOKER_REQUIRES(mutex_);
  bool take_piece(bool oldest_alone, Piece* piece) STOKER_REQUIRES(mutex_);
  void copy(const Piece& piece) const;
  void finish(const Piece& piece) STOKER_REQUIRES(mutex_);
  void serve(size_t thread);
  bool wait_for_piece(ThreadCounters& counters, Piece* piece);

  const std::vector<RowGather> columns_;
  const GatherOptions options_;
  const int64_t rows_;
  const pid_t process_ = getpid();
  size_t row_bytes_ = 0;
  size_t piece_rows_ = 1;
  std::vector<ThreadCounters> thread_counters_;
  std::atomic<int64_t> helped_cpu_ns_{0};  // copied by next()
  std::atomic<int64_t> filled_batches_{0};
  std::atomic<int64_t> filled_rows_{0};
  std::atomic<int64_t> timed_rows_{0};     // of these
  std::atomic<int64_t> filled_cpu_ns_{0};  // of the timed ones

  mutable Mutex mutex_;
  Condition piece_ready_;
  Condition work_done_;
  std::deque<WorkPointer> works_ STOKER_GUARDED_BY(mutex_);  // oldest first
  std::vector<std::thread> threads_ STOKER_GUARDED_BY(mutex_);
  bool is_closed_ STOKER_GUARDED_BY(mutex_) = false;
  int idle_threads_ STOKER_GUARDED_BY(mutex_) = 0;
  int helpers_ STOKER_GUARDED_BY(mutex_) = 0;  // calls of next() that copy a piece
  CountersReading totals_ STOKER_GUARDED_BY(mutex_);
};

void GatherRun::State::submit(std::vector<int64_t> indices, std::vector<uint8_t*> outs) {
  check_indices(indices.data(), indices.size(), rows_);
  STOKER_CHECK(outs.size() == columns_.size());
  auto work = std::make_shared<Work>();
  work->indices = std::move(indices);
  work->outs = std::move(outs);
  MutexLock lock(mutex_);
  if (is_closed_) throw Error("loader: it is closed; make a new one.");
  works_.push_back(std::move(work));
  start_threads();
  if (idle_threads_ > 0) piece_ready_.notify_all();
}

void GatherRun::State::start_threads() {
  if (options_.threads == 0 || !threads_.empty()) return;
  for (size_t i = 0; i < static_cast<size_t>(options_.threads); ++i) {
    try {
      threads_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error&) {
      return;  // fewer will do, even none: next() works too
    }
  }
}

// The next rows of the oldest batch that has some left. False when there are none.
bool GatherRun::State::take_piece(bool oldest_alone, Piece* piece) {
  for (const WorkPointer& work : works_) {
    if (work->begun < work->indices.size()) {
      piece->work = work;
      piece->begin = work->begun;
      piece->end = std::min(work->begun + piece_rows_, work->indices.size());
      work->begun = piece->end;
      return true;
    }
    if (oldest_alone) return false;
  }
  return false;
}

void GatherRun::State::copy(const Piece& piece) const {
  const std::span<const int64_t> indices =
      std::span(piece.work->indices).subspan(piece.begin, piece.end - piece.begin);
  for (size_t c = 0; c < columns_.size(); ++c)
    columns_[c].gather(indices, piece.work->outs[c] + piece.begin * columns_[c].row_bytes());
}

void GatherRun::State::finish(const Piece& piece) {
  piece.work->finished += piece.end - piece.begin;
  totals_.samples += static_cast<int64_t>(piece.end - piece.begin);
  if (piece.work->is_ready()) work_done_.notify_all();
}

bool GatherRun::State::wait_for_piece(ThreadCounters& counters, Piece* piece) {
  MutexLock lock(mutex_);
  counters.waiting_since_ns = wall_ns();
  // All that was asked for is done or in work: the reader of the batches is what is slow.
  counters.wait = Wait::kBlocked;
  ++idle_threads_;
  while (!is_closed_ && !take_piece(false, piece)) piece_ready_.wait(mutex_);
  --idle_threads_;
  counters.settle(wall_ns());
  counters.waiting_since_ns = 0;
  return !is_closed_;
}

void GatherRun::State::serve(size_t thread) {
  name_thread(kCpuThreadName);
  lower_thread_priority();
  ThreadCounters& counters = thread_counters_[thread];
  counters.begin();
  Piece piece;
  while (wait_for_piece(counters, &piece)) {
    const int64_t asked = wall_ns();
    {
      const CoreShare share(options_.shares_cores ? &process_budget() : nullptr);
      const int64_t begin = wall_ns();
      counters.blocked_ns.add(begin - asked);
      const int64_t cpu_begin = thread_cpu_ns();
      copy(piece);
      counters.steps.clock.add(kStoreStep, thread_cpu_ns() - cpu_begin);
      counters.busy_ns.add(wall_ns() - begin);
    }
    MutexLock lock(mutex_);
    finish(piece);
    piece.work.reset();
  }
  counters.end();
}

bool GatherRun::State::next(int64_t wait_ns) {
  const int64_t begin = wall_ns();
  Piece piece;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (piece.work != nullptr) {
        finish(std::exchange(piece, {}));
        --helpers_;
        if (is_closed_) work_done_.notify_all();
      }
      while (!is_closed_ && !works_.empty() && !works_.front()->is_ready() && !take_piece(true, &piece)) {
        const int64_t left = begin + wait_ns - wall_ns();
        if (left <= 0) break;
        work_done_.wait_for(mutex_, std::chrono::nanoseconds(left));
      }
      if (piece.work == nullptr) {
        const bool is_done = !is_closed_ && !works_.empty() && works_.front()->is_ready();
        if (is_done) {
          works_.pop_front();
          ++totals_.batches;
        }
        totals_.consumer_wait_ns += wall_ns() - begin;
        return is_done;
      }
      ++helpers_;
    }
    const int64_t cpu_begin = thread_cpu_ns();
    copy(piece);
    helped_cpu_ns_ += thread_cpu_ns() - cpu_begin;
  }
}

void GatherRun::State::fill(const int64_t* indices, size_t count, uint8_t* const* outs) {
  check_indices(indices, count, rows_);
  // To ask for the CPU time costs as much as a small batch.
  const bool is_timed =
      filled_batches_++ % kSmallBatchesPerTimed == 0 || count * row_bytes_ >= kLeastTimedBytes;
  const int64_t begin = is_timed ? thread_cpu_ns() : 0;
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].gather({indices, count}, outs[c]);
  if (is_timed) {
    filled_cpu_ns_ += thread_cpu_ns() - begin;
    timed_rows_ += static_cast<int64_t>(count);
  }
  filled_rows_ += static_cast<int64_t>(count);
}

int64_t GatherRun::State::pending() const {
  MutexLock lock(mutex_);
  return static_cast<int64_t>(works_.size());
}

void GatherRun::State::close() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    is_closed_ = true;
    threads.swap(threads_);
    piece_ready_.notify_all();
    work_done_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(mutex_);
  while (helpers_ > 0) work_done_.wait(mutex_);
  works_.clear();
}

CountersReading GatherRun::State::counters() const {
  MutexLock lock(mutex_);
  CountersReading reading = totals_;
  reading.batches += filled_batches_;
  reading.samples += filled_rows_;
  reading.store_cpu_ns += helped_cpu_ns_;
  if (timed_rows_ > 0) {
    const double untimed = static_cast<double>(filled_rows_) / static_cast<double>(timed_rows_);
    reading.store_cpu_ns += static_cast<int64_t>(static_cast<double>(filled_cpu_ns_) * untimed);
  }
  for (const ThreadCounters& thread : thread_counters_) {
    reading.store_cpu_ns += thread.steps.clock.cpu_ns(kStoreStep);
    if (thread.begun_ns.load() != 0) reading.threads.push_back(reading_of(thread, wall_ns()));
  }
  reading.ready_batches =
      std::count_if(works_.begin(), works_.end(), [](const WorkPointer& work) { return work->is_ready(); });
  reading.active_threads = options_.threads;
  return reading;
}

GatherRun::GatherRun(std::vector<RowGather> columns, const GatherOptions& options) {
  if (options.threads < 0 || options.threads > 1024)
    throw ArgumentError("threads must be between 0 and 1024, got " + std::to_string(options.threads) + ".");
  for (const RowGather& column : columns) {
    if (column.rows() == columns.front().rows()) continue;
    throw ArgumentError("rows: columns have " + std::to_string(columns.front().rows()) + " and " +
                        std::to_string(column.rows()) + " rows; give one row a sample in each.");
  }
  state_ = std::make_unique<State>(std::move(columns), options);
}

GatherRun::~GatherRun() {
  if (state_->is_forked_copy()) {
    static_cast<void>(state_.release());  // its threads stayed in the process that forked
  } else {
    state_->close();
  }
}

size_t GatherRun::row_bytes() const { return state_->row_bytes(); }
const std::vector<RowGather>& GatherRun::columns() const { return state_->columns(); }

void GatherRun::submit(std::vector<int64_t> indices, std::vector<uint8_t*> outs) {
  check_process();
  state_->submit(std::move(indices), std::move(outs));
}

bool GatherRun::next(int64_t wait_ns) {
  check_process();
  return state_->next(wait_ns);
}

void GatherRun::fill(const int64_t* indices, size_t count, uint8_t* const* outs) {
  state_->fill(indices, count, outs);
}

int64_t GatherRun::pending() const { return state_->is_forked_copy() ? 0 : state_->pending(); }

void GatherRun::close() {
  if (!state_->is_forked_copy()) state_->close();
}

CountersReading GatherRun::counters() const {
  return state_->is_forked_copy() ? CountersReading{} : state_->counters();
}

void GatherRun::check_process() const {
  if (!state_->is_forked_copy()) return;
  throw Error("loader: its threads stayed in the process that started them; make a new loader after fork().");
}

}  // namespace stoker
