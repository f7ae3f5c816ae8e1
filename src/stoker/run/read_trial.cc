#include "stoker/run/read_trial.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "stoker/base/clock.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/fetch/record_reader.h"

namespace stoker {
namespace {

struct Pages {
  int64_t all = 0;
  int64_t cached = 0;
};

// Pages of the range that are in the page cache. Mapped without being touched: nothing is read by it.
std::optional<Pages> count_pages(int file, uint64_t begin, uint64_t length) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t first = begin / page * page;
  const uint64_t mapped = begin + length - first;
  void* memory = mmap(nullptr, mapped, PROT_READ, MAP_SHARED, file, static_cast<off_t>(first));
  if (memory == MAP_FAILED) return std::nullopt;
  std::vector<unsigned char> is_cached((mapped + page - 1) / page);
  const int result = mincore(memory, mapped, is_cached.data());
  munmap(memory, mapped);
  if (result != 0) return std::nullopt;
  return Pages{static_cast<int64_t>(is_cached.size()),
               std::count_if(is_cached.begin(), is_cached.end(), [](unsigned char c) { return c & 1; })};
}

// Drops what `request` reads from the page cache if asked to, and looks what is in it then.
std::optional<Pages> prepare(const FetchRequest& request, bool drops_cache) {
  const FileDescriptor file(open(request.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (file.value < 0 || fstat(file.value, &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  const auto size = static_cast<uint64_t>(about.st_size);
  const uint64_t begin = std::min(request.offset_bytes, size);
  const uint64_t length = std::min(request.length_bytes.value_or(size - begin), size - begin);
  if (length == 0) return std::nullopt;
  if (drops_cache) {
    fdatasync(file.value);  // pages that wait to be written are not dropped
    posix_fadvise(file.value, static_cast<off_t>(begin), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
  }
  return count_pages(file.value, begin, length);
}

// What one reader has read.
struct Part {
  std::vector<int64_t> latencies_ns;
  std::vector<int64_t> bytes;
  int64_t samples = 0;
};

}  // namespace

ReadTrial try_reading(const Source& source, const std::vector<int64_t>& indices,
                      const ReadTrialOptions& options) {
  if (options.readers < 1 || options.readers > 1024) {
    throw ArgumentError("read trial: readers must be from 1 to 1024, got " + std::to_string(options.readers) +
                        ".");
  }
  const int64_t size = source.size().value_or(0);
  std::vector<std::vector<FetchRequest>> requests;
  Pages pages;
  bool is_known = true;
  for (const int64_t index : indices) {
    if (index < 0 || index >= size) {
      throw ArgumentError("read trial: sample index " + std::to_string(index) + " is outside 0 to " +
                          std::to_string(size - 1) + ".");
    }
    requests.emplace_back();
    for (size_t field = 0; field < source.fields().size(); ++field) {
      FetchRequest request = source.request(index, field, 0);
      if (request.path.empty()) continue;
      const std::optional<Pages> found = prepare(request, options.drops_cache);
      is_known &= found.has_value();
      pages.all += found.value_or(Pages{}).all;
      pages.cached += found.value_or(Pages{}).cached;
      requests.back().push_back(std::move(request));
    }
  }

  ReadTrial trial;
  if (is_known && pages.all > 0) {
    trial.cached_share = static_cast<double>(pages.cached) / static_cast<double>(pages.all);
  }
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  std::vector<Part> parts(static_cast<size_t>(options.readers));
  std::atomic<size_t> next{0};
  const int64_t begin = wall_ns();
  const auto read = [&](Part& part) {
    for (size_t i = next++; i < requests.size(); i = next++) {
      if (options.limit_ns > 0 && wall_ns() - begin > options.limit_ns) return;
      for (const FetchRequest& request : requests[i]) {
        FetchResult result;
        try {
          result = fetcher->fetch(request);
        } catch (const std::exception&) {
          continue;  // of the process, not of the file: the run will say it
        }
        if (result.failure) continue;
        part.latencies_ns.push_back(result.wall_ns);
        part.bytes.push_back(static_cast<int64_t>(result.bytes.view().size()));
        fetcher->recycle(std::move(result.bytes));
      }
      ++part.samples;
    }
  };
  std::vector<std::thread> threads;
  try {
    for (size_t i = 1; i < parts.size(); ++i) threads.emplace_back([&, i] { read(parts[i]); });
  } catch (const std::system_error&) {  // fewer will do
  }
  read(parts[0]);
  for (std::thread& thread : threads) thread.join();
  trial.wall_ns = wall_ns() - begin;
  for (const Part& part : parts) {
    trial.samples += part.samples;
    trial.latencies_ns.insert(trial.latencies_ns.end(), part.latencies_ns.begin(), part.latencies_ns.end());
    trial.bytes.insert(trial.bytes.end(), part.bytes.begin(), part.bytes.end());
  }
  return trial;
}

}  // namespace stoker
