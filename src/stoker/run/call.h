// The operators on one sample in memory, on the thread that asks: no batch, no queue, no thread of its own.
#pragma once

#include <memory>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/sample.h"
#include "stoker/run/pipeline.h"
#include "stoker/run/plan.h"
#include "stoker/run/run.h"

namespace stoker {

// One sample; the views must stay alive while it is worked on.
struct CallInput {
  struct Pixels {
    FieldKind kind = FieldKind::kImage;
    ConstImage pixels;  // packed
  };
  std::vector<Pixels> fields;  // the image first; all of one height and width
  std::vector<std::vector<Box>> boxes;
  std::vector<std::vector<Keypoint>> keypoints;
};

// The sample after the operators, parallel to its input. Rows of boxes and keypoints tell which they were.
struct CallOutput {
  std::vector<ListedImage> fields;
  std::vector<std::vector<Box>> boxes;
  std::vector<std::vector<Keypoint>> keypoints;
};

// Working state for one call at a time.
class Call {
 public:
  // `plan` was made with call_input() of as many box and keypoint columns.
  Call(std::shared_ptr<const Plan> plan, size_t box_columns, size_t keypoint_columns);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Images come out in the plan's dtype and layout, masks height x width x channels in their own dtype.
  Failure run(const CallInput& input, const SampleKey& key, CallOutput* output);

 private:
  class Rows;
  class Sink;

  std::shared_ptr<const Plan> plan_;
  std::unique_ptr<Rows> rows_;
  Pipeline pipeline_;
  StepCounters counters_;
};

// What a plan for calls knows: images of any size, of these channels and this dtype.
PlanInput call_input(DType dtype, int channels, size_t box_columns, size_t keypoint_columns);

}  // namespace stoker
