// A mutex that clang's thread-safety analysis understands; std::mutex of libstdc++ carries no such marks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define STOKER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define STOKER_THREAD_ATTRIBUTE(x)
#endif

#define STOKER_GUARDED_BY(mutex) STOKER_THREAD_ATTRIBUTE(guarded_by(mutex))
#define STOKER_REQUIRES(mutex) STOKER_THREAD_ATTRIBUTE(requires_capability(mutex))

namespace stoker {

class STOKER_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() STOKER_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() STOKER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class STOKER_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) STOKER_THREAD_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() STOKER_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  // Wakes early at times: callers loop over their claim.
  void wait(Mutex& mutex) STOKER_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  // False when `duration` passed without a wake.
  bool wait_for(Mutex& mutex, std::chrono::nanoseconds duration) STOKER_REQUIRES(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    const bool woken = condition_.wait_for(held, duration) == std::cv_status::no_timeout;
    held.release();
    return woken;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace stoker
