#include "stoker/run/island_desk.h"

#include <algorithm>

#include "stoker/base/clock.h"

namespace stoker {
namespace {

constexpr size_t kKeptBuffers = 16;

}  // namespace

IslandDesk::IslandDesk(size_t operator_count, Serve serve_here)
    : serve_here_(std::move(serve_here)), buffers_(kKeptBuffers), sums_(operator_count) {}

void IslandDesk::ask(const std::shared_ptr<IslandRequest>& request) {
  const int64_t begin = wall_ns();
  if (serve_here_ != nullptr) {
    serve_here_(request);
  } else {
    MutexLock lock(mutex_);
    if (is_closed_) throw IslandsClosed();
    waiting_.push_back(request);
    asked_.notify_one();
    // Everybody is woken for each answer: those who wait are no more than the threads of a run.
    while (!is_closed_ && std::find(done_.begin(), done_.end(), request.get()) == done_.end())
      answered_.wait(mutex_);
    std::erase(waiting_, request);
    if (std::erase(done_, request.get()) == 0) throw IslandsClosed();
  }
  const int64_t took_ns = wall_ns() - begin;
  MutexLock lock(mutex_);
  Sums& each = sums_[request->number];
  ++each.sums.calls;
  each.sums.errors += request->failure ? 1 : 0;
  each.sums.cpu_ns += request->cpu_ns;
  each.sums.wall_ns += request->wall_ns;
  each.sums.waited_ns += std::max<int64_t>(0, took_ns - request->wall_ns);
  each.durations.add(request->cpu_ns);
}

std::shared_ptr<IslandRequest> IslandDesk::take() {
  MutexLock lock(mutex_);
  while (!is_closed_ && waiting_.empty()) asked_.wait(mutex_);
  if (is_closed_) return nullptr;
  std::shared_ptr<IslandRequest> request = std::move(waiting_.front());
  waiting_.pop_front();
  return request;
}

void IslandDesk::answer(const IslandRequest& request) {
  MutexLock lock(mutex_);
  if (is_closed_) return;  // nobody waits for it any more
  done_.push_back(&request);
  answered_.notify_all();
}

void IslandDesk::close() {
  MutexLock lock(mutex_);
  is_closed_ = true;
  waiting_.clear();
  asked_.notify_all();
  answered_.notify_all();
}

bool IslandDesk::starts_service() {
  MutexLock lock(mutex_);
  if (is_served_ || serve_here_ != nullptr) return false;
  is_served_ = true;
  return true;
}

IslandDesk::Reading IslandDesk::reading(size_t number) const {
  MutexLock lock(mutex_);
  Reading reading = sums_[number].sums;
  sums_[number].durations.add_to(&reading.durations);
  return reading;
}

}  // namespace stoker
