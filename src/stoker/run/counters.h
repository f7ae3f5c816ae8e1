// What every thread did with its time. Written by one thread, read by others at any moment.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "stoker/decode/decoder.h"

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

// Steps of one sample, in the order of the flow. Times are CPU time of the step.
struct StepCounters {
  Count decode_ns;
  Count transform_ns;
  Count store_ns;
  Count samples;
  Count bytes_decoded;                           // compressed bytes handed to a decoder
  std::array<Count, kDecodeRouteCount> decoded;  // images, by DecodeRoute
};

// What the samples of one batch took; guarded by the run's mutex. Times are CPU time but for fetch_wall_ns.
struct BatchSums {
  int64_t fetch_cpu_ns = 0;
  int64_t fetch_wall_ns = 0;
  int64_t bytes_read = 0;
  int64_t decode_ns = 0;
  int64_t transform_ns = 0;
  int64_t store_ns = 0;
  int64_t samples = 0;
  int64_t errors = 0;
  int64_t replaced = 0;
  int64_t skipped = 0;
  std::array<int64_t, kDecodeRouteCount> decoded = {};  // images, by DecodeRoute

  void add(const BatchSums& other) {
    fetch_cpu_ns += other.fetch_cpu_ns;
    fetch_wall_ns += other.fetch_wall_ns;
    bytes_read += other.bytes_read;
    decode_ns += other.decode_ns;
    transform_ns += other.transform_ns;
    store_ns += other.store_ns;
    samples += other.samples;
    errors += other.errors;
    replaced += other.replaced;
    skipped += other.skipped;
    for (size_t route = 0; route < decoded.size(); ++route) decoded[route] += other.decoded[route];
  }
};

// One CPU thread. starved + busy + blocked is its wall time but for what `unattributed` shows.
struct ThreadCounters {
  Count starved_ns;  // waited for bytes or for a batch to be asked for
  Count busy_ns;     // worked, on or off a CPU
  Count blocked_ns;  // waited because enough finished batches were waiting to be taken
  Count cpu_ns;      // of busy_ns, on a CPU
  StepCounters steps;
  std::atomic<int64_t> begun_ns{0};  // 0: not yet
  std::atomic<int64_t> ended_ns{0};

  // The wait that goes on now; guarded by the run's mutex.
  int64_t waiting_since_ns = 0;  // 0: none
  bool is_blocked = false;       // which of the two waits it is

  // Adds what has been waited until `now_ns`; the wait goes on.
  void settle(int64_t now_ns) {
    (is_blocked ? blocked_ns : starved_ns).add(now_ns - waiting_since_ns);
    waiting_since_ns = now_ns;
  }
};

// A reading of all counters of a run.
struct CountersReading {
  struct Thread {
    int64_t wall_ns = 0;
    int64_t starved_ns = 0;
    int64_t busy_ns = 0;
    int64_t blocked_ns = 0;
    int64_t off_cpu_ns = 0;
    int64_t unattributed_ns = 0;
  };
  std::vector<Thread> threads;
  int64_t fetch_cpu_ns = 0;
  int64_t fetch_wall_ns = 0;
  int64_t decode_cpu_ns = 0;
  int64_t transform_cpu_ns = 0;
  int64_t store_cpu_ns = 0;
  int64_t samples = 0;
  int64_t bytes_read = 0;
  int64_t batches = 0;
  int64_t errors = 0;
  int64_t replaced = 0;
  int64_t skipped = 0;
  int64_t consumer_wait_ns = 0;                         // next() waited this long
  int64_t ready_bytes = 0;                              // memory of what is read ahead and not yet decoded
  int64_t ready_batches = 0;                            // finished and not yet taken
  std::array<int64_t, kDecodeRouteCount> decoded = {};  // images, by DecodeRoute
};

// What a thread that has begun did until `now_ns`; under the run's mutex.
inline CountersReading::Thread reading_of(const ThreadCounters& thread, int64_t now_ns) {
  const int64_t ended = thread.ended_ns.load();
  CountersReading::Thread reading;
  reading.wall_ns = (ended == 0 ? now_ns : ended) - thread.begun_ns.load();
  reading.starved_ns = thread.starved_ns.get();
  reading.busy_ns = thread.busy_ns.get();
  reading.blocked_ns = thread.blocked_ns.get();
  if (thread.waiting_since_ns != 0) {
    (thread.is_blocked ? reading.blocked_ns : reading.starved_ns) += now_ns - thread.waiting_since_ns;
  }
  reading.off_cpu_ns = std::max<int64_t>(0, reading.busy_ns - thread.cpu_ns.get());
  reading.unattributed_ns =
      std::max<int64_t>(0, reading.wall_ns - reading.starved_ns - reading.busy_ns - reading.blocked_ns);
  return reading;
}

}  // namespace stoker
