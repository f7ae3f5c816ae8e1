// The flow ending in statistics instead of batches: every sample once, its pixels into sums.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  int64_t done = 0;  // how many of them are in `before` already, as a snapshot said
  std::optional<Accumulator> before;
  // If not null, of each sample the mask: integers of 1 or 3 channels, moved with the image. Pixels where it
  // is 0 are left out.
  std::shared_ptr<const Source> masks;
  AccumulatorOptions sums;
};

// A measurement that goes on from here ends with the same bits as one that was never interrupted.
struct MeasurementSnapshot {
  int64_t done = 0;  // samples, the first ones
  Accumulator sums;  // of these and no others
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

  // At any time, also after a failure.
  MeasurementSnapshot snapshot() const;
  // By index; of samples beyond the snapshot too.
  std::vector<SampleError> bad_samples() const;
  // Ends the threads. Any thread, any number of times.
  void close();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
