#include "stoker/run/cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "stoker/base/clock.h"

namespace stoker {
namespace {

constexpr int64_t kQuotaAgeNs = 1'000'000'000;

std::optional<double> quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  return std::strtod(quota.c_str(), nullptr) / period;
}

std::optional<double> quota_v1(const std::string& folder) {
  double quota = 0;
  double period = 0;
  if (!(std::ifstream(folder + "/cpu.cfs_quota_us") >> quota)) return std::nullopt;
  if (!(std::ifstream(folder + "/cpu.cfs_period_us") >> period)) return std::nullopt;
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// The tightest limit from this process's control group up to the root.
std::optional<double> read_quota() {
  std::optional<double> least;
  const auto consider = [&least](std::optional<double> quota) {
    if (quota && (!least || *quota < *least)) least = quota;
  };
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_v2 = controllers.empty();
    if (!is_v2 && controllers.find("cpu") == std::string::npos) continue;
    const std::string mount = is_v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    std::string group = line.substr(second + 1);
    while (true) {
      const std::string folder = mount + (group == "/" ? "" : group);
      consider(is_v2 ? quota_v2(folder) : quota_v1(folder));
      if (group.empty() || group == "/") break;
      group = group.substr(0, group.rfind('/'));
    }
  }
  return least;
}

// Some hundred microseconds of files, asked for at every epoch: read at most once a second by each thread.
std::optional<double> recent_quota() {
  thread_local std::optional<int64_t> read_ns;
  thread_local std::optional<double> quota;
  const int64_t now_ns = wall_ns();
  if (!read_ns || now_ns - *read_ns > kQuotaAgeNs) {
    quota = read_quota();
    read_ns = now_ns;
  }
  return quota;
}

int affinity_of(pid_t process) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return sched_getaffinity(process, sizeof mask, &mask) == 0 ? std::max(1, CPU_COUNT(&mask)) : 1;
}

}  // namespace

double UsableCores::share() const {
  double cores = std::min<double>(affinity, static_cast<double>(std::max(host, affinity)) / local_world_size);
  if (quota) cores = std::min(cores, *quota / local_world_size);
  return cores;
}

int UsableCores::most_threads() const { return std::max(1, static_cast<int>(std::floor(share() + 1e-9))); }

int UsableCores::threads() const { return std::max(1, most_threads() - 1); }

UsableCores usable_cores() {
  UsableCores cores;
  cores.affinity = affinity_of(0);
  cores.host = std::max(cores.affinity, affinity_of(getppid()));
  cores.quota = recent_quota();
  if (const char* text = std::getenv("LOCAL_WORLD_SIZE")) {
    cores.local_world_size = std::clamp(std::atoi(text), 1, 4096);
  }
  return cores;
}

void CoreBudget::take() {
  MutexLock lock(mutex_);
  while (free_ <= 0) freed_.wait(mutex_);
  --free_;
}

void CoreBudget::give_back() {
  MutexLock lock(mutex_);
  ++free_;
  freed_.notify_one();
}

void CoreBudget::resize(int threads) {
  MutexLock lock(mutex_);
  free_ += std::max(1, threads) - size_;
  size_ = std::max(1, threads);
  freed_.notify_all();
}

CoreBudget& process_budget() {
  static CoreBudget budget(usable_cores().threads());
  return budget;
}

}  // namespace stoker
