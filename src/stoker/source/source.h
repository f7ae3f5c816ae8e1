// Which samples exist and what is known of them without opening any. A source never opens a sample.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stoker/base/dtype.h"
#include "stoker/base/sample.h"

namespace stoker {

// One value a sample, known before it is opened: a label, a weight, a whole tensor row.
struct RowColumn {
  std::string name;
  DType dtype = DType::kInt64;
  std::vector<int64_t> row_shape;  // empty: a scalar
  const uint8_t* data = nullptr;   // rows packed one after another
  int64_t rows = 0;
  std::shared_ptr<const void> owner;  // keeps `data` alive

  size_t row_bytes() const;
  // Copies the rows at `indices`, in their order, to `out`. Indices must be within [0, rows).
  void gather(const std::vector<int64_t>& indices, uint8_t* out) const;
};

class Source {
 public:
  virtual ~Source() = default;

  // Nothing for an endless source.
  virtual std::optional<int64_t> size() const = 0;
  // Whether request() may be called for any index in any order.
  virtual bool is_seekable() const { return true; }
  // The next `count` sample indices of a source that is not seekable; shorter at its end.
  virtual std::vector<int64_t> next(int64_t count);

  // False for sources of row columns alone.
  virtual bool has_image() const { return true; }
  virtual FetchRequest request(int64_t index) const = 0;
  // For messages; empty for samples in memory.
  virtual std::string path(int64_t index) const;
  // The shape of every image where it is known before opening any.
  virtual std::optional<ImageShape> image_shape() const { return std::nullopt; }
  // A path whose absence means that the whole source went away (an unmounted disk); empty if there is none.
  virtual std::string root() const { return {}; }

  const std::vector<RowColumn>& columns() const { return columns_; }
  // Throws ArgumentError when the number of rows is not size() or the name is taken.
  void add_column(RowColumn column);

 private:
  std::vector<RowColumn> columns_;
  int64_t cursor_ = 0;
};

// Samples are whole files. Paths are kept in one arena, some ten bytes a file above their length.
class FilesSource : public Source {
 public:
  FilesSource(const std::vector<std::string>& paths, std::string root);

  std::optional<int64_t> size() const override { return static_cast<int64_t>(ends_.size()); }
  FetchRequest request(int64_t index) const override;
  std::string path(int64_t index) const override;
  std::string root() const override { return root_; }

 private:
  std::string arena_;
  std::vector<uint64_t> ends_;
  std::string root_;
};

// What lies under root/<class>/: classes sorted by name, files sorted by path within a class, folders
// below searched too, as torchvision's ImageFolder does.
struct FolderListing {
  std::vector<std::string> classes;
  std::vector<std::string> paths;
  std::vector<int64_t> labels;
};

// `extensions` are lower case with the dot. Throws ArgumentError when root is no folder, has no class
// folder, or a class has no image; IoError when it cannot be read.
FolderListing list_folder(const std::string& root, const std::vector<std::string>& extensions);

// Samples are arrays in memory, `images` of one shape, packed one after another.
class ArraysSource : public Source {
 public:
  ArraysSource(const uint8_t* images, int64_t count, const ImageShape& shape,
               std::shared_ptr<const void> owner);

  std::optional<int64_t> size() const override { return count_; }
  FetchRequest request(int64_t index) const override;
  std::optional<ImageShape> image_shape() const override { return shape_; }

 private:
  const uint8_t* images_;
  int64_t count_;
  ImageShape shape_;
  std::shared_ptr<const void> owner_;
};

// Row columns alone, no image.
class RowsSource : public Source {
 public:
  explicit RowsSource(int64_t count) : count_(count) {}

  std::optional<int64_t> size() const override { return count_; }
  bool has_image() const override { return false; }
  FetchRequest request(int64_t) const override { return {}; }

 private:
  int64_t count_;
};

}  // namespace stoker
