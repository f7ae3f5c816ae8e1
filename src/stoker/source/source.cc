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

const std::vector<Field>& Source::fields() const {
  static const std::vector<Field> kImageAlone = {{"image", FieldKind::kImage}};
  return kImageAlone;
}

void Source::check_name(const std::string& kind, const std::string& name) const {
  const auto is_it = [&](const auto& each) { return each.name == name; };
  if (std::any_of(fields().begin(), fields().end(), is_it) ||
      std::any_of(columns_.begin(), columns_.end(), is_it) ||
      std::any_of(ragged_columns_.begin(), ragged_columns_.end(), is_it)) {
    throw ArgumentError(kind + " '" + name + "' exists already; choose another name.");
  }
}

void Source::add_column(RowColumn column) {
  if (column.rows != size()) {
    throw ArgumentError("column '" + column.name + "' has " + std::to_string(column.rows) +
                        " rows, the source has " + std::to_string(size().value_or(-1)) +
                        " samples; give one row a sample.");
  }
  check_name("column", column.name);
  columns_.push_back(std::move(column));
}

RaggedRows Source::ragged_rows(size_t column, int64_t index, uint32_t) const {
  return {ragged_columns_[column].of(index), {}};
}

void Source::add_ragged_column(RaggedColumn column) {
  if (column.samples != size()) {
    throw ArgumentError("column '" + column.name + "' is for " + std::to_string(column.samples) +
                        " samples, the source has " + std::to_string(size().value_or(-1)) + ".");
  }
  bool rises = column.starts[0] == 0;
  for (int64_t i = 0; i < column.samples; ++i) rises &= column.starts[i] <= column.starts[i + 1];
  if (!rises) {
    throw ArgumentError("column '" + column.name +
                        "': the first rows of the samples must begin with 0 and never fall.");
  }
  check_name("column", column.name);
  ragged_columns_.push_back(std::move(column));
}

std::string FilesSource::PathList::at(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  STOKER_CHECK(i < ends.size());
  const uint64_t begin = i == 0 ? 0 : ends[i - 1];
  return arena.substr(begin, ends[i] - begin);
}

FilesSource::PathList FilesSource::make_list(const std::vector<std::string>& paths) {
  PathList list;
  size_t total = 0;
  for (const std::string& path : paths) total += path.size();
  list.arena.reserve(total);
  list.ends.reserve(paths.size());
  for (const std::string& path : paths) {
    if (path.empty() || path.find('\0') != std::string::npos) {
      throw ArgumentError("files: path " + std::to_string(list.ends.size()) +
                          " is empty or holds a zero byte; give the path of a file.");
    }
    list.arena += path;
    list.ends.push_back(list.arena.size());
  }
  return list;
}

FilesSource::FilesSource(const std::vector<std::string>& paths, std::string root)
    : fields_{{"image", FieldKind::kImage}}, root_(std::move(root)) {
  lists_.push_back(make_list(paths));
}

void FilesSource::add_field(Field field, const std::vector<std::string>& paths) {
  if (static_cast<int64_t>(paths.size()) != size()) {
    throw ArgumentError("files: field '" + field.name + "' has " + std::to_string(paths.size()) +
                        " paths for " + std::to_string(*size()) + " samples; give one a sample.");
  }
  check_name("files: field", field.name);
  lists_.push_back(make_list(paths));
  fields_.push_back(std::move(field));
}

std::string FilesSource::path(int64_t index) const { return lists_[0].at(index); }

FetchRequest FilesSource::request(int64_t index, size_t field, uint32_t) const {
  FetchRequest request;
  request.path = lists_[field].at(index);
  return request;
}

ArraysSource::ArraysSource(const uint8_t* images, int64_t count, const ImageShape& shape,
                           std::shared_ptr<const void> owner)
    : count_(count), fields_{{"image", FieldKind::kImage}} {
  arrays_.push_back({images, shape, std::move(owner)});
}

void ArraysSource::add_field(Field field, const uint8_t* images, const ImageShape& shape,
                             std::shared_ptr<const void> owner) {
  const ImageShape& image = arrays_[0].shape;
  if (field.kind == FieldKind::kMask && (shape.height != image.height || shape.width != image.width)) {
    throw ArgumentError("arrays: mask '" + field.name + "' is " + std::to_string(shape.height) + " x " +
                        std::to_string(shape.width) + " pixels, the images are " +
                        std::to_string(image.height) + " x " + std::to_string(image.width) +
                        "; they must be the same.");
  }
  check_name("arrays: field", field.name);
  arrays_.push_back({images, shape, std::move(owner)});
  fields_.push_back(std::move(field));
}

FetchRequest ArraysSource::request(int64_t index, size_t field, uint32_t) const {
  STOKER_CHECK(index >= 0 && index < count_);
  const Array& array = arrays_[field];
  FetchRequest request;
  request.memory = {array.images + static_cast<size_t>(index) * array.shape.bytes(), array.shape.bytes()};
  request.raw_shape = array.shape;
  return request;
}

}  // namespace stoker
