// Which samples exist and what is known of them without opening any. A source never opens a sample.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stoker/base/boxes.h"
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

// Boxes or keypoints: any number of rows a sample, of `width` doubles each, known before it is opened.
struct RaggedColumn {
  std::string name;
  FieldKind kind = FieldKind::kBoxes;
  std::string format;               // of a row: "pascal_voc", "xy", ...; empty: "albumentations" or "xyas"
  int width = 4;                    // numbers of a row
  const double* values = nullptr;   // rows of all samples packed one after another
  const int64_t* starts = nullptr;  // first row of each sample, and the number of all rows
  int64_t samples = 0;
  std::shared_ptr<const void> owner;
  bool is_double = false;  // they were float64 where the rounding depends on it, see Box::is_single

  std::span<const double> of(int64_t index) const {
    return {values + starts[index] * width, static_cast<size_t>((starts[index + 1] - starts[index]) * width)};
  }
};

// Boxes or keypoints of one sample.
struct RaggedRows {
  std::span<const double> values;
  // One a row, where they have been through operators; empty: the rows are numbered as they come.
  std::span<const RowOrigin> origins;

  RowOrigin origin(size_t row) const {
    return origins.empty() ? RowOrigin{static_cast<int32_t>(row), false} : origins[row];
  }
};

// Images of one shape, one after another.
struct PackedImages {
  const uint8_t* data = nullptr;
  ImageShape shape;
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

  // What is fetched for each sample: the image first, then further images and masks. Empty for sources of
  // row columns alone.
  virtual const std::vector<Field>& fields() const;
  bool has_image() const { return !fields().empty(); }
  // `epoch` matters where a source holds several frozen variants of a sample.
  virtual FetchRequest request(int64_t index, size_t field, uint32_t epoch) const = 0;
  // For messages; empty for samples in memory.
  virtual std::string path(int64_t index) const;
  // The shape of every image (field 0) where it is known before opening any.
  virtual std::optional<ImageShape> image_shape() const { return std::nullopt; }
  // Where all images of a field lie in memory, if they do.
  virtual std::optional<PackedImages> packed_images(size_t) const { return std::nullopt; }
  // How many operators of the pipeline its pixels have been through already.
  virtual int operators_done() const { return 0; }
  // A path whose absence means that the whole source went away (an unmounted disk); empty if there is none.
  virtual std::string root() const { return {}; }

  const std::vector<RowColumn>& columns() const { return columns_; }
  // Throws ArgumentError when the number of rows is not size() or the name is taken.
  void add_column(RowColumn column);

  const std::vector<RaggedColumn>& ragged_columns() const { return ragged_columns_; }
  // Of sample `index`; `epoch` as in request().
  virtual RaggedRows ragged_rows(size_t column, int64_t index, uint32_t epoch) const;
  // As add_column; also when the starts do not rise from 0.
  void add_ragged_column(RaggedColumn column);

 protected:
  // Throws ArgumentError when a field or column has the name.
  void check_name(const std::string& kind, const std::string& name) const;

 private:
  std::vector<RowColumn> columns_;
  std::vector<RaggedColumn> ragged_columns_;
  int64_t cursor_ = 0;
};

// Samples are whole files. Paths are kept in one arena, some ten bytes a file above their length.
class FilesSource : public Source {
 public:
  FilesSource(const std::vector<std::string>& paths, std::string root);

  // Further files of each sample: a mask, another view. Throws ArgumentError when the number of paths is
  // not size() or the name is taken.
  void add_field(Field field, const std::vector<std::string>& paths);

  std::optional<int64_t> size() const override { return static_cast<int64_t>(lists_[0].ends.size()); }
  const std::vector<Field>& fields() const override { return fields_; }
  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override;
  std::string path(int64_t index) const override;
  std::string root() const override { return root_; }

 private:
  struct PathList {
    std::string arena;
    std::vector<uint64_t> ends;

    std::string at(int64_t index) const;
  };
  static PathList make_list(const std::vector<std::string>& paths);

  std::vector<Field> fields_;
  std::vector<PathList> lists_;  // parallel to fields_
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

  // Further arrays of as many samples: masks, other images. Throws ArgumentError when the name is taken or
  // a mask differs from the image in height or width.
  void add_field(Field field, const uint8_t* images, const ImageShape& shape,
                 std::shared_ptr<const void> owner);

  std::optional<int64_t> size() const override { return count_; }
  const std::vector<Field>& fields() const override { return fields_; }
  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override;
  std::optional<ImageShape> image_shape() const override { return arrays_[0].shape; }
  std::optional<PackedImages> packed_images(size_t field) const override {
    return PackedImages{arrays_[field].images, arrays_[field].shape};
  }

 private:
  struct Array {
    const uint8_t* images;
    ImageShape shape;
    std::shared_ptr<const void> owner;
  };
  int64_t count_;
  std::vector<Field> fields_;
  std::vector<Array> arrays_;  // parallel to fields_
};

// Row columns alone, no image.
class RowsSource : public Source {
 public:
  explicit RowsSource(int64_t count) : count_(count) {}

  std::optional<int64_t> size() const override { return count_; }
  const std::vector<Field>& fields() const override { return fields_; }
  FetchRequest request(int64_t, size_t, uint32_t) const override { return {}; }

 private:
  int64_t count_;
  std::vector<Field> fields_;
};

}  // namespace stoker
