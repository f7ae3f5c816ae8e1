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
                     std::vector<uint16_t> occurrences, const Source& source)
    : number_(number),
      epoch_(epoch),
      count_(static_cast<int>(indices.size())),
      indices_(std::move(indices)),
      occurrences_(std::move(occurrences)),
      ragged_(source.ragged_columns().size(), std::vector<Rows>(indices_.size())),
      fields_(source.fields().size()) {
  unfinished = count();
}

void BatchWork::fail(int position, SampleError error) {
  MutexLock lock(mutex_);
  failures_.resize(indices_.size());
  failures_[static_cast<size_t>(position)] = std::move(error);
}

bool BatchWork::slot(int position, size_t field, const ImageShape& shape, Layout layout, Shapes shapes,
                     BufferProvider& provider, void** memory) {
  const auto at = static_cast<size_t>(position);
  MutexLock lock(mutex_);
  Places& places = fields_[field];
  places.shapes.resize(indices_.size());
  places.shapes[at] = shape;
  places.layout = layout;
  if (shapes == Shapes::kList) {
    places.list.resize(indices_.size());
    places.list[at] = {provider.acquire(shape.bytes()), shape};
    *memory = places.list[at].data.get();
    return true;
  }
  if (places.dense == nullptr) {
    places.dense = provider.acquire(shape.bytes() * indices_.size());
    places.dense_shape = shape;
  }
  if (places.dense_shape != shape) {
    has_conflict_ = true;
    return false;
  }
  *memory = places.dense.get() + at * shape.bytes();
  return true;
}

uint8_t* BatchWork::dense(size_t field, const ImageShape& shape, Layout layout, BufferProvider& provider) {
  MutexLock lock(mutex_);
  Places& places = fields_[field];
  places.layout = layout;
  places.dense = provider.acquire(shape.bytes() * indices_.size());
  places.dense_shape = shape;
  return places.dense.get();
}

void BatchWork::set_rows(int position, size_t column, std::vector<double> values, std::vector<int64_t> rows,
                         bool is_double) {
  ragged_[column][static_cast<size_t>(position)] = {std::move(values), std::move(rows), is_double};
}

// Which thread came first must not show: the first place by position that differs is named.
void BatchWork::reject_conflicts(const Source& source) {
  MutexLock lock(mutex_);
  for (size_t field = 0; field < fields_.size(); ++field) {
    const std::vector<ImageShape>& shapes = fields_[field].shapes;
    const ImageShape* first = nullptr;
    size_t first_at = 0;
    for (size_t at = 0; at < shapes.size(); ++at) {
      if (shapes[at].channels == 0) continue;
      if (first == nullptr) {
        first = &shapes[at];
        first_at = at;
      } else if (shapes[at] != *first) {
        SampleError error;
        error.code = SampleErrorCode::kShape;
        error.step = "batch";
        error.found = (field == 0 ? "it" : "its " + source.fields()[field].name) + " is " +
                      text_of(shapes[at]) + ", sample " + std::to_string(indices_[first_at]) +
                      " of the same batch is " + text_of(*first) + "; a batch in one array needs one shape";
        error.hint =
            "add resize((height, width)), random_resized_crop or center_crop, or take lists with "
            "shapes='list'";
        error.index = indices_[at];
        rejected_ = {std::move(error)};
        return;
      }
    }
  }
}

void BatchWork::close_gaps() {
  if (failures_.empty()) return;
  size_t kept = 0;
  MutexLock lock(mutex_);
  for (size_t at = 0; at < indices_.size(); ++at) {
    if (failures_[at]) continue;
    if (kept != at) {
      indices_[kept] = indices_[at];
      for (std::vector<Rows>& column : ragged_) column[kept] = std::move(column[at]);
      for (Places& field : fields_) {
        if (!field.list.empty()) field.list[kept] = std::move(field.list[at]);
        if (field.dense != nullptr) {
          const size_t bytes = field.dense_shape.bytes();
          std::memcpy(field.dense.get() + kept * bytes, field.dense.get() + at * bytes, bytes);
        }
      }
    }
    ++kept;
  }
  indices_.resize(kept);
  for (std::vector<Rows>& column : ragged_) column.resize(kept);
  for (Places& field : fields_) {
    if (!field.list.empty()) field.list.resize(kept);
  }
}

std::vector<RaggedValues> BatchWork::gather_rows(const Source& source) const {
  std::vector<RaggedValues> all;
  for (size_t column = 0; column < ragged_.size(); ++column) {
    RaggedValues out;
    out.name = source.ragged_columns()[column].name;
    out.width = source.ragged_columns()[column].width;
    out.starts.push_back(0);
    for (const Rows& sample : ragged_[column]) {
      out.values.insert(out.values.end(), sample.values.begin(), sample.values.end());
      out.rows.insert(out.rows.end(), sample.rows.begin(), sample.rows.end());
      out.starts.push_back(static_cast<int64_t>(out.rows.size()));
      out.is_double.push_back(sample.is_double ? 1 : 0);
    }
    all.push_back(std::move(out));
  }
  return all;
}

Batch BatchWork::finish(const Source& source, OnError on_error, BufferProvider& provider) {
  if (has_conflict_) {
    reject_conflicts(source);
  } else if (on_error != OnError::kSkip) {
    for (const Failure& failure : failures_) {
      if (failure) rejected_.push_back(*failure);
    }
  }
  if (!rejected_.empty()) return {};
  close_gaps();
  Batch batch;
  batch.indices = indices_;
  batch.ragged = gather_rows(source);
  {
    MutexLock lock(mutex_);
    for (size_t field = 0; field < fields_.size(); ++field) {
      Places& places = fields_[field];
      const Field& info = source.fields()[field];
      batch.fields.push_back({info.name, info.kind, places.layout, std::move(places.dense),
                              places.dense_shape, std::move(places.list)});
    }
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
