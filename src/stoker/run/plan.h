// The steps as written become the steps as run: what is decoded, what is fused, what each sample costs
// in passes. A plan never changes while it runs and is shared by all threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/batch/store.h"
#include "stoker/decode/decoder.h"
#include "stoker/source/source.h"
#include "stoker/transform/box_rules.h"
#include "stoker/transform/group.h"
#include "stoker/transform/operator.h"

namespace stoker {

// When boxes are clipped, and boxes and keypoints dropped.
enum class RowChecks : uint8_t {
  kEach,        // after each operator and group, and once more at the end
  kEachButEnd,  // the first part of a pipeline
  kEnd,
  kNone,
};

struct PlanOptions {
  DecodeOptions decode;
  DType image_dtype = DType::kUint8;  // of the decoded files; a file of another is a bad sample
  std::optional<DType> dtype;         // of the batch; nothing: what the operators end with
  Layout layout = Layout::kChw;
  BoxRules box_rules;
  bool clips_boxes = false;          // boxes that reach outside the image as they come, instead of an error
  bool drops_invalid_boxes = false;  // boxes without area as they come, instead of an error
  RowChecks box_checks = RowChecks::kEach;
  RowChecks keypoint_checks = RowChecks::kEach;
  bool checks_first = false;      // kEach: also before the first operator
  bool removes_invisible = true;  // keypoints that come to lie outside
  bool angle_in_degrees = false;  // of keypoints that have one
  bool checks_results = false;    // boxes and keypoints that no format allows are an error at the end too
};

// What a plan needs to know of a source.
struct PlanInput {
  std::optional<ImageShape> image_shape;  // of every image, where it is known
  int operators_done = 0;                 // before the first of the plan
  std::vector<RaggedColumn> ragged_columns;

  PlanInput() = default;
  PlanInput(std::nullopt_t) {}                                               // NOLINT: nothing is known
  PlanInput(const std::optional<ImageShape>& shape) : image_shape(shape) {}  // NOLINT: the shape alone
  PlanInput(const ImageShape& shape) : image_shape(shape) {}                 // NOLINT
  explicit PlanInput(const Source& source)
      : image_shape(source.image_shape()),
        operators_done(source.operators_done()),
        ragged_columns(source.ragged_columns()) {}
};

// One stretch of work on whole images: at most one resample, then functions of single values. Its numbers
// are places in the list of operators that a schedule is for.
struct Segment {
  std::vector<size_t> spatial;     // operators composed into one geometry, in order
  std::vector<size_t> timed_as;    // for each of them: whose time its work counts as
  std::vector<size_t> tables;      // operators composed into one table, in order
  std::optional<size_t> whole;     // an operator that needs the image before it and makes another
  bool is_last = false;            // its table is fused into the store
  bool has_reduction = false;      // a table of it depends on the image
  bool adds_floats = false;        // and adds up floats, so that flips are carried out first
  bool is_constant_table = false;  // its table is the same for every sample
  std::string end;                 // why it ends before the next one
};

// Operators in the order in which they run, cut into segments.
struct Schedule {
  std::vector<Segment> segments;
  // The table of the last segment when it is the same for every sample and the source's channels are known.
  std::optional<ValueTable> constant_table;
};

class Plan {
 public:
  // One operator taken for a sample: its number in operators(), and the path that its draws are keyed by.
  struct Taken {
    uint16_t number;
    uint16_t path;
    int checks_before;  // of boxes and keypoints by RowChecks::kEach, since the last one
  };

  // Throws ArgumentError where operators and options cannot go together.
  Plan(std::vector<NamedOperator> written, const PlanOptions& options, const PlanInput& input);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // As written, groups among them.
  const std::vector<NamedOperator>& written() const { return written_; }
  // The operators of all groups, in the written order.
  const std::vector<const NamedOperator*>& operators() const { return operators_; }
  const PlanOptions& options() const { return options_; }
  DType dtype() const { return dtype_; }
  // Of every sample, as far as it is known; 0 is unknown.
  const PlannedShape& shape() const { return shape_; }
  // Of a ragged column, by its number; the other of the two is not looked at.
  struct RowFormat {
    BoxFormat boxes = BoxFormat::kAlbumentations;
    KeypointFormat keypoints = KeypointFormat::kXyas;
  };
  const std::vector<RowFormat>& row_formats() const { return row_formats_; }
  // All operators, as if every coin fell for them.
  const Schedule& full_schedule() const { return full_schedule_; }

  // The operators of one sample, before their own coins; returns the checks after the last.
  int choose(const SampleKey& key, std::vector<Taken>* taken) const;
  // How operators(), taken by `numbers` in this order, run on what is decoded.
  Schedule schedule(std::span<const uint16_t> numbers) const { return schedule(numbers, decoded_); }
  // The same for images of `shape`, as they come from an island.
  Schedule schedule(std::span<const uint16_t> numbers, PlannedShape shape) const;

  // Whether any operator is an island, see transform/island.h.
  bool has_islands() const { return has_islands_; }
  // Throws ArgumentError where an operator is an island, for work that has nobody to carry it out.
  void refuse_islands(const std::string& owner) const;
  // Whether images that end as `ending` can be stored in a batch of dtype().
  bool can_store(DType ending) const;

  // What is fused, what is not and why, one line each.
  std::string explain() const;

 private:
  struct Node {
    uint16_t path = 0;
    int number = -1;               // in operators_; -1: a group
    const Group* group = nullptr;  // null: an operator
    std::vector<Node> children;
  };

  Node number_nodes(const NamedOperator& named, int* next_path);
  void choose(const Node& node, const SampleKey& key, uint16_t repetition, int* checks,
              std::vector<Taken>* taken) const;
  PlannedShape shape_after(const NamedOperator& named, const PlannedShape& in) const;
  void choose_dtype(DType ending);
  std::vector<size_t> time_keepers(const std::vector<size_t>& spatial,
                                   std::span<const uint16_t> numbers) const;

  std::vector<NamedOperator> written_;
  PlanOptions options_;
  std::vector<Node> nodes_;
  bool has_groups_ = false;
  bool has_islands_ = false;
  std::vector<const NamedOperator*> operators_;
  std::vector<RowFormat> row_formats_;
  PlannedShape decoded_;
  PlannedShape shape_;
  DType dtype_ = DType::kFloat32;
  Schedule full_schedule_;
};

// One function of single values, with its draw.
struct TableStep {
  const Operator* op;
  const Draw* draw;
};

// The tables applied to every 8-bit value of `channels` channels: a ramp image 1 x 256 x C. `storage` keeps
// the pixels alive.
ConstImage table_ramp(std::span<const TableStep> tables, int channels,
                      std::array<std::vector<uint8_t>, 2>& storage);

}  // namespace stoker
