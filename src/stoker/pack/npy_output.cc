#include "stoker/pack/npy_writer.h"
#include "stoker/pack/output.h"
#include "stoker/run/policy.h"

namespace stoker {
namespace {

std::string file_of(const std::string& name) {
  if (name == "image") return "images.npy";
  if (name == "label") return "labels.npy";
  return name + ".npy";
}

std::vector<int64_t> axes_of_shape(const ImageShape& shape, Layout layout) {
  if (layout == Layout::kChw) return {shape.channels, shape.height, shape.width};
  return {shape.height, shape.width, shape.channels};
}

std::string text_of(const ImageShape& shape) {
  return std::to_string(shape.height) + " x " + std::to_string(shape.width) + " x " +
         std::to_string(shape.channels) + " " + std::string(name_of(shape.dtype));
}

class NpyOutput : public PackOutput {
 public:
  NpyOutput(const Source& source, const PackingOptions& options, Layout layout)
      : source_(source), options_(options), layout_(layout) {}

  void begin(const PackUnit&) override {
    fields_.clear();
    columns_.clear();
    for (const RowColumn& column : source_.columns()) {
      columns_.push_back(
          std::make_unique<NpyWriter>(options_.folder, file_of(column.name), column.dtype, column.row_shape));
    }
  }

  void add(const std::vector<PackedRecord>& variants) override {
    const PackedRecord& record = variants.front();
    if (fields_.empty()) {
      first_index_ = record.index;
      for (size_t i = 0; i < record.parts.size(); ++i) {
        const ImageShape& shape = record.parts[i].shape;
        shapes_.push_back(shape);
        fields_.push_back(std::make_unique<NpyWriter>(options_.folder, file_of(source_.fields()[i].name),
                                                      shape.dtype, axes_of_shape(shape, layout_)));
      }
    }
    for (size_t i = 0; i < record.parts.size(); ++i) {
      if (record.parts[i].shape != shapes_[i]) throw other_shape(record, i);
      fields_[i]->add(record.parts[i].bytes.view());
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      const RowColumn& column = source_.columns()[i];
      const size_t bytes = column.row_bytes();
      columns_[i]->add({column.data + static_cast<size_t>(record.index) * bytes, bytes});
    }
  }

  std::vector<PackedFile> finish() override {
    if (fields_.empty()) {
      throw ArgumentError(
          "pack: no sample of the source could be read, so no array can be written; see the "
          "bad samples.");
    }
    std::vector<PackedFile> files;
    for (size_t i = 0; i < fields_.size(); ++i)
      files.push_back(publish(*fields_[i], source_.fields()[i].name));
    for (size_t i = 0; i < columns_.size(); ++i)
      files.push_back(publish(*columns_[i], source_.columns()[i].name));
    fields_.clear();
    columns_.clear();
    return files;
  }

  uint64_t overhead_bytes(const std::vector<PackedRecord>&) const override {
    uint64_t sum = 0;
    for (const RowColumn& column : source_.columns()) sum += column.row_bytes();
    return sum;
  }

 private:
  static PackedFile publish(NpyWriter& writer, const std::string& name) {
    const uint64_t size_bytes = writer.size_bytes();
    writer.publish();
    return {file_of(name), 0, 0, writer.rows(), size_bytes, false};
  }

  BadSamples other_shape(const PackedRecord& record, size_t field) const {
    SampleError error;
    error.code = SampleErrorCode::kShape;
    error.step = "pack";
    error.found = "field '" + source_.fields()[field].name + "' is " + text_of(record.parts[field].shape) +
                  ", that of sample " + std::to_string(first_index_) + " is " + text_of(shapes_[field]) +
                  "; an array needs one shape";
    error.hint = "add resize((height, width)) or center_crop, or choose form='raw'";
    error.index = record.index;
    error.epoch = 0;
    error.path = source_.path(record.index);
    return rejected_batch({error});
  }

  const Source& source_;
  const PackingOptions& options_;
  const Layout layout_;
  int64_t first_index_ = -1;
  std::vector<ImageShape> shapes_;
  std::vector<std::unique_ptr<NpyWriter>> fields_;
  std::vector<std::unique_ptr<NpyWriter>> columns_;
};

}  // namespace

std::unique_ptr<PackOutput> make_npy_output(const Source& source, const PackingOptions& options,
                                            Layout layout) {
  return std::make_unique<NpyOutput>(source, options, layout);
}

}  // namespace stoker
