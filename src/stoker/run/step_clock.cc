#include "stoker/run/step_clock.h"

#include "stoker/base/clock.h"

namespace stoker {
namespace {

constexpr int64_t kReadingCostNs = 200;
constexpr int64_t kWorkPerCost = 200;

}  // namespace

void StepClock::begin_sample() {
  sample_begin_ns_ = wall_ns();
  is_timed_ = busy_since_timed_ns_ >= clock_readings_ * kReadingCostNs * kWorkPerCost;
  if (!is_timed_) return;
  clock_readings_ = 0;
  busy_since_timed_ns_ = 0;
  touched_.clear();
  lap_begin_ns_ = read_clock();
}

void StepClock::end_sample() {
  busy_since_timed_ns_ += wall_ns() - sample_begin_ns_;
  if (!is_timed_) return;
  is_timed_ = false;
  for (const size_t step : touched_) {
    add(step, now_ns_[step]);
    now_ns_[step] = 0;
  }
  timed_samples_.add(1);
}

void StepClock::add(size_t step, int64_t cpu_ns, int64_t samples) {
  timed_samples_.add(samples);
  steps_[step].calls.add(1);
  steps_[step].cpu_ns.add(cpu_ns);
  steps_[step].durations.add(cpu_ns);
  all_cpu_ns_.add(cpu_ns);
}

int64_t StepClock::read_clock() {
  ++clock_readings_;
  return thread_cpu_ns();
}

void StepClock::charge_lap(size_t step) {
  const int64_t now = read_clock();
  charge(step, now - lap_begin_ns_);
  lap_begin_ns_ = now;
}

void StepClock::charge(size_t step, int64_t cpu_ns) {
  if (now_ns_[step] == 0) touched_.push_back(step);
  now_ns_[step] += std::max<int64_t>(1, cpu_ns);
}

StepClock::Inner::Inner(StepClock& clock, size_t step) : clock_(clock), step_(step) {
  if (clock_.is_timed_) begin_ns_ = clock_.read_clock();
}

StepClock::Inner::~Inner() {
  if (!clock_.is_timed_) return;
  const int64_t spent_ns = clock_.read_clock() - begin_ns_;
  clock_.charge(step_, spent_ns);
  clock_.lap_begin_ns_ += spent_ns;
}

void StepClock::add_to(size_t step, Reading* reading) const {
  reading->calls += steps_[step].calls.get();
  reading->cpu_ns += steps_[step].cpu_ns.get();
  steps_[step].durations.add_to(&reading->durations);
}

}  // namespace stoker
