// One sample, from bytes to its place in a batch: the whole flow on one page.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "stoker/base/random.h"
#include "stoker/base/sample.h"
#include "stoker/batch/store.h"
#include "stoker/decode/decoder.h"
#include "stoker/run/counters.h"
#include "stoker/run/plan.h"
#include "stoker/transform/spatial.h"

namespace stoker {

// Where a finished sample goes.
class SampleSink {
 public:
  virtual ~SampleSink() = default;
  // `pixels` are still to be mirrored, looked up, cast and laid out as `store` says; store_image() does it.
  virtual Failure take(const ConstImage& pixels, const Store& store) = 0;
};

// Working state of one thread; nothing here is shared.
class Pipeline {
 public:
  // `is_cancelled`, if not null, ends a long decode early once it is set.
  Pipeline(const Plan& plan, const std::atomic<bool>* is_cancelled)
      : plan_(plan), decode_options_(plan.options().decode), draws_(plan.operators().size()) {
    decode_options_.limits.is_cancelled = is_cancelled;
  }

  // Takes `sample` through decode and transform to `sink`. After a failure what the sink holds of it is
  // undefined.
  Failure run(const Sample& sample, const SampleKey& key, SampleSink& sink, StepCounters& counters);

 private:
  class Decoding;

  Failure draw_all(const SampleKey& key, const ImageShape& decoded);
  Failure run_segments(const ImageShape& decoded, RegionReader& reader, SampleSink& sink,
                       StepCounters& counters);
  Failure store(const ConstImage& pixels, Store store, const Plan::Segment& segment, SampleSink& sink);
  ConstImage through_tables(const ConstImage& pixels, const Plan::Segment& segment);
  void observe(const ConstImage& pixels, const Plan::Segment& segment);

  const Plan& plan_;
  DecodeOptions decode_options_;
  DecoderSet decoders_;
  SpatialChain chain_;
  std::vector<Draw> draws_;
  std::vector<ImageShape> shapes_;  // before each operator
  ScratchBuffer decoded_;
  std::array<ScratchBuffer, 2> images_;
  size_t next_image_ = 0;
  std::array<std::vector<uint8_t>, 2> ramps_;
  ValueTable table_;
  ResizeScratch scratch_;
};

}  // namespace stoker
