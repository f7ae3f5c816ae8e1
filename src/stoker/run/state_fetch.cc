// The files of samples: read ahead by the fetcher's threads, or on the thread that needs them.
#include <utility>

#include "stoker/run/state.h"

namespace stoker {
namespace {

constexpr int kMaxReadAheadSamples = 256;

}  // namespace

bool Run::State::may_fetch() const {
  return fetching_ + static_cast<int>(heap_.size()) < kMaxReadAheadSamples &&
         (ready_bytes_ < options_.read_ahead_bytes || heap_.empty());
}

void Run::State::read_ahead() {
  if (options_.threads == 0 || is_closed_ || stores_whole_batches_) return;
  try {
    start_fetches();
  } catch (...) {  // the source: whoever's thread this is, the run is what ends
    fail_locked(std::current_exception());
  }
}

void Run::State::start_fetches() {
  for (const WorkPointer& work : active_) {
    while (work->next_to_fetch < work->count()) {
      if (!may_fetch() || fetching_ >= 2 * options_.io_threads) return;
      Sample sample;
      sample.batch = work->number();
      sample.position = work->next_to_fetch++;
      sample.index = work->index(sample.position);
      sample.occurrence = work->occurrence(sample.position);
      start_fetch(std::move(sample), work->epoch());
    }
  }
}

// The fields of a sample are fetched side by side; the last one to come makes it ready.
struct Run::State::Fetching {
  Sample sample;
  size_t left = 0;
};

struct Run::State::FieldRequest {
  FetchRequest bytes;
  uint64_t first_byte = 0;  // see SamplePart
};

Run::State::FieldRequest Run::State::request(const Sample& sample, size_t field, uint32_t epoch,
                                             RowsNeeded& rows) const {
  FieldRequest request{source_->request(sample.index, field, epoch)};
  if (request.bytes.raw_shape && request.bytes.blocks.size() > 1) {
    const RowRange needed = rows.of(key_of(sample, epoch), *request.bytes.raw_shape);
    request.first_byte = limit_to_rows(needed, &request.bytes);
  }
  return request;
}

void Run::State::start_fetch(Sample sample, uint32_t epoch) {
  const size_t count = source_->fields().size();
  std::vector<FieldRequest> requests;
  for (size_t field = 0; field < count; ++field)
    requests.push_back(request(sample, field, epoch, rows_needed_));
  // std::function copies what it holds, so the sample waits behind a pointer.
  auto waiting = std::make_shared<Fetching>();
  sample.parts.resize(count);
  for (size_t field = 0; field < count; ++field) {
    const FetchRequest& bytes = requests[field].bytes;
    sample.parts[field].raw_shape = bytes.raw_shape;
    sample.parts[field].first_byte = requests[field].first_byte;
    if (bytes.path.empty()) {
      sample.parts[field].bytes = SampleBytes(bytes.memory);
    } else {
      ++waiting->left;
    }
  }
  if (waiting->left == 0) return push_ready(std::move(sample));
  waiting->sample = std::move(sample);
  ++fetching_;
  for (size_t field = 0; field < count; ++field) {
    if (requests[field].bytes.path.empty()) continue;
    fetcher_->start(std::move(requests[field].bytes), [this, waiting, field](FetchResult result) {
      fetched(*waiting, field, std::move(result));
    });
  }
}

void Run::State::fetched(Fetching& waiting, size_t field, FetchResult result) {
  MutexLock lock(mutex_);
  Sample& sample = waiting.sample;
  const WorkPointer work = find_work(sample.batch);
  if (work != nullptr) count_fetch(*work, result);
  ready_bytes_ += result.bytes.capacity_bytes();
  sample.parts[field].bytes = std::move(result.bytes);
  if (result.failure && !sample.failure) sample.failure = std::move(result.failure);
  if (result.fatal != nullptr) fail_locked(std::move(result.fatal));
  if (--waiting.left > 0) return;
  --fetching_;
  if (failure_ != nullptr) return;
  if (work != nullptr) {
    push_ready(std::move(sample));
  } else {
    for (const SamplePart& part : sample.parts) ready_bytes_ -= part.bytes.capacity_bytes();
    recycle(sample);
  }
  read_ahead();
}

void Run::State::count_fetch(BatchWork& work, const FetchResult& result) {
  work.sums.fetch_cpu_ns += result.cpu_ns;
  work.sums.fetch_wall_ns += result.wall_ns;
  work.sums.bytes_read += static_cast<int64_t>(result.bytes.view().size());
  fetch_cpu_.add(result.cpu_ns);
  fetch_wall_.add(result.wall_ns);
  trace_.add(
      {EventKind::kFetch, result.thread, work.number(), result.begin_ns, result.begin_ns + result.wall_ns});
}

// Reads all fields of `sample` on this thread.
void Run::State::fetch_here(Sample& sample, const WorkPointer& work) {
  sample.parts.clear();
  sample.failure.reset();
  RowsNeeded rows(*plan_);
  for (size_t field = 0; field < source_->fields().size(); ++field) {
    const FieldRequest request = this->request(sample, field, work->epoch(), rows);
    FetchResult result = fetcher_->fetch(request.bytes);
    {
      MutexLock lock(mutex_);
      if (!request.bytes.path.empty()) count_fetch(*work, result);
    }
    sample.parts.push_back({std::move(result.bytes), request.bytes.raw_shape, request.first_byte});
    if (result.failure && !sample.failure) sample.failure = std::move(result.failure);
  }
}

void Run::State::recycle(Sample& sample) {
  for (SamplePart& part : sample.parts) fetcher_->recycle(std::move(part.bytes));
  sample.parts.clear();
}

}  // namespace stoker
