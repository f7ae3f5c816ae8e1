#include "stoker/run/measurement.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <thread>

#include "stoker/base/clock.h"
#include "stoker/base/mutex.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/run/mask_reader.h"
#include "stoker/run/pipeline.h"
#include "stoker/run/policy.h"

namespace stoker {
namespace {

// Samples whose sums are added up before they join the others. Blocks join in their order, so that float sums
// too are the same for any number of threads. Small, so that all threads end together; of 16-bit values
// larger, because their histograms are large.
int64_t block_samples(DType dtype) { return dtype == DType::kUint16 || dtype == DType::kInt16 ? 64 : 16; }

// Finished blocks that may wait for one that is stuck, for each thread: they hold histograms.
constexpr int64_t kWaitingBlocksPerThread = 4;

class SumSink : public SampleSink {
 public:
  // `mask`, if not null, is of the sample that comes next.
  SumSink(Accumulator& sums, const ConstImage* mask) : sums_(sums), mask_(mask) {}

  Failure take(size_t, const ConstImage& pixels, const Store& store) override {
    // Mirrored or not, the sums are the same; a table or a cast changes the values.
    if (mask_ != nullptr && (mask_->height() != pixels.height() || mask_->width() != pixels.width()))
      return other_size(pixels.shape);
    if (store.table == nullptr && store.dtype == pixels.shape.dtype) {
      sums_.add(pixels, mask_);
      return std::nullopt;
    }
    Store as_image = store;
    as_image.layout = Layout::kHwc;
    ImageShape shape = pixels.shape;
    shape.dtype = store.dtype;
    const Image image = packed_image(memory_.reserve(shape.bytes()), shape);
    store_image(as_image, pixels, image.data);
    sums_.add(image, mask_);
    return std::nullopt;
  }

 private:
  Failure other_size(const ImageShape& image) const {
    SampleError error;
    error.code = SampleErrorCode::kShape;
    error.step = "mask";
    error.found = "the mask is " + std::to_string(mask_->height()) + " x " + std::to_string(mask_->width()) +
                  " pixels, the image " + std::to_string(image.height) + " x " + std::to_string(image.width);
    error.hint = "give a mask of the image's height and width";
    return error;
  }

  Accumulator& sums_;
  const ConstImage* const mask_;
  ScratchBuffer memory_;
};

}  // namespace

class Measurement::State {
 public:
  State(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
        const MeasurementOptions& options)
      : source_(std::move(source)),
        plan_(std::move(plan)),
        options_(options),
        block_samples_(block_samples(plan_->dtype())),
        fetcher_(make_file_fetcher(1)),
        bad_(options.skips_bad ? OnError::kSkip : OnError::kRaise, 1e18, options.end - options.begin,
             source_->root()),
        next_(options.begin + options.done),
        sums_(options.before.value_or(Accumulator(options.sums))),
        joined_(options.done) {}

  int64_t advance(int64_t wait_ns);
  void close();
  MeasurementSnapshot snapshot() const {
    MutexLock lock(mutex_);
    return {joined_, sums_};
  }
  std::vector<SampleError> bad_samples() const { return bad_.all(); }

 private:
  class Worker;

  void start();
  void serve();
  std::optional<int64_t> next_block();
  void join_block(int64_t begin, Accumulator sums);

  const std::shared_ptr<const Source> source_;
  const std::shared_ptr<const Plan> plan_;
  const MeasurementOptions options_;
  const int64_t block_samples_;
  const std::unique_ptr<Fetcher> fetcher_;
  BadSampleLog bad_;
  std::atomic<bool> is_cancelled_{false};

  Mutex threads_mutex_;
  std::vector<std::thread> threads_ STOKER_GUARDED_BY(threads_mutex_);

  mutable Mutex mutex_;
  Condition progress_;
  Condition room_;                          // fewer blocks wait
  int64_t next_ STOKER_GUARDED_BY(mutex_);  // sample where the next block begins
  Accumulator sums_ STOKER_GUARDED_BY(mutex_);
  std::map<int64_t, Accumulator> waiting_ STOKER_GUARDED_BY(mutex_);  // blocks that came before their turn
  int64_t joined_ STOKER_GUARDED_BY(mutex_);                          // samples in sums_
  std::exception_ptr failure_ STOKER_GUARDED_BY(mutex_);
};

// What one thread keeps from sample to sample.
class Measurement::State::Worker {
 public:
  explicit Worker(State& state)
      : state_(state), pipeline_(*state.plan_, *state.source_, &state.is_cancelled_) {
    if (state.options_.masks != nullptr)
      masks_.emplace(*state.options_.masks, *state.fetcher_, &state.is_cancelled_);
  }

  // The sums of the block that begins at sample `begin`; not of all of it once the run is cancelled.
  Accumulator measure_block(int64_t begin);

 private:
  Failure measure(int64_t index, Accumulator& sums);

