#include "stoker/run/call.h"

#include <string>

namespace stoker {
namespace {

std::vector<RaggedColumn> columns_of(size_t boxes, size_t keypoints) {
  std::vector<RaggedColumn> columns(boxes + keypoints);
  for (size_t i = 0; i < columns.size(); ++i) {
    columns[i].name = (i < boxes ? "boxes " : "keypoints ") + std::to_string(i < boxes ? i : i - boxes);
    columns[i].kind = i < boxes ? FieldKind::kBoxes : FieldKind::kKeypoints;
  }
  return columns;
}

Buffer packed_buffer(size_t bytes) {
  return Buffer(allocate_aligned(bytes).release(), [](uint8_t* memory) { AlignedFree{}(memory); });
}

Buffer buffer_of(ScratchBuffer scratch) {
  const auto owner = std::make_shared<ScratchBuffer>(std::move(scratch));
  return Buffer(owner, owner->reserve(0));
}

// Whether store_image() would only copy.
bool is_copy(const ConstImage& pixels, const Store& store) {
  const bool keeps_places = (store.layout == Layout::kHwc || pixels.channels() == 1) &&
                            !store.flip_horizontal && !store.flip_vertical;
  return keeps_places && store.table == nullptr && store.dtype == pixels.shape.dtype &&
         pixels.row_bytes == static_cast<ptrdiff_t>(pixels.shape.row_bytes());
}

}  // namespace

PlanInput call_input(DType dtype, int channels, size_t box_columns, size_t keypoint_columns) {
  PlanInput input(ImageShape{0, 0, channels, dtype});
  input.ragged_columns = columns_of(box_columns, keypoint_columns);
  return input;
}

// The sample of the call as the pipeline asks for it: its kinds of fields, its boxes and keypoints.
class Call::Rows : public Source {
 public:
  Rows(size_t boxes, size_t keypoints) : box_columns_(boxes) {
    for (RaggedColumn& column : columns_of(boxes, keypoints)) {
      column.starts = kNoRows;
      column.samples = 1;
      add_ragged_column(std::move(column));
    }
    columns_.resize(boxes + keypoints);
  }

  void set(const CallInput& input) {
    fields_.clear();
    for (size_t i = 0; i < input.fields.size(); ++i)
      fields_.push_back(
          {(i == 0 ? "image" : "field ") + (i == 0 ? "" : std::to_string(i)), input.fields[i].kind});
    for (size_t i = 0; i < columns_.size(); ++i) {
      Column& column = columns_[i];
      column.values.clear();
      column.origins.clear();
      if (i < box_columns_) {
        for (const Box& box : input.boxes[i])
          column.add({box.x_min, box.y_min, box.x_max, box.y_max}, {box.row, box.is_single});
      } else {
        for (const Keypoint& point : input.keypoints[i - box_columns_])
          column.add({point.x, point.y, point.angle, point.scale}, {point.row, point.is_single});
      }
    }
  }

  std::optional<int64_t> size() const override { return 1; }
  const std::vector<Field>& fields() const override { return fields_; }
  FetchRequest request(int64_t, size_t, uint32_t) const override { return {}; }
  RaggedRows ragged_rows(size_t column, int64_t, uint32_t) const override {
    return {columns_[column].values, columns_[column].origins};
  }

 private:
  static constexpr int64_t kNoRows[2] = {0, 0};

  struct Column {
    std::vector<double> values;
    std::vector<RowOrigin> origins;

    void add(const std::array<double, 4>& numbers, RowOrigin origin) {
      values.insert(values.end(), numbers.begin(), numbers.end());
      origins.push_back(origin);
    }
  };

  size_t box_columns_;
  std::vector<Field> fields_;
  std::vector<Column> columns_;
};

class Call::Sink : public SampleSink {
 public:
  Sink(const CallInput& input, Pipeline& pipeline, CallOutput& output)
      : input_(input), pipeline_(pipeline), output_(output) {
    output.fields.resize(input.fields.size());
    output.boxes.resize(input.boxes.size());
    output.keypoints.resize(input.keypoints.size());
  }

  Failure take(size_t field, const ConstImage& pixels, const Store& store) override {
    ImageShape shape = pixels.shape;
    shape.dtype = store.dtype;
    Store here = store;
    if (input_.fields[field].kind == FieldKind::kMask) here.layout = Layout::kHwc;
    if (is_copy(pixels, here)) {
      if (auto memory = pipeline_.release(pixels.data)) {
        output_.fields[field] = {buffer_of(std::move(*memory)), shape};
        return std::nullopt;
      }
    }
    output_.fields[field] = {packed_buffer(shape.bytes()), shape};
    store_image(here, pixels, output_.fields[field].data.get());
    return std::nullopt;
  }
  void take_boxes(size_t column, const std::vector<Box>& boxes) override { output_.boxes[column] = boxes; }
  void take_keypoints(size_t column, const std::vector<Keypoint>& points) override {
    output_.keypoints[column - input_.boxes.size()] = points;
  }

 private:
  const CallInput& input_;
  Pipeline& pipeline_;
  CallOutput& output_;
};

Call::Call(std::shared_ptr<const Plan> plan, size_t box_columns, size_t keypoint_columns)
    : plan_(std::move(plan)),
      rows_(std::make_unique<Rows>(box_columns, keypoint_columns)),
      pipeline_(*plan_, *rows_, /*is_cancelled=*/nullptr),
      counters_(plan_->operators().size()) {}

Call::~Call() = default;

Failure Call::run(const CallInput& input, const SampleKey& key, CallOutput* output) {
  rows_->set(input);
  Sample sample;
  sample.index = 0;
  for (const CallInput::Pixels& field : input.fields) {
    const ImageShape& shape = field.pixels.shape;
    const std::span<const uint8_t> bytes(static_cast<const uint8_t*>(field.pixels.data), shape.bytes());
    sample.parts.push_back({SampleBytes(bytes), shape});
  }
  Sink sink(input, pipeline_, *output);
  return pipeline_.run(sample, key, sink, counters_);
}

}  // namespace stoker
