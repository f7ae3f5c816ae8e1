// What becomes of samples that could not be made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stoker/base/mutex.h"
#include "stoker/run/run.h"

namespace stoker {

// Counts bad samples against the limit. Any thread.
class BadSampleLog {
 public:
  // `root` as in Source::root.
  BadSampleLog(OnError on_error, double max_bad, int64_t size, std::string root);

  // Throws IoError when the disk that held the sample is gone.
  void check_root(const SampleError& error) const;

  // Notes a bad sample. Throws BadSamples when there are more than the policy bears.
  void note(const SampleError& error);

  // Both of them.
  void add(const SampleError& error);

  // Every bad sample so far, by index.
  std::vector<SampleError> all() const;

 private:
  const OnError on_error_;
  const int64_t size_;
  const double limit_;
  const std::string root_;
  mutable Mutex mutex_;
  std::map<int64_t, SampleError> bad_ STOKER_GUARDED_BY(mutex_);
};

// The error of a batch: its first bad sample, and the names of the others.
BadSamples rejected_batch(const std::vector<SampleError>& errors);

}  // namespace stoker
