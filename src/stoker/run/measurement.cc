#include "stoker/run/measurement.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <thread>

#include "stoker/base/clock.h"
#include "stoker/base/mutex.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/run/pipeline.h"
#include "stoker/run/policy.h"

namespace stoker {
namespace {

// Samples whose sums are added up before they join the others. Blocks join in their order, so that float sums
// too are the same for any number of threads. Small, so that all threads end together; of 16-bit values
// larger, because their histograms are large.
int64_t block_samples(DType dtype) { return dtype == DType::kUint16 || dtype == DType::kInt16 ? 64 : 16; }

class SumSink : public SampleSink {
 public:
  explicit SumSink(Accumulator& sums) : sums_(sums) {}

  Failure take(const ConstImage& pixels, const Store& store) override {
    // Mirrored or not, the sums are the same; a table or a cast changes the values.
    if (store.table == nullptr && store.dtype == pixels.shape.dtype) {
      sums_.add(pixels, nullptr);
      return std::nullopt;
    }
    Store as_image = store;
    as_image.layout = Layout::kHwc;
    ImageShape shape = pixels.shape;
    shape.dtype = store.dtype;
    const Image image = packed_image(memory_.reserve(shape.bytes()), shape);
    store_image(as_image, pixels, image.data);
    sums_.add(image, nullptr);
    return std::nullopt;
  }

 private:
  Accumulator& sums_;
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
        next_(options.begin),
        sums_(options.sums) {}

  int64_t advance(int64_t wait_ns);
  void close();
  Accumulator sums() const {
    MutexLock lock(mutex_);
    return sums_;
  }
  std::vector<SampleError> bad_samples() const { return bad_.all(); }

 private:
  void serve();
  Accumulator measure_block(int64_t begin, Pipeline& pipeline, StepCounters& counters);
  void join_block(int64_t begin, Accumulator sums);

  const std::shared_ptr<const Source> source_;
  const std::shared_ptr<const Plan> plan_;
  const MeasurementOptions options_;
  const int64_t block_samples_;
  const std::unique_ptr<Fetcher> fetcher_;
  BadSampleLog bad_;
  std::atomic<int64_t> next_;
  std::atomic<bool> is_cancelled_{false};
  std::vector<std::thread> threads_;

  mutable Mutex mutex_;
  Condition progress_;
  Accumulator sums_ STOKER_GUARDED_BY(mutex_);
  std::map<int64_t, Accumulator> waiting_ STOKER_GUARDED_BY(mutex_);  // blocks that came before their turn
  int64_t joined_ STOKER_GUARDED_BY(mutex_) = 0;                      // samples in sums_
  std::exception_ptr failure_ STOKER_GUARDED_BY(mutex_);
};

int64_t Measurement::State::advance(int64_t wait_ns) {
  const int64_t until = wall_ns() + wait_ns;
  const int64_t all = options_.end - options_.begin;
  if (threads_.empty()) {
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  MutexLock lock(mutex_);
  while (failure_ == nullptr && joined_ < all) {
    const int64_t left = until - wall_ns();
    if (left <= 0) break;
    progress_.wait_for(mutex_, std::chrono::nanoseconds(left));
  }
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  if (is_cancelled_ && joined_ < all) throw ArgumentError("statistics: the measurement is closed.");
  return joined_;
}

void Measurement::State::serve() {
  try {
    Pipeline pipeline(*plan_, &is_cancelled_);
    StepCounters counters;
    while (!is_cancelled_) {
      const int64_t begin = next_.fetch_add(block_samples_);
      if (begin >= options_.end) return;
      Accumulator sums = measure_block(begin, pipeline, counters);
      if (!is_cancelled_) join_block(begin, std::move(sums));
    }
  } catch (...) {
    MutexLock lock(mutex_);
    if (failure_ == nullptr) failure_ = std::current_exception();
    is_cancelled_ = true;
    progress_.notify_all();
  }
}

Accumulator Measurement::State::measure_block(int64_t begin, Pipeline& pipeline, StepCounters& counters) {
  Accumulator sums(options_.sums);
  SumSink sink(sums);
  const int64_t end = std::min(begin + block_samples_, options_.end);
  for (int64_t index = begin; index < end && !is_cancelled_; ++index) {
    const FetchRequest request = source_->request(index);
    FetchResult fetched = fetcher_->fetch(request);
    Sample sample;
    sample.index = index;
    sample.raw_shape = request.raw_shape;
    sample.bytes = std::move(fetched.bytes);
    Failure failure = std::move(fetched.failure);
    if (!failure)
      failure = pipeline.run(sample, SampleKey{0, 0, static_cast<uint64_t>(index), 0, 0}, sink, counters);
    fetcher_->recycle(std::move(sample.bytes));
    if (!failure || is_cancelled_) continue;
    failure->index = index;
    failure->epoch = 0;
    failure->path = source_->path(index);
    bad_.add(*failure);
    if (!options_.skips_bad) throw rejected_batch({*failure});
  }
  return sums;
}

void Measurement::State::join_block(int64_t begin, Accumulator sums) {
  MutexLock lock(mutex_);
  waiting_.emplace(begin, std::move(sums));
  while (!waiting_.empty() && waiting_.begin()->first == options_.begin + joined_) {
    sums_.merge(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    joined_ = std::min(joined_ + block_samples_, options_.end - options_.begin);
  }
  progress_.notify_all();
}

void Measurement::State::close() {
  is_cancelled_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

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
  state_ = std::make_unique<State>(std::move(source), std::move(plan), options);
}

Measurement::~Measurement() { state_->close(); }

int64_t Measurement::advance(int64_t wait_ns) { return state_->advance(wait_ns); }
Accumulator Measurement::sums() const { return state_->sums(); }
std::vector<SampleError> Measurement::bad_samples() const { return state_->bad_samples(); }
void Measurement::close() { state_->close(); }

}  // namespace stoker
