// One batch in flight.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <vector>

#include "stoker/base/mutex.h"
#include "stoker/batch/buffer.h"
#include "stoker/run/counters.h"
#include "stoker/run/pipeline.h"
#include "stoker/run/run.h"

namespace stoker {

// Its places are filled by many threads, each place by one; what they share is the dense buffers.
class BatchWork {
 public:
  BatchWork(int64_t number, uint32_t epoch, std::vector<int64_t> indices, std::vector<uint16_t> occurrences,
            const Source& source);

  int64_t number() const { return number_; }
  uint32_t epoch() const { return epoch_; }
  int count() const { return count_; }  // as submitted
  int64_t index(int position) const { return indices_[static_cast<size_t>(position)]; }
  uint16_t occurrence(int position) const { return occurrences_[static_cast<size_t>(position)]; }

  // Written by the thread that holds the place: the index that stands there after a replacement.
  void replace(int position, int64_t index) { indices_[static_cast<size_t>(position)] = index; }
  void fail(int position, SampleError error);

  // Memory for one field of the sample at `position`. False when a dense batch already has another shape.
  bool slot(int position, size_t field, const ImageShape& shape, Layout layout, Shapes shapes,
            BufferProvider& provider, void** memory);
  // Memory for one field of all samples, which are of one shape; instead of slot().
  uint8_t* dense(size_t field, const ImageShape& shape, Layout layout, BufferProvider& provider);
  // Rows of a ragged column of the sample at `position`.
  void set_rows(int position, size_t column, std::vector<double> values, std::vector<int64_t> rows,
                bool is_double);

  // By the thread that finished the last place: closes gaps, gathers the columns.
  Batch finish(const Source& source, OnError on_error, BufferProvider& provider);
  // Bad samples that the policy does not accept; after finish().
  const std::vector<SampleError>& rejected() const { return rejected_; }

  // Guarded by the run's mutex.
  bool is_tentative = false;  // it may be dropped yet, see Run::submit
  BatchSums sums;
  std::vector<SampleError> bad;  // of a tentative batch, not yet reported
  std::exception_ptr giving_up;  // of a tentative batch: what ends the run if it is kept
  int next_to_fetch = 0;
  int unfinished = 0;
  bool is_ready = false;
  Batch batch;

 private:
  // One field of all places.
  struct Places {
    std::vector<ImageShape> shapes;
    std::vector<ListedImage> list;
    Layout layout = Layout::kChw;
    Buffer dense;
    ImageShape dense_shape;
  };
  struct Rows {
    std::vector<double> values;
    std::vector<int64_t> rows;
    bool is_double = false;
  };

  void reject_conflicts(const Source& source);
  void close_gaps();
  std::vector<RaggedValues> gather_rows(const Source& source) const;

  const int64_t number_;
  const uint32_t epoch_;
  const int count_;
  std::vector<int64_t> indices_;
  std::vector<uint16_t> occurrences_;
  std::vector<Failure> failures_;          // empty until one fails; its size is guarded by mutex_
  std::vector<std::vector<Rows>> ragged_;  // by column, then position
  std::vector<SampleError> rejected_;
  std::atomic<bool> has_conflict_{false};
  Mutex mutex_;
  std::vector<Places> fields_ STOKER_GUARDED_BY(mutex_);
};

}  // namespace stoker
