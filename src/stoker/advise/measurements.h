// What was measured of a pipeline and of its trainer: plain numbers, the input of all advice.
//
// Times are milliseconds a sample, rates are samples a second. 0 means "not measured" wherever a comment
// says so, never "costs nothing".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stoker {

enum class StepKind : uint8_t {
  kFetch,     // bytes of a sample, from files or shards
  kDecode,    // bytes to pixels
  kOperator,  // pixels to pixels: an operator, or a group of them that is fused
  kStore,     // the pass that writes the batch
  kPython,    // the user's own Python in the pipeline
  kHandOff,   // copies, pickling and whatever else lies between a finished sample and the trainer
};

// One step, of one sample.
struct StepCost {
  std::string name;
  StepKind kind = StepKind::kOperator;
  double cpu_ms = 0;       // mean CPU time
  bool is_serial = false;  // one sample at a time whatever the threads, as under the GIL
};

// What one pass with so many threads or workers gave.
struct ScalingPoint {
  double threads = 1;
  double samples_per_s = 0;
};

// Where the CPU threads' time went while batches were taken as fast as possible; shares of their wall time.
struct ThreadShares {
  double busy = 0;     // at work, on a CPU or off it
  double starved = 0;  // waited for bytes
  double blocked = 0;  // waited for finished batches to be taken
  double off_cpu = 0;  // part of busy
};

struct Measurements {
  std::vector<StepCost> steps;  // in the order of the flow
  int threads = 1;              // CPU threads or workers, as the loader is now
  double cores = 1;             // that may be used, by affinity and quota

  double loader_rate = 0;    // batches taken as fast as possible, nothing done with them
  double trainer_rate = 0;   // the trainer alone, on batches in memory; 0: there is none
  double training_rate = 0;  // both together; 0: not measured
  double storage_rate = 0;   // fetching alone; 0: not measured, or samples in memory

  std::optional<ThreadShares> shares;  // native loaders
  std::vector<ScalingPoint> scaling;   // of the loader; may be empty
};

}  // namespace stoker
