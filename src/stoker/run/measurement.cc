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

// Finished blocks that may wait for one that is stuck, for each thread: they hold histograms.
constexpr int64_t kWaitingBlocksPerThread = 4;

// A pixel counts when any of its bytes is not 0, which for integers of any size means any value.
void fill_flags(const ConstImage& mask, const Store& store, const Image& flags) {
  const size_t pixel_bytes = mask.shape.pixel_bytes();
  for (int y = 0; y < mask.height(); ++y) {
    const uint8_t* row = mask.row<uint8_t>(store.flip_vertical ? mask.height() - 1 - y : y);
    uint8_t* flag = flags.row<uint8_t>(y);
    for (int x = 0; x < mask.width(); ++x) {
      const int from = store.flip_horizontal ? mask.width() - 1 - x : x;
      const uint8_t* pixel = row + static_cast<size_t>(from) * pixel_bytes;
      flag[x] = std::any_of(pixel, pixel + pixel_bytes, [](uint8_t each) { return each != 0; }) ? 1 : 0;
    }
  }
}

// Sums up the images that come to it, or those of their pixels that the mask behind each of them marks.
class SumSink : public SampleSink {
 public:
  SumSink(Accumulator& sums, bool has_mask) : sums_(sums), has_mask_(has_mask) {}

  Failure take(size_t field, const ConstImage& pixels, const Store& store) override {
    if (field > 0) return take_mask(pixels, store);
    took_image_ = true;
    // Mirrored or not, the sums are the same; a table or a cast changes the values.
    if (!has_mask_ && store.table == nullptr && store.dtype == pixels.shape.dtype) {
      sums_.add(pixels, nullptr);
      return std::nullopt;
    }
    Store as_image = store;
    as_image.layout = Layout::kHwc;
    ImageShape shape = pixels.shape;
    shape.dtype = store.dtype;
    image_ = packed_image(image_memory_.reserve(shape.bytes()), shape);
    store_image(as_image, pixels, image_.data);
    if (!has_mask_) sums_.add(image_, nullptr);
    return std::nullopt;
  }

  void begin_sample() { took_image_ = false; }
  // Whether what fails now is the mask.
  bool took_image() const { return took_image_; }

 private:
  Failure take_mask(const ConstImage& mask, const Store& store) {
    const DType dtype = mask.shape.dtype;
    const bool is_float = dtype == DType::kFloat16 || dtype == DType::kBfloat16 || dtype == DType::kFloat32 ||
                          dtype == DType::kFloat64;
    if (is_float || (mask.channels() != 1 && mask.channels() != 3)) {
      return SampleError{.code = SampleErrorCode::kUnsupported,
                         .step = "mask",
                         .found = "the mask is " + std::string(name_of(dtype)) + " of " +
                                  std::to_string(mask.channels()) +
                                  " channels, allowed are integers of 1 or 3",
                         .hint = "write it without alpha, as integers"};
    }
    const ImageShape shape{mask.height(), mask.width(), 1, DType::kUint8};
    const Image flags = packed_image(flags_memory_.reserve(shape.bytes()), shape);
    fill_flags(mask, store, flags);
    const ConstImage flagged = flags;
    sums_.add(image_, &flagged);
    return std::nullopt;
  }

  Accumulator& sums_;
  const bool has_mask_;
  bool took_image_ = false;
  Image image_;
  ScratchBuffer image_memory_;
  ScratchBuffer flags_memory_;
};

// Images, and behind each its mask out of another source.
class MaskedSource : public Source {
 public:
  MaskedSource(std::shared_ptr<const Source> images, std::shared_ptr<const Source> masks)
      : images_(std::move(images)), masks_(std::move(masks)) {}

  std::optional<int64_t> size() const override { return images_->size(); }
  const std::vector<Field>& fields() const override { return fields_; }
  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override {
    return (field == 0 ? images_ : masks_)->request(index, 0, epoch);
  }
  std::string path(int64_t index) const override { return images_->path(index); }
  std::string mask_path(int64_t index) const { return masks_->path(index); }
  std::optional<ImageShape> image_shape() const override { return images_->image_shape(); }
  int operators_done() const override { return images_->operators_done(); }
  std::string root() const override { return images_->root(); }

 private:
  const std::shared_ptr<const Source> images_;
  const std::shared_ptr<const Source> masks_;
  const std::vector<Field> fields_ = {{"image", FieldKind::kImage}, {"mask", FieldKind::kMask}};
};

}  // namespace

class Measurement::State {
 public:
  State(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
        const MeasurementOptions& options)
      : masked_(options.masks == nullptr ? nullptr : std::make_shared<MaskedSource>(source, options.masks)),
        source_(masked_ == nullptr ? std::move(source) : masked_),
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

  const std::shared_ptr<const MaskedSource> masked_;  // null: every pixel counts
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
      : state_(state),
        pipeline_(*state.plan_, *state.source_, &state.is_cancelled_),
        counters_(state.plan_->operators().size()) {}

  // The sums of the block that begins at sample `begin`; not of all of it once the run is cancelled.
  Accumulator measure_block(int64_t begin);

 private:
  Failure measure(int64_t index, SumSink& sink);

  State& state_;
  Pipeline pipeline_;
  StepCounters counters_;
};

Accumulator Measurement::State::Worker::measure_block(int64_t begin) {
  Accumulator sums(state_.options_.sums);
  SumSink sink(sums, state_.masked_ != nullptr);
  const int64_t end = std::min(begin + state_.block_samples_, state_.options_.end);
  for (int64_t index = begin; index < end && !state_.is_cancelled_; ++index) {
    Failure failure = measure(index, sink);
    if (!failure || state_.is_cancelled_) continue;
    failure->index = index;
    failure->epoch = 0;
    if (failure->path.empty()) failure->path = state_.source_->path(index);
    state_.bad_.add(*failure);
    if (!state_.options_.skips_bad) throw rejected_batch({*failure});
  }
  return sums;
}

Failure Measurement::State::Worker::measure(int64_t index, SumSink& sink) {
  const size_t fields = state_.masked_ != nullptr ? 2 : 1;
  Sample sample;
  sample.index = index;
  Failure failure;
  for (size_t field = 0; field < fields && !failure; ++field) {
    const FetchRequest request = state_.source_->request(index, field, 0);
    FetchResult fetched = state_.fetcher_->fetch(request);
    sample.parts.push_back({std::move(fetched.bytes), request.raw_shape});
    failure = std::move(fetched.failure);
    if (failure && field > 0) failure->path = state_.masked_->mask_path(index);
  }
  if (!failure) {
    sink.begin_sample();
    failure = pipeline_.run(sample, SampleKey{0, 0, static_cast<uint64_t>(index), 0, 0}, sink, counters_);
    if (failure && sink.took_image() && state_.masked_ != nullptr)
      failure->path = state_.masked_->mask_path(index);
  }
  for (SamplePart& part : sample.parts) state_.fetcher_->recycle(std::move(part.bytes));
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
