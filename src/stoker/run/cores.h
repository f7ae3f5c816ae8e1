// How many cores this process may use, and how loaders share them.
#pragma once

#include <optional>

#include "stoker/base/mutex.h"

namespace stoker {

struct UsableCores {
  int affinity = 1;             // cores of the affinity mask
  std::optional<double> quota;  // cores that the control group allows, if it limits them
  int local_world_size = 1;     // processes that share the host, from LOCAL_WORLD_SIZE
  // Threads for `threads="auto"`: the cores, shared between ranks, less one for the trainer; at least 1.
  int threads() const;
};

UsableCores usable_cores();

// Lets at most `threads` samples be worked on at a time by all loaders with automatic threads, so that a
// training and a validation loader do not take the cores twice.
class CoreBudget {
 public:
  explicit CoreBudget(int threads) : free_(threads) {}
  void take();
  void give_back();

 private:
  Mutex mutex_;
  Condition freed_;
  int free_ STOKER_GUARDED_BY(mutex_);
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

// The budget of this process, of usable_cores().threads().
CoreBudget& process_budget();

}  // namespace stoker
