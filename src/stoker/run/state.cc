#include "stoker/run/state.h"

#include <utility>

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Above this, the work on a sample by itself outweighs what it costs to hand it to a thread.
constexpr size_t kMaxWholeBatchSampleBytes = size_t{16} << 10;

// Oldest batch first, then the order within it.
bool comes_later(const Sample& a, const Sample& b) {
  return a.batch != b.batch ? a.batch > b.batch : a.position > b.position;
}

}  // namespace

bool may_store_whole_batches(const Source& source, const Plan& plan, const RunOptions& options) {
  if (!source.has_image()) return true;
  if (!plan.operators().empty() || !source.ragged_columns().empty() || options.shapes != Shapes::kDense)
    return false;
  size_t bytes = 0;
  for (size_t field = 0; field < source.fields().size(); ++field) {
    const std::optional<PackedImages> first = source.packed_images(0);
    const std::optional<PackedImages> images = source.packed_images(field);
    if (!first || !images || images->shape.height != first->shape.height ||
        images->shape.width != first->shape.width)
      return false;
    bytes += images->shape.bytes();
  }
  return bytes <= kMaxWholeBatchSampleBytes;
}

void Run::State::check_indices(const std::vector<int64_t>& indices) const {
  for (const int64_t index : indices) {
    if (index < 0 || index >= size_) {
      throw ArgumentError("batch: sample index " + std::to_string(index) + " is outside 0 to " +
                          std::to_string(size_ - 1) + ".");
    }
  }
}

void Run::State::skip(const std::vector<int64_t>& indices, uint32_t epoch) {
  check_indices(indices);
  MutexLock lock(mutex_);
  count_occurrences(indices, epoch);
}

void Run::State::submit(std::vector<int64_t> indices, uint32_t epoch, bool is_tentative) {
  check_indices(indices);
  MutexLock lock(mutex_);
  throw_if_failed();
  if (is_closed_) throw Error("loader: it is closed; make a new one.");
  std::vector<uint16_t> occurrences = count_occurrences(indices, epoch);
  waiting_.push_back(std::make_shared<BatchWork>(next_number_++, epoch, std::move(indices),
                                                 std::move(occurrences), *source_));
  waiting_.back()->is_tentative = is_tentative;
  start_threads();
  activate();
}

void Run::State::keep_tentative() {
  MutexLock lock(mutex_);
  try {
    for (const std::deque<WorkPointer>* queue : {&active_, &waiting_}) {
      for (const WorkPointer& work : *queue) {
        work->is_tentative = false;
        for (const SampleError& error : std::exchange(work->bad, {})) bad_.note(error);
        if (work->giving_up != nullptr) std::rethrow_exception(work->giving_up);
      }
    }
  } catch (...) {  // more bad samples than the policy bears: next() says so
    fail_locked(std::current_exception());
  }
}

void Run::State::drop_tentative() {
  MutexLock lock(mutex_);
  const auto is_tentative = [](const WorkPointer& work) { return work->is_tentative; };
  std::erase_if(waiting_, is_tentative);
  std::erase_if(active_, is_tentative);
  std::vector<Sample> kept;
  for (Sample& sample : heap_) {
    if (find_work(sample.batch) != nullptr) {
      kept.push_back(std::move(sample));
      continue;
    }
    for (const SamplePart& part : sample.parts) ready_bytes_ -= part.bytes.capacity_bytes();
    recycle(sample);
  }
  heap_ = std::move(kept);
  std::make_heap(heap_.begin(), heap_.end(), comes_later);
  settle_waits();
  done_.notify_all();
}

std::vector<uint16_t> Run::State::count_occurrences(const std::vector<int64_t>& indices, uint32_t epoch) {
  std::vector<uint16_t> occurrences(indices.size(), 0);
  if (!options_.may_repeat) return occurrences;
  if (seen_.empty() || epoch != seen_epoch_) seen_.assign(static_cast<size_t>(size_), 0);
  seen_epoch_ = epoch;
  for (size_t i = 0; i < indices.size(); ++i) occurrences[i] = seen_[static_cast<size_t>(indices[i])]++;
  return occurrences;
}

// Begins waiting batches while there is room: a batch that is finished and not taken holds its place.
void Run::State::activate() {
  while (!waiting_.empty() && static_cast<int>(active_.size()) < options_.max_active_batches) {
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    if (active_.back()->count() > 0 && !stores_whole_batches_) continue;
    active_.back()->unfinished = 1;
    Sample whole_batch;
    whole_batch.batch = active_.back()->number();
    push_ready(std::move(whole_batch));
  }
  read_ahead();
}

void Run::State::push_ready(Sample sample) {
  heap_.push_back(std::move(sample));
  std::push_heap(heap_.begin(), heap_.end(), comes_later);
  ready_.notify_one();
}

Sample Run::State::pop_ready() {
  std::pop_heap(heap_.begin(), heap_.end(), comes_later);
  Sample sample = std::move(heap_.back());
  heap_.pop_back();
  for (const SamplePart& part : sample.parts)
    ready_bytes_ -= part.bytes.capacity_bytes();  // 0 for memory of the source
  return sample;
}

Run::State::WorkPointer Run::State::find_work(int64_t number) {
  for (const WorkPointer& work : active_) {
    if (work->number() == number) return work;
  }
  return nullptr;
}

void Run::State::fail(std::exception_ptr error) {
  MutexLock lock(mutex_);
  fail_locked(std::move(error));
}

void Run::State::fail_locked(std::exception_ptr error) {
  if (failure_ == nullptr) failure_ = std::move(error);
  is_closed_ = true;
  heap_.clear();
  ready_.notify_all();
  unparked_.notify_all();
  done_.notify_all();
}

void Run::State::throw_if_failed() {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
}

Batch Run::State::take_front() {
  const WorkPointer work = std::move(active_.front());
  active_.pop_front();
  ++taken_batches_;
  taken_sums_.add(work->sums);
  activate();
  settle_waits();
  if (!work->rejected().empty()) throw rejected_batch(work->rejected());
  return std::move(work->batch);
}

std::optional<Batch> Run::State::next(int64_t wait_ns) {
  const int64_t begin = wall_ns();
  if (options_.threads == 0 && !work_inline(begin + wait_ns)) return std::nullopt;
  MutexLock lock(mutex_);
  while (true) {
    throw_if_failed();
    if (is_closed_ || (active_.empty() && waiting_.empty())) return std::nullopt;
    if (!active_.empty() && active_.front()->is_ready) break;
    const int64_t left = begin + wait_ns - wall_ns();
    if (left <= 0) {
      consumer_wait_ns_ += wall_ns() - begin;
      return std::nullopt;
    }
    done_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  const int64_t now = wall_ns();
  consumer_wait_ns_ += now - begin;
  trace_.add({EventKind::kTake, 0, active_.front()->number(), begin, now});
  return take_front();
}

int64_t Run::State::pending() const {
  MutexLock lock(mutex_);
  return static_cast<int64_t>(waiting_.size() + active_.size());
}

void Run::State::close() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    is_closed_ = true;
    is_cancelled_ = true;
    threads.swap(threads_);
    ready_.notify_all();
    unparked_.notify_all();
    done_.notify_all();
  }
  if (options_.islands != nullptr) options_.islands->close();
  fetcher_->stop();
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(mutex_);
  heap_.clear();
  waiting_.clear();
  for (const WorkPointer& work : active_) {
    if (!work->is_tentative) taken_sums_.add(work->sums);
  }
  active_.clear();
}

}  // namespace stoker
