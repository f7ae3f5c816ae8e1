#include "stoker/run/work.h"

#include <cstring>

namespace stoker {
namespace {

std::string text_of(const ImageShape& shape) {
  return std::to_string(shape.height) + " x " + std::to_string(shape.width) + " x " +
         std::to_string(shape.channels);
}

}  // namespace

BatchWork::BatchWork(int64_t number, uint32_t epoch, std::vector<int64_t> indices,
                     std::vector<uint16_t> occurrences)
    : number_(number),
      epoch_(epoch),
      count_(static_cast<int>(indices.size())),
      indices_(std::move(indices)),
      occurrences_(std::move(occurrences)),
      failures_(indices_.size()),
      shapes_(indices_.size()) {
  unfinished = count();
}

void BatchWork::fail(int position, SampleError error) {
  failures_[static_cast<size_t>(position)] = std::move(error);
}

bool BatchWork::slot(int position, const ImageShape& shape, Shapes shapes, BufferProvider& provider,
                     void** memory) {
  const auto at = static_cast<size_t>(position);
  shapes_[at] = shape;
  MutexLock lock(mutex_);
  if (shapes == Shapes::kList) {
    list_.resize(indices_.size());
    list_[at] = {provider.acquire(shape.bytes()), shape};
    *memory = list_[at].data.get();
    return true;
  }
  if (dense_ == nullptr) {
    dense_ = provider.acquire(shape.bytes() * indices_.size());
    dense_shape_ = shape;
  }
  if (dense_shape_ != shape) {
    has_conflict_ = true;
    return false;
  }
  *memory = dense_.get() + at * shape.bytes();
  return true;
}

// Which thread came first must not show: the first place by position that differs is named.
void BatchWork::reject_conflicts() {
  const ImageShape* first = nullptr;
  size_t first_at = 0;
  for (size_t at = 0; at < shapes_.size(); ++at) {
    if (shapes_[at].channels == 0) continue;
    if (first == nullptr) {
      first = &shapes_[at];
      first_at = at;
    } else if (shapes_[at] != *first) {
      SampleError error;
      error.code = SampleErrorCode::kShape;
      error.step = "batch";
      error.found = "it is " + text_of(shapes_[at]) + ", sample " + std::to_string(indices_[first_at]) +
                    " of the same batch is " + text_of(*first) + "; a batch in one array needs one shape";
      error.hint =
          "add resize((height, width)), random_resized_crop or center_crop, or take lists with shapes='list'";
      error.index = indices_[at];
      rejected_ = {std::move(error)};
      return;
    }
  }
}

void BatchWork::close_gaps() {
  size_t kept = 0;
  MutexLock lock(mutex_);
  for (size_t at = 0; at < indices_.size(); ++at) {
    if (failures_[at]) continue;
    if (kept != at) {
      indices_[kept] = indices_[at];
      if (!list_.empty()) list_[kept] = std::move(list_[at]);
      if (dense_ != nullptr) {
        const size_t bytes = dense_shape_.bytes();
        std::memcpy(dense_.get() + kept * bytes, dense_.get() + at * bytes, bytes);
      }
    }
    ++kept;
  }
  indices_.resize(kept);
  if (!list_.empty()) list_.resize(kept);
}

Batch BatchWork::finish(const Source& source, OnError on_error, Layout layout, BufferProvider& provider) {
  if (has_conflict_) {
    reject_conflicts();
  } else if (on_error != OnError::kSkip) {
    for (const Failure& failure : failures_) {
      if (failure) rejected_.push_back(*failure);
    }
  }
  if (!rejected_.empty()) return {};
  close_gaps();
  Batch batch;
  batch.layout = layout;
  batch.indices = indices_;
  {
    MutexLock lock(mutex_);
    batch.images = std::move(dense_);
    batch.shape = dense_shape_;
    batch.list = std::move(list_);
  }
  for (const RowColumn& column : source.columns()) {
    ColumnValues values;
    values.name = column.name;
    values.dtype = column.dtype;
    values.shape = {static_cast<int64_t>(batch.indices.size())};
    values.shape.insert(values.shape.end(), column.row_shape.begin(), column.row_shape.end());
    values.data = provider.acquire(column.row_bytes() * batch.indices.size());
    column.gather(batch.indices, values.data.get());
    batch.columns.push_back(std::move(values));
  }
  return batch;
}

}  // namespace stoker
