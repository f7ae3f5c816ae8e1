// When each thread did what, for a timeline: bounded, and only when asked for.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace stoker {

enum class EventKind : uint8_t {
  kFetch,    // an I/O thread read a file or record
  kWork,     // a CPU thread worked on a sample
  kStarved,  // a CPU thread waited, see ThreadCounters
  kBlocked,
  kParked,
  kTake,  // next() waited for a batch
};

struct RunEvent {
  EventKind kind = EventKind::kWork;
  int thread = 0;      // among those of its kind
  int64_t batch = -1;  // its number in the run; -1: none
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

// Guarded by the run's mutex. Work on one batch without a gap that could be seen is one event.
class Trace {
 public:
  // From now on; what was traced before is dropped. 0 ends it.
  void begin(size_t max_events) {
    max_events_ = max_events;
    dropped_ = 0;
    events_.clear();
    events_.reserve(max_events);
    last_.clear();
  }
  bool is_on() const { return max_events_ > 0; }

  void add(const RunEvent& event) {
    if (!is_on()) return;
    const bool is_work = event.kind == EventKind::kWork || event.kind == EventKind::kFetch;
    if (!is_work && event.end_ns - event.begin_ns < kLeastNs) return;
    size_t& last = last_.try_emplace({event.kind == EventKind::kFetch, event.thread}, kNone).first->second;
    if (is_work && last != kNone) {
      RunEvent& before = events_[last];
      if (before.kind == event.kind && before.batch == event.batch &&
          event.begin_ns - before.end_ns < kLeastNs) {
        before.end_ns = event.end_ns;
        return;
      }
    }
    if (events_.size() >= max_events_) {
      ++dropped_;
      return;
    }
    if (event.kind != EventKind::kTake) last = events_.size();
    events_.push_back(event);
  }

  const std::vector<RunEvent>& events() const { return events_; }
  int64_t dropped() const { return dropped_; }

 private:
  static constexpr int64_t kLeastNs = 100'000;
  static constexpr size_t kNone = static_cast<size_t>(-1);

  size_t max_events_ = 0;
  int64_t dropped_ = 0;
  std::vector<RunEvent> events_;
  std::map<std::pair<bool, int>, size_t> last_;  // by I/O or CPU thread: its last event
};

}  // namespace stoker
