// CPU time of every step of a sample, on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "stoker/run/log_histogram.h"

namespace stoker {

// A count with one writer: no read-modify-write instruction, and no torn value for readers.
class Count {
 public:
  void add(int64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Steps that every pipeline has; operator number i is step kOperatorSteps + i.
enum StepNumber : size_t { kDecodeStep, kDrawStep, kStoreStep, kMaskStep, kRowStep, kOperatorSteps };

// Reading the CPU clock is a system call of some 200 ns, ten of them a sample. So where samples are small
// only some are timed: as many as keep the cost below half a percent of the work. Which ones does not depend
// on how long they take, so that they stand for all.
class StepClock {
 public:
  explicit StepClock(size_t operator_count) : steps_(kOperatorSteps + operator_count) {
    now_ns_.resize(steps_.size());
  }

  // By the thread that works.
  void begin_sample();
  void end_sample();
  // What has passed since the last lap, or since the beginning, was spent on `step`.
  void lap(size_t step) {
    if (is_timed_) charge_lap(step);
  }

  // Work on `samples` at once that the caller has timed.
  void add(size_t step, int64_t cpu_ns, int64_t samples = 0);

  // Its lifetime is spent on `step`, and not on the lap in which it falls.
  class Inner {
   public:
    Inner(StepClock& clock, size_t step);
    ~Inner();
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    StepClock& clock_;
    const size_t step_;
    int64_t begin_ns_ = 0;
  };

  // By any thread.
  struct Reading {
    int64_t calls = 0;  // samples that have the step, of those that were timed
    int64_t cpu_ns = 0;
    DurationCounts durations;
  };
  int64_t timed_samples() const { return timed_samples_.get(); }
  int64_t cpu_ns(size_t step) const { return steps_[step].cpu_ns.get(); }  // of these samples
  int64_t all_cpu_ns() const { return all_cpu_ns_.get(); }
  void add_to(size_t step, Reading* reading) const;

 private:
  struct Step {
    Count calls;
    Count cpu_ns;
    LogHistogram durations;
  };

  int64_t read_clock();
  void charge_lap(size_t step);
  void charge(size_t step, int64_t cpu_ns);

  std::deque<Step> steps_;  // they cannot be moved
  Count timed_samples_;
  Count all_cpu_ns_;  // of all steps

  bool is_timed_ = false;
  int64_t lap_begin_ns_ = 0;
  int64_t sample_begin_ns_ = 0;  // wall
  int64_t busy_since_timed_ns_ = 0;
  int64_t clock_readings_ = 0;   // for the last timed sample
  std::vector<int64_t> now_ns_;  // of this sample, by step
  std::vector<size_t> touched_;  // steps of this sample
};

}  // namespace stoker
