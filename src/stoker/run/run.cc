#include "stoker/run/run.h"

#include <cmath>

#include "stoker/base/clock.h"
#include "stoker/run/state.h"

namespace stoker {

CountersReading Run::State::counters() const {
  MutexLock lock(mutex_);
  CountersReading reading;
  BatchSums sums = taken_sums_;
  for (const WorkPointer& work : active_) {
    if (!work->is_tentative) sums.add(work->sums);
  }
  reading.fetch_cpu_ns = sums.fetch_cpu_ns;
  reading.fetch_wall_ns = sums.fetch_wall_ns;
  reading.bytes_read = sums.bytes_read;
  reading.decode_cpu_ns = sums.decode_ns;
  reading.transform_cpu_ns = sums.transform_ns;
  reading.store_cpu_ns = sums.store_ns;
  reading.samples = sums.samples;
  reading.errors = sums.errors;
  reading.replaced = sums.replaced;
  reading.skipped = sums.skipped;
  reading.decoded = sums.decoded;
  reading.batches = taken_batches_;
  reading.consumer_wait_ns = consumer_wait_ns_;
  const int64_t now = wall_ns();
  for (const ThreadCounters& thread : thread_counters_) {
    if (thread.begun_ns.load() != 0) reading.threads.push_back(reading_of(thread, now));
  }
  reading.ready_bytes = static_cast<int64_t>(ready_bytes_);
  reading.ready_batches =
      std::count_if(active_.begin(), active_.end(), [](const WorkPointer& work) { return work->is_ready; });
  return reading;
}

std::string Run::State::explain() const {
  std::string text = plan_->explain();
  text += options_.threads == 0
              ? "threads: none, the work is done inside next()"
              : "threads: " + std::to_string(options_.threads) + " CPU, " +
                    std::to_string(options_.io_threads) + " I/O" +
                    (options_.shares_cores ? ", sharing the cores with other loaders of this process" : "");
  text += "\nmemory: at most " + std::to_string(options_.max_active_batches) +
          " batches begun and not yet taken, " + std::to_string(options_.read_ahead_bytes >> 20) +
          " MiB read ahead";
  return text + "\n";
}

Run::Run(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan, const RunOptions& options) {
  const auto check_range = [](const char* name, double value, double low, double high) {
    if (value >= low && value <= high) return;
    throw ArgumentError(std::string(name) + " must be between " + to_json(Value(low)) + " and " +
                        to_json(Value(high)) + ", got " + to_json(Value(value)) + ".");
  };
  check_range("threads", options.threads, 0, 1024);
  check_range("io_threads", options.io_threads, 1, 1024);
  check_range("max_bad", options.max_bad, 0, 1e15);
  if (options.max_bad >= 1 && options.max_bad != std::floor(options.max_bad)) {
    throw ArgumentError("max_bad must be a share below 1 or a whole number of samples, got " +
                        to_json(Value(options.max_bad)) + ".");
  }
  check_range("max_active_batches", options.max_active_batches, 1, 1e6);
  check_range("read_ahead_bytes", static_cast<double>(options.read_ahead_bytes), 1, 1e15);
  state_ = std::make_unique<State>(std::move(source), std::move(plan), options);
}

Run::~Run() {
  if (state_->is_forked_copy()) {
    static_cast<void>(state_.release());
  } else {
    state_->close();
  }
}

void Run::submit(std::vector<int64_t> indices, uint32_t epoch, bool is_tentative) {
  if (state_->is_forked_copy()) {
    throw Error(
        "loader: its threads stayed in the process that started them; make a new loader after fork().");
  }
  state_->submit(std::move(indices), epoch, is_tentative);
}

void Run::skip(const std::vector<int64_t>& indices, uint32_t epoch) {
  if (!state_->is_forked_copy()) state_->skip(indices, epoch);
}

void Run::keep_tentative() {
  if (!state_->is_forked_copy()) state_->keep_tentative();
}
void Run::drop_tentative() {
  if (!state_->is_forked_copy()) state_->drop_tentative();
}

std::optional<Batch> Run::next(int64_t wait_ns) {
  if (state_->is_forked_copy()) {
    throw Error(
        "loader: its threads stayed in the process that started them; make a new loader after fork().");
  }
  return state_->next(wait_ns);
}

int64_t Run::pending() const { return state_->is_forked_copy() ? 0 : state_->pending(); }
void Run::close() {
  if (!state_->is_forked_copy()) state_->close();
}
CountersReading Run::counters() const {
  return state_->is_forked_copy() ? CountersReading{} : state_->counters();
}
std::vector<SampleError> Run::bad_samples() const {
  return state_->is_forked_copy() ? std::vector<SampleError>{} : state_->bad_samples();
}
std::shared_ptr<const Plan> Run::plan() const { return state_->plan(); }
std::string Run::explain() const { return state_->explain(); }

}  // namespace stoker
