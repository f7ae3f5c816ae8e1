// Where samples wait at islands: the threads of a run put them down, Python's threads take them up.
//
// Note [islands]
// The run's threads never take Python's lock. One that comes to an island hands in what the sample is so far
// and waits for the answer, so at most one request a thread is in work, and what it costs a sample is a
// thread that does nothing else meanwhile. What is handed over belongs to the request, not to the run: when
// the run closes, threads stop waiting at once and the function that is still running may finish at its
// leisure.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/mutex.h"
#include "stoker/base/random.h"
#include "stoker/base/sample.h"
#include "stoker/batch/buffer.h"
#include "stoker/run/log_histogram.h"
#include "stoker/transform/operator.h"

namespace stoker {

// One image or mask, packed height x width x channels.
struct IslandField {
  std::string name;
  FieldKind kind = FieldKind::kImage;
  Buffer data;
  ImageShape shape;
};

// Boxes or keypoints of one column of the source; of the two lists one is used.
struct IslandRows {
  std::string name;
  FieldKind kind = FieldKind::kBoxes;
  std::vector<Box> boxes;
  std::vector<Keypoint> keypoints;
};

// A sample at an island. Belongs to who holds it: the thread that asks, the desk, the one who carries it out.
struct IslandRequest {
  size_t number = 0;                   // of the operator in the plan
  std::shared_ptr<const Operator> op;  // the island with its arguments
  SampleKey key;
  uint64_t seed = 0;
  std::vector<IslandField> fields;  // replaced by the answer; as many, of any shape
  std::vector<IslandRows> rows;     // likewise
  Failure failure;                  // instead of an answer

  int64_t cpu_ns = 0;   // what carrying it out took
  int64_t wall_ns = 0;  // the same, with waits for Python's lock
};

// Thrown into the threads that wait when the desk is closed.
class IslandsClosed {};

class IslandDesk {
 public:
  using Serve = std::function<void(const std::shared_ptr<IslandRequest>&)>;

  // What one island has cost.
  struct Reading {
    int64_t calls = 0;
    int64_t errors = 0;
    int64_t cpu_ns = 0;
    int64_t wall_ns = 0;
    int64_t waited_ns = 0;  // between asking and the answer, without wall_ns
    DurationCounts durations;
  };

  // `serve_here`, if given, carries requests out on the thread that asks.
  explicit IslandDesk(size_t operator_count, Serve serve_here = nullptr);

  // Waits until `request` has been carried out. Throws IslandsClosed. Any thread.
  void ask(const std::shared_ptr<IslandRequest>& request);

  // Waits for a request; null once the desk is closed. Whoever takes it answers it.
  std::shared_ptr<IslandRequest> take();
  void answer(const IslandRequest& request);

  // Ends all waits, now and later. Idempotent, any thread.
  void close();

  // Whether it is the first to ask: threads that serve are to be started once.
  bool starts_service();
  // Memory for what is handed over.
  Buffer acquire(size_t bytes) { return buffers_.acquire(bytes); }
  Reading reading(size_t number) const;

 private:
  struct Sums {
    Reading sums;
    LogHistogram durations;
  };

  const Serve serve_here_;
  RecyclingProvider buffers_;
  mutable Mutex mutex_;
  Condition asked_;     // for those who serve
  Condition answered_;  // for those who wait
  std::deque<std::shared_ptr<IslandRequest>> waiting_ STOKER_GUARDED_BY(mutex_);
  std::vector<const IslandRequest*> done_ STOKER_GUARDED_BY(mutex_);  // answered, their threads not yet back
  std::deque<Sums> sums_ STOKER_GUARDED_BY(mutex_);                   // by operator; they cannot be moved
  bool is_closed_ STOKER_GUARDED_BY(mutex_) = false;
  bool is_served_ STOKER_GUARDED_BY(mutex_) = false;
};

}  // namespace stoker
