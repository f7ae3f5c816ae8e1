#include "stoker/run/state.h"

#include <system_error>
#include <utility>

#include "stoker/base/clock.h"
#include "stoker/base/priority.h"
#include "stoker/base/thread_name.h"
#include "stoker/run/cores.h"

namespace stoker {
namespace {

constexpr int kMaxSubstitutes = 100;
constexpr int kMaxReadAheadSamples = 256;

// Above this, the work on a sample by itself outweighs what it costs to hand it to a thread.
constexpr size_t kMaxWholeBatchSampleBytes = size_t{16} << 10;

// What a thread has counted of its steps so far.
BatchSums reading_of(const StepCounters& counters) {
  BatchSums sums;
  sums.decode_ns = counters.clock.cpu_ns(kDecodeStep);
  sums.store_ns = counters.clock.cpu_ns(kStoreStep);
  sums.transform_ns = counters.clock.all_cpu_ns() - sums.decode_ns - sums.store_ns;
  sums.timed_samples = counters.clock.timed_samples();
  sums.samples = counters.samples.get();
  for (size_t route = 0; route < sums.decoded.size(); ++route)
    sums.decoded[route] = counters.decoded[route].get();
  return sums;
}

BatchSums counted_since(const BatchSums& before, const StepCounters& counters) {
  BatchSums took = reading_of(counters);
  took.decode_ns -= before.decode_ns;
  took.transform_ns -= before.transform_ns;
  took.store_ns -= before.store_ns;
  took.timed_samples -= before.timed_samples;
  took.samples -= before.samples;
  for (size_t route = 0; route < took.decoded.size(); ++route) took.decoded[route] -= before.decoded[route];
  return took;
}

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

// The place of one sample in its batch.
class Run::State::Slot : public SampleSink {
 public:
  Slot(const Plan& plan, BatchWork& work, int position, Shapes shapes, BufferProvider& provider)
      : plan_(plan), work_(work), position_(position), shapes_(shapes), provider_(provider) {}

  Failure take(size_t field, const ConstImage& pixels, const Store& store) override {
    if (field == 0) {
      height_ = pixels.height();
      width_ = pixels.width();
    }
    ImageShape shape = pixels.shape;
    shape.dtype = store.dtype;
    void* memory = nullptr;
    if (work_.slot(position_, field, shape, store.layout, shapes_, provider_, &memory)) {
      store_image(store, pixels, memory);
      return std::nullopt;
    }
    is_conflict = true;
    SampleError error;
    error.code = SampleErrorCode::kShape;
    error.step = "batch";
    return error;
  }

  void take_boxes(size_t column, const std::vector<Box>& boxes) override {
    std::vector<double> values;
    std::vector<int64_t> rows;
    for (const Box& box : boxes) {
      const BoxNumbers each = numbers_of(plan_.row_formats()[column].boxes, box, height_, width_);
      values.insert(values.end(), std::begin(each.values), std::end(each.values));
      rows.push_back(box.row);
    }
    work_.set_rows(position_, column, std::move(values), std::move(rows));
  }

  void take_keypoints(size_t column, const std::vector<Keypoint>& keypoints) override {
    std::vector<double> values;
    std::vector<int64_t> rows;
    for (const Keypoint& point : keypoints) {
      const std::vector<double> each =
          numbers_of(plan_.row_formats()[column].keypoints, point, plan_.options().angle_in_degrees);
      values.insert(values.end(), each.begin(), each.end());
      rows.push_back(point.row);
    }
    work_.set_rows(position_, column, std::move(values), std::move(rows));
  }

  bool is_conflict = false;

