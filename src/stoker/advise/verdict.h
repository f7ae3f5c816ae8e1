// What bounds training, and how much is to gain: measurements in, one finding out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stoker/advise/measurements.h"

namespace stoker {

enum class Bound : uint8_t {
  kTrainer,   // loading is fast enough
  kStorage,   // bytes come too slowly
  kDecode,    // CPU time, most of it decoding
  kOperator,  // CPU time, most of it in one operator
  kStore,     // CPU time, most of it writing the batch
  kPython,    // the user's own Python, one sample at a time
  kHandOff,   // between finished samples and the trainer
  kThreads,   // more threads than cores, which hinder each other
};

// "trainer", "storage", "decode", "operator", "store", "python", "hand-off", "threads".
std::string_view name_of(Bound bound);

// The highest rate that one resource allows, were all others without limit.
struct Ceiling {
  Bound bound = Bound::kTrainer;
  std::string name;  // of the step that costs most, where the bound is a step
  double samples_per_s = 0;
};

struct Verdict {
  Bound bound = Bound::kTrainer;
  std::string name;               // of the step; of others the bound's own
  double rate = 0;                // samples/s of training as it is; of the loader where there is no trainer
  double best_rate = 0;           // with this bound out of the way; 0: cannot be told
  double gain = 0;                // best_rate / rate - 1, at least 0
  double step_share = 0;          // of the CPU time a sample, where the bound is a step
  std::vector<Ceiling> ceilings;  // the lowest first
  std::string sentence;           // all of it, for people
};

// Loading is fast enough above this share of the trainer's own rate; below it input has something to give.
inline constexpr double kFedShare = 0.95;

// Throws ArgumentError where the loader's rate, the threads or the cores are not above 0.
Verdict judge(const Measurements& measured);

}  // namespace stoker
