// Reading the counters of a run: by any thread, while the others go on.

#include <pthread.h>

#include "stoker/base/clock.h"
#include "stoker/run/state.h"
#include "stoker/transform/island.h"

namespace stoker {
namespace {

// CPU time of a thread that is still there; nothing if it ended in between.
std::optional<int64_t> cpu_ns_of(clockid_t clock) {
  timespec now{};
  if (clock_gettime(clock, &now) != 0) return std::nullopt;
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// What is written together in the plan, and so timed together.
struct NamedStep {
  size_t number;
  std::string kind;
  std::vector<int> operators;
};

std::vector<NamedStep> steps_of(const Plan& plan) {
  std::vector<NamedStep> steps{{kDecodeStep, "decode", {}}, {kDrawStep, "draw", {}}};
  std::vector<std::vector<int>> fused(plan.operators().size());  // by the operator whose time it is
  std::vector<int> stored;
  for (const Segment& segment : plan.full_schedule().segments) {
    for (size_t i = 0; i < segment.spatial.size(); ++i)
      fused[segment.timed_as[i]].push_back(static_cast<int>(segment.spatial[i]));
    if (!segment.is_last) continue;
    for (const size_t table : segment.tables) stored.push_back(static_cast<int>(table));
  }
  for (size_t i = 0; i < fused.size(); ++i) {
    if (fused[i].empty()) fused[i] = {static_cast<int>(i)};
    const bool is_island = island_of(*plan.operators()[i]->op) != nullptr;
    steps.push_back({kOperatorSteps + i,
                     is_island             ? "python"
                     : fused[i].size() > 1 ? "fused"
                                           : "operator",
                     fused[i]});
  }
  steps.push_back({kMaskStep, "mask", {}});
  steps.push_back({kRowStep, "rows", {}});
  steps.push_back({kStoreStep, "store", stored});
  return steps;
}

std::string name_of(const NamedStep& step, const Plan& plan) {
  std::string names;
  for (const int i : step.operators)
    names += (names.empty() ? "" : " + ") + plan.operators()[static_cast<size_t>(i)]->name;
  if (step.kind == "operator" || step.kind == "fused" || step.kind == "python") return names;
  return names.empty() ? step.kind : step.kind + ": " + names;
}

CountersReading::Step fetch_step(const LogHistogram& durations, int64_t cpu_ns) {
  DurationCounts counts;
  durations.add_to(&counts);
  return {"fetch",
          "fetch",
          {},
          counts.total(),
          cpu_ns,
          counts.quantile_ns(0.5),
          counts.quantile_ns(0.95),
          counts.quantile_ns(0.99)};
}

// All calls are timed, where they are made.
CountersReading::Step python_step(const std::string& name, int number, const IslandDesk::Reading& cost) {
  return {name,
          "python",
          {number},
          cost.calls,
          cost.cpu_ns,
          cost.durations.quantile_ns(0.5),
          cost.durations.quantile_ns(0.95),
          cost.durations.quantile_ns(0.99)};
}

}  // namespace

BatchSums reading_of(const StepCounters& counters) {
  BatchSums sums;
  sums.decode_ns = counters.clock.cpu_ns(kDecodeStep);
  sums.store_ns = counters.clock.cpu_ns(kStoreStep);
  sums.transform_ns = counters.clock.all_cpu_ns() - sums.decode_ns - sums.store_ns;
  sums.timed_samples = counters.clock.timed_samples();
  sums.samples = counters.samples.get();
  for (size_t route = 0; route < sums.decoded.size(); ++route)
    sums.decoded[route] = counters.decoded[route].get();
  return sums;
}

BatchSums counted_since(const BatchSums& before, const StepCounters& counters) {
  BatchSums took = reading_of(counters);
  took.decode_ns -= before.decode_ns;
  took.transform_ns -= before.transform_ns;
  took.store_ns -= before.store_ns;
  took.timed_samples -= before.timed_samples;
  took.samples -= before.samples;
  for (size_t route = 0; route < took.decoded.size(); ++route) took.decoded[route] -= before.decoded[route];
  return took;
}

void ThreadCounters::begin() {
  clockid_t clock{};
  if (pthread_getcpuclockid(pthread_self(), &clock) == 0) cpu_clock = clock;
  begun_ns = wall_ns();
}

void ThreadCounters::end() {
  cpu_ns = thread_cpu_ns();
  ended_ns = wall_ns();
}

CountersReading::Thread reading_of(const ThreadCounters& thread, int64_t now_ns) {
  CountersReading::Thread each;
  const int64_t ended = thread.ended_ns.load();
  each.wall_ns = (ended == 0 ? now_ns : ended) - thread.begun_ns.load();
  each.starved_ns = thread.starved_ns.get();
  each.busy_ns = thread.busy_ns.get();
  each.blocked_ns = thread.blocked_ns.get();
  each.parked_ns = thread.parked_ns.get();
  if (thread.waiting_since_ns != 0) {
    int64_t& waited = thread.wait == Wait::kStarved   ? each.starved_ns
                      : thread.wait == Wait::kBlocked ? each.blocked_ns
                                                      : each.parked_ns;
    waited += now_ns - thread.waiting_since_ns;
  }
  std::optional<int64_t> cpu_ns;
  if (ended == 0) cpu_ns = cpu_ns_of(thread.cpu_clock);
  each.off_cpu_ns = std::max<int64_t>(0, each.busy_ns - cpu_ns.value_or(thread.cpu_ns));
  each.unattributed_ns =
      std::max<int64_t>(0, each.wall_ns - each.starved_ns - each.busy_ns - each.blocked_ns - each.parked_ns);
  return each;
}

// Steps are counted for the run as a whole; what they cost is scaled to the samples that `reading` is of.
void Run::State::read_steps(const BatchSums& sums, CountersReading* reading) const {
  if (sums.fetch_cpu_ns > 0) reading->steps.push_back(fetch_step(fetch_cpu_, sums.fetch_cpu_ns));
  if (sums.timed_samples == 0) return;
  const double untimed = static_cast<double>(sums.samples) / static_cast<double>(sums.timed_samples);
  const auto scaled = [](int64_t ns, double factor) {
    return static_cast<int64_t>(static_cast<double>(ns) * factor);
  };
  reading->decode_cpu_ns = scaled(sums.decode_ns, untimed);
  reading->transform_cpu_ns = scaled(sums.transform_ns, untimed);
  reading->store_cpu_ns = scaled(sums.store_ns, untimed);
  int64_t timed = 0;
  for (const ThreadCounters& thread : thread_counters_) timed += thread.steps.clock.timed_samples();
  for (const NamedStep& named : steps_of(*plan_)) {
    if (named.kind == "python") {
      const size_t number = named.number - kOperatorSteps;
      const IslandDesk::Reading cost = options_.islands->reading(number);
      if (cost.calls == 0) continue;
      reading->steps.push_back(
          python_step(island_of(*plan_->operators()[number]->op)->label, static_cast<int>(number), cost));
      continue;
    }
    StepClock::Reading times;
    for (const ThreadCounters& thread : thread_counters_) thread.steps.clock.add_to(named.number, &times);
    if (times.calls == 0) continue;
    CountersReading::Step step;
    step.name = name_of(named, *plan_);
    step.kind = named.kind;
    step.operators = named.operators;
    step.calls = times.calls;
    step.cpu_ns = scaled(times.cpu_ns, static_cast<double>(sums.samples) / static_cast<double>(timed));
    step.p50_ns = times.durations.quantile_ns(0.5);
    step.p95_ns = times.durations.quantile_ns(0.95);
    step.p99_ns = times.durations.quantile_ns(0.99);
    reading->steps.push_back(std::move(step));
  }
}

CountersReading Run::State::counters() const {
  MutexLock lock(mutex_);
  CountersReading reading;
  BatchSums sums = taken_sums_;
  for (const WorkPointer& work : active_) {
    if (!work->is_tentative) sums.add(work->sums);
  }
  reading.fetch_cpu_ns = sums.fetch_cpu_ns;
  reading.fetch_wall_ns = sums.fetch_wall_ns;
  reading.bytes_read = sums.bytes_read;
  reading.samples = sums.samples;
  reading.errors = sums.errors;
  reading.replaced = sums.replaced;
  reading.skipped = sums.skipped;
  reading.decoded = sums.decoded;
  reading.batches = taken_batches_;
  reading.consumer_wait_ns = consumer_wait_ns_;
  const int64_t now = wall_ns();
  for (const ThreadCounters& thread : thread_counters_) {
    if (thread.begun_ns.load() != 0) reading.threads.push_back(reading_of(thread, now));
  }
  DurationCounts fetches;
  fetch_wall_.add_to(&fetches);
  reading.fetch_wall_p50_ns = fetches.quantile_ns(0.5);
  reading.fetch_wall_p95_ns = fetches.quantile_ns(0.95);
  reading.fetch_wall_p99_ns = fetches.quantile_ns(0.99);
  read_steps(sums, &reading);
  for (size_t i = 0; plan_->has_islands() && i < plan_->operators().size(); ++i) {
    const NamedOperator& named = *plan_->operators()[i];
    if (island_of(*named.op) == nullptr) continue;
    const IslandDesk::Reading cost = options_.islands->reading(i);
    reading.islands.push_back(
        {island_of(*named.op)->label, cost.calls, cost.errors, cost.cpu_ns, cost.wall_ns, cost.waited_ns});
  }
  reading.ready_bytes = static_cast<int64_t>(ready_bytes_);
  reading.ready_batches =
      std::count_if(active_.begin(), active_.end(), [](const WorkPointer& work) { return work->is_ready; });
  reading.active_threads = active_threads_;
  return reading;
}

void Run::State::trace(size_t max_events) {
  MutexLock lock(mutex_);
  trace_.begin(max_events);
}

std::vector<RunEvent> Run::State::events(int64_t* dropped) const {
  MutexLock lock(mutex_);
  *dropped = trace_.dropped();
  return trace_.events();
}

}  // namespace stoker