 private:
  const Plan& plan_;
  int height_ = 0;  // of the finished image
  int width_ = 0;
  BatchWork& work_;
  const int position_;
  const Shapes shapes_;
  BufferProvider& provider_;
};

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

void Run::State::start_threads() {
  if (options_.threads == 0 || !threads_.empty()) return;
  for (size_t i = 0; i < static_cast<size_t>(options_.threads); ++i) {
    try {
      threads_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error& error) {
      if (!threads_.empty()) return;  // fewer will do
      throw IoError(std::string("loader: cannot start a thread: ") + error.what() +
                    "; raise the limit (ulimit -u) or use threads=0.");
    }
  }
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

std::optional<Sample> Run::State::wait_for_sample(size_t thread, const RunEvent& last_work,
                                                  WorkPointer* work) {
  const int64_t begin = wall_ns();
  ThreadCounters& counters = thread_counters_[thread];
  std::optional<Sample> sample;
  MutexLock lock(mutex_);
  if (last_work.end_ns > 0) trace_.add(last_work);
  begin_wait(counters, is_full() ? Wait::kBlocked : Wait::kStarved, begin);
  // Whoever leaves ready_ to be parked was woken together with all others, so no sample is forgotten.
  while (!is_closed_) {
    if (static_cast<int>(thread) >= active_threads_) {
      end_wait(thread);
      begin_wait(counters, Wait::kParked, wall_ns());
      unparked_.wait(mutex_);
      end_wait(thread);
      begin_wait(counters, is_full() ? Wait::kBlocked : Wait::kStarved, wall_ns());
    } else if (heap_.empty()) {
      ready_.wait(mutex_);
    } else {
      break;
    }
  }
  if (!is_closed_) {
    sample = pop_ready();
    *work = find_work(sample->batch);
    STOKER_CHECK(*work != nullptr);  // dropping a batch empties the heap of it
    read_ahead();
    if (is_full()) settle_waits();
  }
  end_wait(thread);
  return sample;
}

void Run::State::begin_wait(ThreadCounters& counters, Wait wait, int64_t now_ns) {
  counters.waiting_since_ns = now_ns;
  counters.wait = wait;
}

void Run::State::end_wait(size_t thread) {
  settle(thread, wall_ns());
  thread_counters_[thread].waiting_since_ns = 0;
}

void Run::State::settle(size_t thread, int64_t now_ns) {
  ThreadCounters& counters = thread_counters_[thread];
  const EventKind kind = counters.wait == Wait::kStarved   ? EventKind::kStarved
                         : counters.wait == Wait::kBlocked ? EventKind::kBlocked
                                                           : EventKind::kParked;
  trace_.add({kind, static_cast<int>(thread), -1, counters.waiting_since_ns, now_ns});
  counters.settle(now_ns);
}

void Run::State::set_active_threads(int count) {
  if (count < 1 || count > options_.threads) {
    throw ArgumentError("active threads must be from 1 to " + std::to_string(options_.threads) +
                        ", the threads of the loader, got " + std::to_string(count) + ".");
  }
  if (options_.shares_cores) process_budget().resize(count);
  MutexLock lock(mutex_);
  active_threads_ = count;
  ready_.notify_all();
  unparked_.notify_all();
}

// Every sample that may be begun is at a thread: the reader of the batches is what is slow.
bool Run::State::is_full() const {
  return heap_.empty() && fetching_ == 0 && static_cast<int>(active_.size()) >= options_.max_active_batches &&
         std::all_of(active_.begin(), active_.end(),
                     [](const WorkPointer& each) { return each->next_to_fetch == each->count(); });
}

// Threads that wait are not woken when the reason of their wait changes; the clock is read for them.
void Run::State::settle_waits() {
  const int64_t now = wall_ns();
  const Wait wait = is_full() ? Wait::kBlocked : Wait::kStarved;
  for (size_t thread = 0; thread < thread_counters_.size(); ++thread) {
    ThreadCounters& counters = thread_counters_[thread];
    if (counters.waiting_since_ns == 0 || counters.wait == Wait::kParked || counters.wait == wait) continue;
    settle(thread, now);
    counters.wait = wait;
  }
}

void Run::State::serve(size_t thread) {
  name_thread(kCpuThreadName);
  lower_thread_priority();
  ThreadCounters& counters = thread_counters_[thread];
  counters.begin();
  try {
    Pipeline pipeline(*plan_, *source_, &is_cancelled_);
    WorkPointer work;
    RunEvent event;
    event.thread = static_cast<int>(thread);
    while (std::optional<Sample> sample = wait_for_sample(thread, event, &work)) {
      event.batch = sample->batch;
      const int64_t asked = wall_ns();
      const CoreShare share(options_.shares_cores ? &process_budget() : nullptr);
      event.begin_ns = wall_ns();
      counters.blocked_ns.add(event.begin_ns - asked);
      try {
        take_through(std::move(*sample), work, pipeline, counters.steps);
      } catch (const BadSamples&) {
        give_up(work);
      }
      event.end_ns = wall_ns();
      counters.busy_ns.add(event.end_ns - event.begin_ns);
      work.reset();
    }
  } catch (...) {
    fail(std::current_exception());
  }
  counters.end();
}

void Run::State::take_through(Sample sample, const WorkPointer& work, Pipeline& pipeline,
                              StepCounters& counters) {
  const int position = sample.position;
  const BatchSums before = reading_of(counters);
  if (position < 0) {
    store_batch(*work, counters);
    return finish_place(work, counted_since(before, counters));
  }
  bool is_conflict = false;
  Failure failure = try_sample(sample, work, position, pipeline, counters, &is_conflict);
  if (failure && !is_conflict) {
    note_bad(*failure, work);
    if (options_.on_error != OnError::kReplace || !substitute(sample, *failure, work, pipeline, counters)) {
      work->fail(position, std::move(*failure));
    }
  }
  recycle(sample);
  finish_place(work, counted_since(before, counters));
}

Failure Run::State::try_sample(const Sample& sample, const WorkPointer& work, int position,
                               Pipeline& pipeline, StepCounters& counters, bool* is_conflict) {
  Failure failure = sample.failure;
  if (!failure) {
    Slot slot(*plan_, *work, position, options_.shapes, *images_);
    failure = pipeline.run(sample, key_of(sample, work->epoch()), slot, counters);
    *is_conflict = slot.is_conflict;
  }
  if (failure) {
    failure->index = sample.index;
    failure->epoch = work->epoch();
    failure->path = source_->path(sample.index);
  }
  return failure;
}

// Puts the next good sample in the place of a bad one: always the same one, whatever else happens.
bool Run::State::substitute(Sample& sample, const SampleError& error, const WorkPointer& work,
                            Pipeline& pipeline, StepCounters& counters) {
  const int position = sample.position;
  const int64_t bad_index = sample.index;
  const auto tries = static_cast<int>(std::min<int64_t>(kMaxSubstitutes, size_ - 1));
  for (int attempt = 1; attempt <= tries; ++attempt) {
    recycle(sample);
    sample.index = (bad_index + attempt) % size_;
    fetch_here(sample, work);
    bool is_conflict = false;
    Failure failure = try_sample(sample, work, position, pipeline, counters, &is_conflict);
    if (!failure || is_conflict) {
      work->replace(position, sample.index);
      MutexLock lock(mutex_);
      ++work->sums.replaced;
      return true;
    }
    note_bad(*failure, work);
  }
  throw BadSamples("on_error='replace': " + std::to_string(tries + 1) +
                       " samples in a row are bad; the first: " + error.message(),
                   {error});
}

// All images of a batch that nothing is done to. What Pipeline does with a sample of such a plan, it does
// here.
void Run::State::store_batch(BatchWork& work, StepCounters& counters) {
  if (!source_->has_image() || work.count() == 0) return;
  const int64_t begin = thread_cpu_ns();
  for (size_t field = 0; field < source_->fields().size(); ++field) {
    const PackedImages images = *source_->packed_images(field);
    const bool is_mask = source_->fields()[field].kind == FieldKind::kMask;
    Store store;
    store.layout = is_mask && images.shape.channels == 1 ? Layout::kHwc : plan_->options().layout;
    store.dtype = is_mask ? images.shape.dtype : plan_->dtype();
    ImageShape shape = images.shape;
    shape.dtype = store.dtype;
    uint8_t* slot = work.dense(field, shape, store.layout, *images_);
    for (int position = 0; position < work.count(); ++position, slot += shape.bytes()) {
      const uint8_t* pixels = images.data + static_cast<size_t>(work.index(position)) * images.shape.bytes();
      store_image(store, packed_image(static_cast<const void*>(pixels), images.shape), slot);
    }
    counters.bytes_decoded.add(static_cast<int64_t>(images.shape.bytes()) * work.count());
  }
  counters.samples.add(work.count());
  counters.clock.add(kStoreStep, thread_cpu_ns() - begin, work.count());
}

void Run::State::note_bad(const SampleError& error, const WorkPointer& work) {
  bad_.check_root(error);
  MutexLock lock(mutex_);
  ++work->sums.errors;
  if (work->is_tentative) {
    work->bad.push_back(error);
  } else {
    bad_.note(error);
  }
}

// Too many bad samples: the end of the run, unless the batch is one that may yet be dropped.
void Run::State::give_up(const WorkPointer& work) {
  MutexLock lock(mutex_);
  if (!work->is_tentative) throw;
  work->giving_up = std::current_exception();
}

void Run::State::finish_place(const WorkPointer& work, const BatchSums& took) {
  {
    MutexLock lock(mutex_);
    work->sums.add(took);
    if (--work->unfinished > 0) return;
  }
  Batch batch = work->finish(*source_, options_.on_error, *columns_);
  MutexLock lock(mutex_);
  if (options_.on_error == OnError::kSkip) {
    work->sums.skipped += work->count() - static_cast<int64_t>(batch.indices.size());
  }
  work->batch = std::move(batch);
  work->is_ready = true;
  done_.notify_all();
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

// Works on the oldest batch on the calling thread. False when the time was over first.
bool Run::State::work_inline(int64_t until_ns) {
  MutexLock one_at_a_time(inline_mutex_);
  if (inline_pipeline_ == nullptr)
    inline_pipeline_ = std::make_unique<Pipeline>(*plan_, *source_, &is_cancelled_);
  ThreadCounters& counters = thread_counters_[0];
  try {
    while (true) {
      WorkPointer work;
      Sample sample;
      {
        MutexLock lock(mutex_);
        throw_if_failed();
        if (is_closed_ || active_.empty() || active_.front()->is_ready) return true;
        work = active_.front();
        if (work->count() == 0 || stores_whole_batches_) {
          sample = pop_ready();
        } else {
          sample.batch = work->number();
          sample.position = work->next_to_fetch++;
          sample.index = work->index(sample.position);
          sample.occurrence = work->occurrence(sample.position);
        }
      }
      if (sample.position >= 0) fetch_here(sample, work);
      take_through(std::move(sample), work, *inline_pipeline_, counters.steps);
      if (wall_ns() >= until_ns) return false;
    }
  } catch (...) {
    fail(std::current_exception());
    throw;
  }
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
