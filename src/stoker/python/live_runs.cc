#include "stoker/python/live_runs.h"

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "stoker/base/clock.h"
#include "stoker/base/mutex.h"

namespace stoker {
namespace {

constexpr int64_t kExitWaitNs = 1'000'000'000;

struct LiveRun {
  std::weak_ptr<void> run;
  void (*close)(void*);
};

struct LiveRuns {
  Mutex mutex;
  std::vector<LiveRun> runs STOKER_GUARDED_BY(mutex);
  std::atomic<int> threads_inside{0};
  std::atomic<bool> is_ending{false};
  std::thread::id ending_thread;  // set before is_ending
};

LiveRuns& live_runs() {
  static LiveRuns live;
  return live;
}

template <class T>
void keep(const std::shared_ptr<T>& run) {
  LiveRuns& live = live_runs();
  MutexLock lock(live.mutex);
  std::erase_if(live.runs, [](const LiveRun& each) { return each.run.expired(); });
  live.runs.push_back({run, [](void* each) { static_cast<T*>(each)->close(); }});
}

}  // namespace

void close_at_exit(const std::shared_ptr<Run>& run) { keep(run); }
void close_at_exit(const std::shared_ptr<GatherRun>& run) { keep(run); }
void close_at_exit(const std::shared_ptr<Measurement>& measurement) { keep(measurement); }
void close_at_exit(const std::shared_ptr<Packing>& packing) { keep(packing); }

void close_live_runs() {
  LiveRuns& live = live_runs();
  live.ending_thread = std::this_thread::get_id();
  live.is_ending = true;
  std::vector<LiveRun> runs;
  {
    MutexLock lock(live.mutex);
    runs.swap(live.runs);
  }
  const nanobind::gil_scoped_release release;
  for (const LiveRun& each : runs) {
    if (const std::shared_ptr<void> run = each.run.lock()) each.close(run.get());
  }
  const int64_t until = wall_ns() + kExitWaitNs;
  while (live.threads_inside > 0 && wall_ns() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

InsideRun::InsideRun() { ++live_runs().threads_inside; }
InsideRun::~InsideRun() { --live_runs().threads_inside; }

void InsideRun::stay_if_ending() {
  // The thread that takes the interpreter down still frees what Python objects hold.
  if (!live_runs().is_ending || live_runs().ending_thread == std::this_thread::get_id()) return;
  --live_runs().threads_inside;
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace stoker
