// Ways to load the same data: what each would give and cost, and which one to take.
//
// A way is a stored form (where the operators are cut, and what is written there), a number of threads, and
// how many batches are made ahead. What each form costs was measured by a trial; this predicts the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stoker/advise/scaling.h"

namespace stoker {

enum class Form : uint8_t {
  kAsIs,    // as the loader reads them now; nothing is prepared
  kSource,  // the original bytes, in few large files
  kRaw,     // pixels
  kNpy,     // pixels in one array
  kJpeg,    // pixels encoded anew, with loss
};

// "as-is", "source", "raw", "npy", "jpeg".
std::string_view name_of(Form form);

// A stored form, as a trial on some of the samples showed it.
struct StoredForm {
  Form form = Form::kAsIs;
  int cut = 0;                       // operators done once
  int variants = 1;                  // frozen draws of each sample
  double bytes = 0;                  // stored, a sample, all variants together; 0 for as-is
  double pack_cpu_ms = 0;            // to make them, a sample, all variants together
  ScalingCurve warm;                 // of the loader over it, bytes in the page cache
  std::optional<ScalingCurve> cold;  // bytes not in the page cache; nothing: storage is never waited for
  double cpu_ms = 0;                 // of one sample while training: all CPU time of loading
  double p99_ms = 0;                 // of the slowest samples in a hundred, one thread
  double read_bytes = 0;             // a sample, while training
  // A form that changes what is trained on is predicted, never chosen, unless the user accepted it.
  bool needs_consent = false;
  bool has_consent = false;
};

struct Situation {
  double samples = 0;  // of the data set
  double epochs = 1;   // still to come
  double jobs = 1;     // that share the prepared data
  double cores = 1;
  int most_threads = 1;
  int threads = 1;   // as the loader is now
  int prefetch = 2;  // as the loader is now, batches
  double batch_size = 1;
  double batch_bytes = 0;              // of one batch
  double trainer_rate = 0;             // samples/s; 0: unknown, the faster the better
  double trainer_cpu_ms = 0;           // CPU time of a training step, a sample
  double write_bytes_per_s = 0;        // to the disk that would hold prepared data; 0: without limit
  double cache_bytes = 0;              // page cache that the data may fill, between epochs
  bool is_cold = false;                // the first epoch finds nothing in the page cache
  std::optional<double> disk_bytes;    // limits; nothing: none
  std::optional<double> memory_bytes;  // batches, read-ahead and mapped arrays; not the page cache
  std::optional<double> preparation_s;
};

struct LoadingPlan {
  size_t form = 0;  // number in the list of forms
  int threads = 1;
  int prefetch = 2;
  double rate = 0;           // samples/s that the trainer sees, mean over the epochs
  double loader_rate = 0;    // of loading alone
  double step_ms = 0;        // of one batch
  double preparation_s = 0;  // once, for all jobs
  double total_s = 0;        // preparation by jobs, and all epochs
  double disk_bytes = 0;
  double memory_bytes = 0;
  std::optional<double> break_even_epochs;  // of one job; nothing: it never pays, or nothing is prepared
  std::string refused;                      // why it cannot be chosen; empty: it can
};

struct Choice {
  std::vector<LoadingPlan> plans;  // the first is what is done now; then by form and threads
  size_t chosen = 0;
  size_t fastest = 0;   // of the least total time among those that can be chosen
  bool is_fed = false;  // the trainer gets its batches in time as it is: nothing else was weighed
};

// How much slower than the best a simpler plan may be, as a share of the total time.
inline constexpr double kSimplerSlack = 0.05;

// Predicts every form at every number of threads and takes the plan of least total time among those within
// the limits, or the simplest within kSimplerSlack of it: as it is, then fewer files, then pixels, then
// frozen draws; and of one form the present threads, then the fewest.
// Throws ArgumentError unless the first form is kAsIs with cut 0, and numbers are finite and in range.
Choice choose(const Situation& situation, const std::vector<StoredForm>& forms);

// Batches to make ahead: by Little's law what is begun while the slowest samples of the oldest are waited
// for, and one to take. 2 to 16.
int prefetch_depth(double batch_size, double sample_ms, double p99_ms, double threads);

// Of a loader with worker processes, each making whole batches of its own.
struct WorkerPlan {
  int workers = 0;
  int prefetch_factor = 2;  // batches a worker
  double rate = 0;          // samples/s that the trainer sees
};

// The fewest workers that feed a trainer of `trainer_rate` (0: as fast as it goes), and what each must have
// begun for the slowest samples not to be noticed. Throws ArgumentError for a curve without a rate.
WorkerPlan choose_workers(const ScalingCurve& curve, double trainer_rate, int most, double batch_size,
                          double sample_ms, double p99_ms);

}  // namespace stoker
