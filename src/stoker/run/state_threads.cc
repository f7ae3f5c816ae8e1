// The CPU threads of a run: how they begin, wait, are parked, and end.
#include <system_error>

#include "stoker/base/clock.h"
#include "stoker/base/priority.h"
#include "stoker/base/thread_name.h"
#include "stoker/run/cores.h"
#include "stoker/run/state.h"

namespace stoker {

void Run::State::start_threads() {
  if (options_.threads == 0 || !threads_.empty()) return;
  for (size_t i = 0; i < static_cast<size_t>(options_.threads); ++i) {
    try {
      threads_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error& error) {
      if (!threads_.empty()) return;  // fewer will do
      throw IoError(std::string("loader: cannot start a thread: ") + error.what() +
                    "; raise the limit (ulimit -u) or use threads=0.");
    }
  }
}

void Run::State::serve(size_t thread) {
  name_thread(kCpuThreadName);
  lower_thread_priority();
  ThreadCounters& counters = thread_counters_[thread];
  counters.begin();
  try {
    Pipeline pipeline(*plan_, *source_, &is_cancelled_, options_.islands.get());
    WorkPointer work;
    RunEvent event;
    event.thread = static_cast<int>(thread);
    while (std::optional<Sample> sample = wait_for_sample(thread, event, &work)) {
      event.batch = sample->batch;
      const int64_t asked = wall_ns();
      const CoreShare share(options_.shares_cores ? &process_budget() : nullptr);
      event.begin_ns = wall_ns();
      counters.blocked_ns.add(event.begin_ns - asked);
      try {
        take_through(std::move(*sample), work, pipeline, counters.steps);
      } catch (const BadSamples&) {
        give_up(work);
      }
      event.end_ns = wall_ns();
      counters.busy_ns.add(event.end_ns - event.begin_ns);
      work.reset();
    }
  } catch (const IslandsClosed&) {  // the run is closing; the sample is nobody's any more
  } catch (...) {
    fail(std::current_exception());
  }
  counters.end();
}

std::optional<Sample> Run::State::wait_for_sample(size_t thread, const RunEvent& last_work,
                                                  WorkPointer* work) {
  const int64_t begin = wall_ns();
  ThreadCounters& counters = thread_counters_[thread];
  std::optional<Sample> sample;
  MutexLock lock(mutex_);
  if (last_work.end_ns > 0) trace_.add(last_work);
  begin_wait(counters, is_full() ? Wait::kBlocked : Wait::kStarved, begin);
  // Whoever leaves ready_ to be parked was woken together with all others, so no sample is forgotten.
  while (!is_closed_) {
    if (static_cast<int>(thread) >= active_threads_) {
      end_wait(thread);
      begin_wait(counters, Wait::kParked, wall_ns());
      unparked_.wait(mutex_);
      end_wait(thread);
      begin_wait(counters, is_full() ? Wait::kBlocked : Wait::kStarved, wall_ns());
    } else if (heap_.empty()) {
      ready_.wait(mutex_);
    } else {
      break;
    }
  }
  if (!is_closed_) {
    sample = pop_ready();
    *work = find_work(sample->batch);
    STOKER_CHECK(*work != nullptr);  // dropping a batch empties the heap of it
    read_ahead();
    if (is_full()) settle_waits();
  }
  end_wait(thread);
  return sample;
}

void Run::State::begin_wait(ThreadCounters& counters, Wait wait, int64_t now_ns) {
  counters.waiting_since_ns = now_ns;
  counters.wait = wait;
}

void Run::State::end_wait(size_t thread) {
  settle(thread, wall_ns());
  thread_counters_[thread].waiting_since_ns = 0;
}

void Run::State::settle(size_t thread, int64_t now_ns) {
  ThreadCounters& counters = thread_counters_[thread];
  const EventKind kind = counters.wait == Wait::kStarved   ? EventKind::kStarved
                         : counters.wait == Wait::kBlocked ? EventKind::kBlocked
                                                           : EventKind::kParked;
  trace_.add({kind, static_cast<int>(thread), -1, counters.waiting_since_ns, now_ns});
  counters.settle(now_ns);
}

void Run::State::set_active_threads(int count) {
  if (count < 1 || count > options_.threads) {
    throw ArgumentError("active threads must be from 1 to " + std::to_string(options_.threads) +
                        ", the threads of the loader, got " + std::to_string(count) + ".");
  }
  if (options_.shares_cores) process_budget().resize(count);
  MutexLock lock(mutex_);
  active_threads_ = count;
  ready_.notify_all();
  unparked_.notify_all();
}

// Every sample that may be begun is at a thread: the reader of the batches is what is slow.
bool Run::State::is_full() const {
  return heap_.empty() && fetching_ == 0 && static_cast<int>(active_.size()) >= options_.max_active_batches &&
         std::all_of(active_.begin(), active_.end(),
                     [](const WorkPointer& each) { return each->next_to_fetch == each->count(); });
}

// Threads that wait are not woken when the reason of their wait changes; the clock is read for them.
void Run::State::settle_waits() {
  const int64_t now = wall_ns();
  const Wait wait = is_full() ? Wait::kBlocked : Wait::kStarved;
  for (size_t thread = 0; thread < thread_counters_.size(); ++thread) {
    ThreadCounters& counters = thread_counters_[thread];
    if (counters.waiting_since_ns == 0 || counters.wait == Wait::kParked || counters.wait == wait) continue;
    settle(thread, now);
    counters.wait = wait;
  }
}

}  // namespace stoker
