#include "stoker/run/policy.h"

#include <sys/stat.h>

#include <cmath>

namespace stoker {

BadSampleLog::BadSampleLog(OnError on_error, double max_bad, int64_t size, std::string root)
    : on_error_(on_error),
      size_(size),
      limit_(max_bad < 1 ? std::ceil(max_bad * static_cast<double>(size)) : max_bad),
      root_(std::move(root)) {}

void BadSampleLog::add(const SampleError& error) {
  check_root(error);
  note(error);
}

void BadSampleLog::note(const SampleError& error) {
  MutexLock lock(mutex_);
  bad_.emplace(error.index, error);
  if (on_error_ == OnError::kRaise || static_cast<double>(bad_.size()) <= limit_) return;
  std::vector<SampleError> errors;
  for (const auto& [index, each] : bad_) errors.push_back(each);
  throw BadSamples("max_bad: " + std::to_string(bad_.size()) + " of " + std::to_string(size_) +
                       " samples are bad, allowed are " + std::to_string(static_cast<int64_t>(limit_)) +
                       "; mend the data or raise max_bad. The last: " + error.message(),
                   std::move(errors));
}

// A file that is missing because its disk went away is not a bad sample.
void BadSampleLog::check_root(const SampleError& error) const {
  if (error.code != SampleErrorCode::kMissing && error.code != SampleErrorCode::kUnreadable) return;
  struct stat ignored {};
  if (root_.empty() || stat(root_.c_str(), &ignored) == 0) return;
  throw IoError("fetch: the folder '" + root_ +
                "' is gone (a disk unmounted, a mount lost); found when reading '" + error.path +
                "'. Bring it back and start again.");
}

std::vector<SampleError> BadSampleLog::all() const {
  MutexLock lock(mutex_);
  std::vector<SampleError> errors;
  for (const auto& [index, error] : bad_) errors.push_back(error);
  return errors;
}

BadSamples rejected_batch(const std::vector<SampleError>& errors) {
  std::string text = errors.front().message();
  if (errors.size() > 1) {
    text += " (and " + std::to_string(errors.size() - 1) + " more bad samples in this batch: ";
    for (size_t i = 1; i < errors.size(); ++i) {
      text +=
          (i > 1 ? ", " : "") + (errors[i].path.empty() ? std::to_string(errors[i].index) : errors[i].path);
    }
    text += ")";
  }
  return BadSamples(text, errors);
}

}  // namespace stoker
