// One sample, from bytes to its place in a batch: the whole flow on one page.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "stoker/base/random.h"
#include "stoker/base/sample.h"
#include "stoker/batch/store.h"
#include "stoker/decode/decoder.h"
#include "stoker/run/counters.h"
#include "stoker/run/island_desk.h"
#include "stoker/run/plan.h"
#include "stoker/transform/spatial.h"

namespace stoker {

// Where a finished sample goes.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  // A field of the source that is fetched, by its number. `pixels` are still to be mirrored, looked up, cast
  // and laid out as `store` says; store_image() does it.
  virtual Failure take(size_t field, const ConstImage& pixels, const Store& store) = 0;
  // A ragged column of the source, by its number; after the image.
  virtual void take_boxes(size_t, const std::vector<Box>&) {}
  virtual void take_keypoints(size_t, const std::vector<Keypoint>&) {}
};

class KeptSample;

// Working state of one thread; nothing here is shared.
class Pipeline {
 public:
  // `is_cancelled`, if not null, ends a long decode early once it is set. `islands` is needed for a plan that
  // has some.
  Pipeline(const Plan& plan, const Source& source, const std::atomic<bool>* is_cancelled,
           IslandDesk* islands = nullptr);

  // Takes `sample` through decode and transform to `sink`. After a failure what the sink holds of it is
  // undefined. Throws IslandsClosed.
  Failure run(const Sample& sample, const SampleKey& key, SampleSink& sink, StepCounters& counters);

  // Within SampleSink::take(): hands over the memory that starts at `data`, the first of the pixels, so that
  // a sink need not copy them; nothing where they are not the pipeline's own.
  std::optional<ScratchBuffer> release(const void* data);

 private:
  class Decoding;

  // Boxes or keypoints of one column on their way.
  struct RowsSoFar {
    std::vector<Box> boxes;
    std::vector<Keypoint> keypoints;
    int counted = 0;  // checks that have come up since the last ones were made
  };

  Failure run_fields(const Sample& sample, const SampleKey& key, SampleSink& sink);
  Failure check_field(size_t field, const SamplePart& part, const ImageShape& decoded) const;
  Failure check_size(size_t field, const ImageShape& shape) const;
  // Chooses the operators of the sample, and draws for them up to the first island.
  Failure draw_all(const SampleKey& key, const ImageShape& decoded);
  // Draws on, from next_taken_ to the next island, for an image of `shape` as it is there.
  Failure draw_stretch(const SampleKey& key, const ImageShape& shape);
  // The islands of the sample, and what comes behind each; `kept` is the sample before the first one.
  Failure run_islands(const SampleKey& key, KeptSample& kept, SampleSink& sink);
  Failure run_island(const SampleKey& key, KeptSample& kept);
  Failure run_image(size_t field, const ImageShape& decoded, RegionReader& reader, SampleSink& sink);
  Failure run_mask(size_t field, const ImageShape& decoded, RegionReader& reader, SampleSink& sink);
  static int checks_due(int counted, RowChecks checks, bool is_end);
  SampleError refused_row(size_t column, const std::string& found, const std::string& hint) const;
  Failure read_boxes(size_t column, int64_t index, uint32_t epoch);
  Failure read_keypoints(size_t column, int64_t index, uint32_t epoch);
  // Through the operators of this stretch, to `sink` after the last one.
  Failure run_boxes(size_t column, SampleSink& sink);
  Failure run_keypoints(size_t column, SampleSink& sink);
  bool passes_island() const;
  const Schedule& schedule();
  Failure store(size_t field, const ConstImage& pixels, Store store, const Segment& segment,
                SampleSink& sink);
  ConstImage through_tables(const ConstImage& pixels, const Segment& segment);
  void observe(const ConstImage& pixels, const Segment& segment);
  std::vector<TableStep> table_steps(const std::vector<size_t>& places) const;
  // Whether this stretch ends with whatever dtype comes, instead of the plan's.
  bool keeps_dtype() const { return is_at_island_ || (plan_.has_islands() && !plan_.options().dtype); }
  const NamedOperator& step(size_t place) const { return *plan_.operators()[steps_[place]]; }
  Image next_image(const ImageShape& shape);
  // The time since the last lap was the work of the operator at `place`.
  void lap(size_t place) { counters_->clock.lap(kOperatorSteps + steps_[place]); }

  const Plan& plan_;
  const Source& source_;
  DecodeOptions decode_options_;
  DecodeOptions mask_options_;
  DecoderSet decoders_;
  SpatialChain chain_;
  std::vector<Plan::Taken> taken_;
  int checks_after_ = 0;  // the last of taken_
  // What follows is of one stretch: all operators of the sample, or those up to an island or between two.
  size_t next_taken_ = 0;      // in taken_: behind the island, or the end
  bool is_at_island_ = false;  // an island ends the stretch
  Plan::Taken island_{};       // that one
  uint64_t island_seed_ = 0;
  std::u16string steps_;            // numbers of the operators that are applied to this sample
  std::vector<Draw> draws_;         // of each step
  std::vector<ImageShape> shapes_;  // before each step
  std::vector<int> checks_;         // before each step and at the end: of boxes and keypoints
  // Few coins make few schedules, and each is looked up some thousand times a second.
  std::unordered_map<std::u16string, Schedule> schedules_;
  std::vector<RowsSoFar> rows_;  // by column
  IslandDesk* const islands_;
  ScratchBuffer decoded_;
  std::array<ScratchBuffer, 2> images_;
  size_t next_image_ = 0;
  std::array<std::vector<uint8_t>, 2> ramps_;
  ValueTable table_;
  ResizeScratch scratch_;
  StepCounters* counters_ = nullptr;  // while a sample runs
};

}  // namespace stoker
