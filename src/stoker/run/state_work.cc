// What a thread does with one sample, or with a batch that is one piece of work.
#include <cstring>
#include <utility>

#include "stoker/base/clock.h"
#include "stoker/run/state.h"

namespace stoker {
namespace {

constexpr int kMaxSubstitutes = 100;

}  // namespace

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
    const bool is_double = !boxes.empty() && !boxes[0].is_single;
    work_.set_rows(position_, column, std::move(values), std::move(rows), is_double);
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
    const bool is_double = !keypoints.empty() && !keypoints[0].is_single;
    work_.set_rows(position_, column, std::move(values), std::move(rows), is_double);
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
  store_images(work, counters);
  counters.clock.add(kStoreStep, thread_cpu_ns() - begin, work.count());
}

void Run::State::store_images(BatchWork& work, StepCounters& counters) {
  for (size_t field = 0; field < source_->fields().size(); ++field) {
    const PackedImages images = *source_->packed_images(field);
    const bool is_mask = source_->fields()[field].kind == FieldKind::kMask;
    Store store;
    store.layout = is_mask && images.shape.channels == 1 ? Layout::kHwc : plan_->options().layout;
    store.dtype = is_mask ? images.shape.dtype : plan_->dtype();
    ImageShape shape = images.shape;
    shape.dtype = store.dtype;
    uint8_t* slot = work.dense(field, shape, store.layout, *images_);
    const size_t bytes = images.shape.bytes();
    const bool is_as_stored =
        store.dtype == images.shape.dtype &&
        (store.layout == Layout::kHwc || shape.channels == 1 || (shape.height == 1 && shape.width == 1));
    for (int position = 0; position < work.count(); ++position, slot += shape.bytes()) {
      const uint8_t* pixels = images.data + static_cast<size_t>(work.index(position)) * bytes;
      if (is_as_stored) {
        std::memcpy(slot, pixels, bytes);
      } else {
        store_image(store, packed_image(static_cast<const void*>(pixels), images.shape), slot);
      }
    }
    counters.bytes_decoded.add(static_cast<int64_t>(images.shape.bytes()) * work.count());
  }
  counters.samples.add(work.count());
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

// Works on the oldest batch on the calling thread. False when the time was over first.
bool Run::State::work_inline(int64_t until_ns) {
  MutexLock one_at_a_time(inline_mutex_);
  if (inline_pipeline_ == nullptr)
    inline_pipeline_ = std::make_unique<Pipeline>(*plan_, *source_, &is_cancelled_, options_.islands.get());
  ThreadCounters& counters = thread_counters_.back();
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

}  // namespace stoker
