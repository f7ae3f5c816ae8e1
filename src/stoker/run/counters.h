// What every thread did with its time. Written by one thread, read by others at any moment.
#pragma once

#include <time.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "stoker/decode/decoder.h"
#include "stoker/run/step_clock.h"

namespace stoker {

// Samples of one thread, and where their time went.
struct StepCounters {
  explicit StepCounters(size_t operator_count) : clock(operator_count) {}

  StepClock clock;
  Count samples;
  Count bytes_decoded;                           // compressed bytes handed to a decoder
  std::array<Count, kDecodeRouteCount> decoded;  // images, by DecodeRoute
};

// What the samples of one batch took; guarded by the run's mutex. Times are CPU time but for fetch_wall_ns.
struct BatchSums {
  int64_t fetch_cpu_ns = 0;
  int64_t fetch_wall_ns = 0;
  int64_t bytes_read = 0;
  int64_t decode_ns = 0;  // this and the next two: of timed_samples, see StepClock
  int64_t transform_ns = 0;
  int64_t store_ns = 0;
  int64_t timed_samples = 0;
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
    timed_samples += other.timed_samples;
    samples += other.samples;
    errors += other.errors;
    replaced += other.replaced;
    skipped += other.skipped;
    for (size_t route = 0; route < decoded.size(); ++route) decoded[route] += other.decoded[route];
  }
};

// What a thread has counted of its steps so far, and since an earlier reading.
BatchSums reading_of(const StepCounters& counters);
BatchSums counted_since(const BatchSums& before, const StepCounters& counters);

// What a thread without work waits for.
enum class Wait : uint8_t { kStarved, kBlocked, kParked };

// One CPU thread. starved + busy + blocked + parked is its wall time but for what
// `unattributed` shows.
struct ThreadCounters {
  explicit ThreadCounters(size_t operator_count = 0) : steps(operator_count) {}

  Count starved_ns;  // waited for bytes or for a batch to be asked for
  Count busy_ns;     // worked, on or off a CPU
  Count blocked_ns;  // waited because enough finished batches were waiting to be taken
  Count parked_ns;   // waited because fewer threads are to work
  StepCounters steps;
  std::atomic<int64_t> begun_ns{0};  // 0: not yet
  std::atomic<int64_t> ended_ns{0};
  std::atomic<clockid_t> cpu_clock{};  // of the thread, from begun to ended
  std::atomic<int64_t> cpu_ns{0};      // in all; once ended

  // The wait that goes on now; guarded by the run's mutex.
  int64_t waiting_since_ns = 0;  // 0: none
  Wait wait = Wait::kStarved;

  // By the thread itself.
  void begin();
  void end();

  // Adds what has been waited until `now_ns`; the wait goes on.
  void settle(int64_t now_ns) {
    waited(wait).add(now_ns - waiting_since_ns);
    waiting_since_ns = now_ns;
  }
  Count& waited(Wait kind) {
    return kind == Wait::kStarved ? starved_ns : kind == Wait::kBlocked ? blocked_ns : parked_ns;
  }
};

// A reading of all counters of a run.
struct CountersReading {
  struct Thread {
    int64_t wall_ns = 0;
    int64_t starved_ns = 0;
    int64_t busy_ns = 0;
    int64_t blocked_ns = 0;
    int64_t parked_ns = 0;
    int64_t off_cpu_ns = 0;
    int64_t unattributed_ns = 0;
  };
  // One step of a sample: of those samples that were timed; see StepClock.
  struct Step {
    std::string name;  // of all operators in it
    std::string kind;  // "fetch", "decode", "draw", "operator", "fused", "python", "mask", "rows", "store"
    std::vector<int> operators;  // their numbers in the plan
    int64_t calls = 0;           // timed samples that have it
    int64_t cpu_ns = 0;          // of all samples, scaled up from the timed ones
    double p50_ns = 0;           // CPU time of one sample
    double p95_ns = 0;
    double p99_ns = 0;
  };
  // One step in Python, since the run began.
  struct Island {
    std::string name;
    int64_t calls = 0;
    int64_t errors = 0;
    int64_t cpu_ns = 0;
    int64_t wall_ns = 0;    // from the beginning of the call to its end
    int64_t waited_ns = 0;  // that samples waited for a thread of Python, and for their own to go on
  };
  std::vector<Thread> threads;
  std::vector<Island> islands;
  std::vector<Step> steps;  // in the order of the flow; of the whole run
  int64_t fetch_cpu_ns = 0;
  int64_t fetch_wall_ns = 0;
  double fetch_wall_p50_ns = 0;  // of one file or record
  double fetch_wall_p95_ns = 0;
  double fetch_wall_p99_ns = 0;
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
  int active_threads = 0;                               // CPU threads that are not parked
  std::array<int64_t, kDecodeRouteCount> decoded = {};  // images, by DecodeRoute
};

// What a thread that has begun did until `now_ns`; under the run's mutex.
CountersReading::Thread reading_of(const ThreadCounters& thread, int64_t now_ns);

}  // namespace stoker
