#include "stoker/source/source.h"

#include <algorithm>
#include <cstring>

namespace stoker {

size_t RowColumn::row_bytes() const {
  size_t bytes = size_of(dtype);
  for (const int64_t side : row_shape) bytes *= static_cast<size_t>(side);
  return bytes;
}

void RowColumn::gather(const std::vector<int64_t>& indices, uint8_t* out) const {
  const size_t bytes = row_bytes();
  for (const int64_t index : indices) {
    STOKER_CHECK(index >= 0 && index < rows);
    std::memcpy(out, data + static_cast<size_t>(index) * bytes, bytes);
    out += bytes;
  }
}

std::vector<int64_t> Source::next(int64_t count) {
  std::vector<int64_t> indices;
  const int64_t end = size().value_or(cursor_ + count);
  while (count-- > 0 && cursor_ < end) indices.push_back(cursor_++);
  return indices;
}

std::string Source::path(int64_t) const { return {}; }

void Source::add_column(RowColumn column) {
  if (column.rows != size()) {
    throw ArgumentError("column '" + column.name + "' has " + std::to_string(column.rows) +
                        " rows, the source has " + std::to_string(size().value_or(-1)) +
                        " samples; give one row a sample.");
  }
  for (const RowColumn& other : columns_) {
    if (other.name == column.name) throw ArgumentError("column '" + column.name + "' exists already.");
  }
  columns_.push_back(std::move(column));
}

FilesSource::FilesSource(const std::vector<std::string>& paths, std::string root) : root_(std::move(root)) {
  size_t total = 0;
  for (const std::string& path : paths) total += path.size();
  arena_.reserve(total);
  ends_.reserve(paths.size());
  for (const std::string& path : paths) {
    if (path.empty() || path.find('\0') != std::string::npos) {
      throw ArgumentError("files: path " + std::to_string(ends_.size()) +
                          " is empty or holds a zero byte; give the path of a file.");
    }
    arena_ += path;
    ends_.push_back(arena_.size());
  }
}

std::string FilesSource::path(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  STOKER_CHECK(i < ends_.size());
  const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
  return arena_.substr(begin, ends_[i] - begin);
}

FetchRequest FilesSource::request(int64_t index) const {
  FetchRequest request;
  request.path = path(index);
  return request;
}

ArraysSource::ArraysSource(const uint8_t* images, int64_t count, const ImageShape& shape,
                           std::shared_ptr<const void> owner)
    : images_(images), count_(count), shape_(shape), owner_(std::move(owner)) {}

FetchRequest ArraysSource::request(int64_t index) const {
  STOKER_CHECK(index >= 0 && index < count_);
  FetchRequest request;
  request.memory = {images_ + static_cast<size_t>(index) * shape_.bytes(), shape_.bytes()};
  request.raw_shape = shape_;
  return request;
}

}  // namespace stoker
