// How many cores this process may use, and how loaders share them.
#pragma once

#include <optional>

#include "stoker/base/mutex.h"

namespace stoker {

struct UsableCores {
  int affinity = 1;             // cores of the affinity mask
  std::optional<double> quota;  // cores that the control group allows, if it limits them; up to a second old
  int local_world_size = 1;     // processes that share the host, from LOCAL_WORLD_SIZE
  // Cores that those have together: of the parent's affinity mask, as launchers start ranks that bind
  // themselves, or are bound, to cores of their own. Counted as `affinity` where it is less.
  int host = 1;
  // The cores that all of this process may use at a time, above 0; a quota is taken to be all ranks'.
  double share() const;
  // Whole ones of these; at least 1.
  int most_threads() const;
  // Threads that `threads="auto"` starts with: these less one for the trainer; at least 1.
  int threads() const;
};

UsableCores usable_cores();

// Lets at most `threads` samples be worked on at a time by all loaders with automatic threads, so that a
// training and a validation loader do not take the cores twice.
class CoreBudget {
 public:
  explicit CoreBudget(int threads) : size_(threads), free_(threads) {}
  void take();
  void give_back();
  // From now on `threads`, at least 1; shares that are taken stay taken.
  void resize(int threads);

 private:
  Mutex mutex_;
  Condition freed_;
  int size_ STOKER_GUARDED_BY(mutex_);
  int free_ STOKER_GUARDED_BY(mutex_);  // below 0 while more are taken than there are
};

// One share of a budget for the time of its life; of none when `budget` is null.
class CoreShare {
 public:
  explicit CoreShare(CoreBudget* budget) : budget_(budget) {
    if (budget_ != nullptr) budget_->take();
  }
  ~CoreShare() {
    if (budget_ != nullptr) budget_->give_back();
  }
  CoreShare(const CoreShare&) = delete;
  CoreShare& operator=(const CoreShare&) = delete;

 private:
  CoreBudget* const budget_;
};

// The budget of this process: of usable_cores().threads(), until a loader is given another number of threads.
CoreBudget& process_budget();

}  // namespace stoker
