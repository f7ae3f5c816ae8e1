// The flow ending in statistics instead of batches: every sample once, its pixels into sums.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/measure/accumulator.h"
#include "stoker/run/plan.h"
#include "stoker/source/source.h"

namespace stoker {

struct MeasurementOptions {
  int threads = 1;         // at least 1
  bool skips_bad = false;  // leave bad samples out and list them; otherwise the first ends the measurement
  int64_t begin = 0;       // samples [begin, end) of the source
  int64_t end = 0;
  AccumulatorOptions sums;
};

class Measurement {
 public:
  // Checks everything and starts nothing. Throws ArgumentError.
  Measurement(std::shared_ptr<const Source> source, std::shared_ptr<const Plan> plan,
              const MeasurementOptions& options);
  ~Measurement();
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  // Works for about `wait_ns` and returns how many samples are done. Throws BadSamples for a bad one unless
  // they are skipped, and IoError or ArgumentError as a run does.
  int64_t advance(int64_t wait_ns);

  // The sums so far; after all samples are done, of all of them.
  Accumulator sums() const;
  std::vector<SampleError> bad_samples() const;
  void close();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