  State& state_;
  Pipeline pipeline_;
  std::optional<MaskReader> masks_;
  StepCounters counters_;
};

Accumulator Measurement::State::Worker::measure_block(int64_t begin) {
  Accumulator sums(state_.options_.sums);
  const int64_t end = std::min(begin + state_.block_samples_, state_.options_.end);
  for (int64_t index = begin; index < end && !state_.is_cancelled_; ++index) {
    Failure failure = measure(index, sums);
    if (!failure || state_.is_cancelled_) continue;
    failure->index = index;
    failure->epoch = 0;
    if (failure->path.empty()) failure->path = state_.source_->path(index);
    state_.bad_.add(*failure);
    if (!state_.options_.skips_bad) throw rejected_batch({*failure});
  }
  return sums;
}

Failure Measurement::State::Worker::measure(int64_t index, Accumulator& sums) {
  ConstImage mask;
  if (masks_) {
    if (Failure failure = masks_->read(index, &mask)) return failure;
  }
  const FetchRequest request = state_.source_->request(index, 0, 0);
  FetchResult fetched = state_.fetcher_->fetch(request);
  if (fetched.failure) return std::move(fetched.failure);
  Sample sample;
  sample.index = index;
  sample.parts.push_back({std::move(fetched.bytes), request.raw_shape});
  SumSink sink(sums, masks_ ? &mask : nullptr);
  Failure failure =
      pipeline_.run(sample, SampleKey{0, 0, static_cast<uint64_t>(index), 0, 0}, sink, counters_);
  state_.fetcher_->recycle(std::move(sample.parts[0].bytes));
  return failure;
}

int64_t Measurement::State::advance(int64_t wait_ns) {
  const int64_t until = wall_ns() + wait_ns;
  const int64_t all = options_.end - options_.begin;
  start();
  MutexLock lock(mutex_);
  while (failure_ == nullptr && joined_ < all && !is_cancelled_) {
    const int64_t left = until - wall_ns();
    if (left <= 0) break;
    progress_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  if (is_cancelled_ && joined_ < all) throw ArgumentError("statistics: the measurement is closed.");
  return joined_;
}

void Measurement::State::start() {
  MutexLock lock(threads_mutex_);
  if (!threads_.empty() || is_cancelled_) return;
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve(); });
}

void Measurement::State::serve() {
  try {
    Worker worker(*this);
    while (const std::optional<int64_t> begin = next_block()) {
      Accumulator sums = worker.measure_block(*begin);
      if (!is_cancelled_) join_block(*begin, std::move(sums));
    }
  } catch (...) {
    MutexLock lock(mutex_);
    if (failure_ == nullptr) failure_ = std::current_exception();
    is_cancelled_ = true;
    room_.notify_all();
    progress_.notify_all();
  }
}

// Waits while too many blocks wait. The thread with the oldest block is never here, so there is an end to it.
std::optional<int64_t> Measurement::State::next_block() {
  const int64_t most = kWaitingBlocksPerThread * options_.threads * block_samples_;
  MutexLock lock(mutex_);
  while (!is_cancelled_ && next_ - options_.begin - joined_ >= most) room_.wait(mutex_);
  if (is_cancelled_ || next_ >= options_.end) return std::nullopt;
  const int64_t begin = next_;
  next_ = std::min(begin + block_samples_, options_.end);
  return begin;
}

void Measurement::State::join_block(int64_t begin, Accumulator sums) {
  MutexLock lock(mutex_);
  waiting_.emplace(begin, std::move(sums));
  while (!waiting_.empty() && waiting_.begin()->first == options_.begin + joined_) {
    sums_.merge(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    joined_ = std::min(joined_ + block_samples_, options_.end - options_.begin);
  }
  room_.notify_all();
  progress_.notify_all();
}

void Measurement::State::close() {
  {
    MutexLock lock(mutex_);
    is_cancelled_ = true;
    room_.notify_all();
    progress_.notify_all();
  }
  MutexLock lock(threads_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

namespace {

void check_masks(const Source& masks, int64_t size, const Plan& plan) {
  if (!masks.has_image() || masks.size().value_or(0) != size) {
    throw ArgumentError("statistics: there are " + std::to_string(masks.size().value_or(0)) + " masks for " +
                        std::to_string(size) + " samples; give one a sample.");
  }
  for (const NamedOperator* named : plan.operators()) {
    if (!named->op->moves_pixels()) continue;
    throw ArgumentError("statistics: masks go with operators that leave every pixel in its place, got " +
                        describe(*named) +
                        "; leave it out, or write images and masks of the new size first.");
  }
  if (plan.options().decode.apply_exif_orientation) {
    throw ArgumentError(
        "statistics: masks go with exif='ignore', because a mask is not turned with its image.");
  }
}

void check_before(const MeasurementOptions& options, int64_t block) {
  const int64_t all = options.end - options.begin;
  const bool is_known = options.done >= 0 && options.done <= all &&
                        (options.done % block == 0 || options.done == all) &&
                        options.before.has_value() == (options.done > 0);
  if (is_known) return;
  throw ArgumentError("statistics: 'done' is " + std::to_string(options.done) +
                      ", allowed with the sums to go on from are multiples of " + std::to_string(block) +
                      " up to all " + std::to_string(all) + " samples.");
}

}  // namespace

Measurement::Measurement(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
                         const MeasurementOptions& options) {
  const int64_t size = source->size().value_or(0);
  if (!source->has_image()) throw ArgumentError("statistics: the source has no images.");
  if (options.threads < 1 || options.threads > 1024) {
    throw ArgumentError("statistics: threads must be 1 to 1024, got " + std::to_string(options.threads) +
                        ".");
  }
  if (options.begin < 0 || options.end > size || options.begin >= options.end) {
    throw ArgumentError("statistics: samples [" + std::to_string(options.begin) + ", " +
                        std::to_string(options.end) + ") are not within the " + std::to_string(size) +
                        " of the source, or none.");
  }
  check_before(options, block_samples(plan->dtype()));
  if (options.masks != nullptr) check_masks(*options.masks, size, *plan);
  state_ = std::make_unique<State>(std::move(source), std::move(plan), options);
}

Measurement::~Measurement() { state_->close(); }

int64_t Measurement::advance(int64_t wait_ns) { return state_->advance(wait_ns); }
MeasurementSnapshot Measurement::snapshot() const { return state_->snapshot(); }
std::vector<SampleError> Measurement::bad_samples() const { return state_->bad_samples(); }
void Measurement::close() { state_->close(); }

}  // namespace stoker
