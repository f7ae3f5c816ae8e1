#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <new>

#include "stoker/base/clock.h"
#include "stoker/base/priority.h"
#include "stoker/base/thread_name.h"
#include "stoker/fetch/fetch_error.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/fetch/record_reader.h"

namespace stoker {
namespace {

constexpr size_t kKeptBuffers = 64;
constexpr size_t kKeptBufferBytes = size_t{4} << 20;

class FileFetcher : public Fetcher {
 public:
  explicit FileFetcher(int threads) : thread_count_(threads) {}
  ~FileFetcher() override { stop(); }

  FetchResult fetch(const FetchRequest& request) override {
    FetchResult result;
    const int64_t cpu_begin = thread_cpu_ns();
    const int64_t wall_begin = wall_ns();
    if (request.path.empty()) {
      result.bytes = SampleBytes(request.memory);
    } else {
      try {
        result.failure = read(request, &result.bytes);
      } catch (const std::bad_alloc&) {  // on a thread of its own nobody could catch it
        result.failure = fetch_error(SampleErrorCode::kUnreadable, "there is no memory for the file",
                                     "free memory, or remove the file if it is a huge one");
      }
    }
    result.cpu_ns = thread_cpu_ns() - cpu_begin;
    result.begin_ns = wall_begin;
    result.wall_ns = wall_ns() - wall_begin;
    return result;
  }

  void start(FetchRequest request, Done done) override {
    MutexLock lock(mutex_);
    if (is_stopped_) return;
    if (threads_.empty()) {
      for (int i = 0; i < thread_count_; ++i) threads_.emplace_back([this, i] { serve(i); });
    }
    waiting_.push_back({std::move(request), std::move(done)});
    wake_.notify_one();
  }

  void recycle(SampleBytes bytes) override {
    const size_t capacity = bytes.capacity_bytes();
    auto memory = bytes.release();
    if (memory == nullptr || capacity > kKeptBufferBytes) return;
    MutexLock lock(mutex_);
    if (free_.size() < kKeptBuffers) free_.push_back({std::move(memory), capacity});
  }

  void stop() override {
    std::vector<std::thread> threads;
    {
      MutexLock lock(mutex_);
      is_stopped_ = true;
      waiting_.clear();
      threads.swap(threads_);
      wake_.notify_all();
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  struct Waiting {
    FetchRequest request;
    Done done;
  };
  struct FreeBuffer {
    std::unique_ptr<uint8_t[], AlignedFree> memory;
    size_t capacity_bytes;
  };

  void serve(int thread) {
    name_thread(kIoThreadName);
    lower_thread_priority();
    while (true) {
      Waiting next;
      {
        MutexLock lock(mutex_);
        while (waiting_.empty() && !is_stopped_) wake_.wait(mutex_);
        if (is_stopped_) return;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      FetchResult result = fetch_here(next.request);
      result.thread = thread;
      next.done(std::move(result));
    }
  }

  FetchResult fetch_here(const FetchRequest& request) {
    try {
      return fetch(request);
    } catch (...) {
      FetchResult result;
      result.failure = fetch_error(SampleErrorCode::kUnreadable, "the process cannot read files", "");
      result.fatal = std::current_exception();
      return result;
    }
  }

  Failure read(const FetchRequest& request, SampleBytes* bytes) {
    if (request.record.empty()) return read_file(request, bytes);
    if (*request.length_bytes > kMaxFileBytes) return too_large(*request.length_bytes);
    auto [memory, capacity] = take_buffer(*request.length_bytes);
    const std::span<uint8_t> out(memory.get(), *request.length_bytes);
    if (Failure failure = records_.read(request, out)) return failure;
    *bytes = SampleBytes(std::move(memory), out.size(), capacity);
    return std::nullopt;
  }

  Failure read_file(const FetchRequest& request, SampleBytes* bytes) {
    // O_NONBLOCK: opening a FIFO without it waits for a writer, perhaps for ever.
    const FileDescriptor file(open(request.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.value < 0) return fetch_call_error("open", errno);
    struct stat before {};
    if (fstat(file.value, &before) != 0) return fetch_call_error("fstat", errno);
    if (!S_ISREG(before.st_mode)) return not_regular(before.st_mode);
    const auto file_bytes = static_cast<uint64_t>(before.st_size);
    if (file_bytes == 0)
      return fetch_error(SampleErrorCode::kEmpty, "the file has 0 bytes", "remove or restore it");
    const uint64_t behind = file_bytes - std::min(request.offset_bytes, file_bytes);
    const uint64_t wanted = request.length_bytes.value_or(behind);
    if (request.offset_bytes > file_bytes || wanted > behind) {
      return fetch_error(SampleErrorCode::kTruncated, "the file ends before the range asked for",
                         "make it anew");
    }
    if (wanted > kMaxFileBytes) return too_large(wanted);
    auto [memory, capacity] = take_buffer(wanted);
    uint64_t have = 0;
    while (have < wanted) {
      const ssize_t got = pread(file.value, memory.get() + have, wanted - have,
                                static_cast<off_t>(request.offset_bytes + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fetch_call_error("read", errno);
      if (got == 0) break;
      have += static_cast<uint64_t>(got);
    }
    struct stat after {};
    if (fstat(file.value, &after) != 0) return fetch_call_error("fstat", errno);
    const bool same_time =
        before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
    if (have != wanted || after.st_size != before.st_size || !same_time) {
      return fetch_error(SampleErrorCode::kChanged, "the file changed while it was read",
                         "do not write to it during training");
    }
    *bytes = SampleBytes(std::move(memory), wanted, capacity);
    return std::nullopt;
  }

  static SampleError too_large(uint64_t found_bytes) {
    return fetch_error(SampleErrorCode::kTooLarge,
                       "it has " + std::to_string(found_bytes) + " bytes, allowed are at most " +
                           std::to_string(kMaxFileBytes),
                       "remove it from the list");
  }

  FreeBuffer take_buffer(uint64_t bytes) {
    {
      MutexLock lock(mutex_);
      for (auto& kept : free_) {
        if (kept.capacity_bytes < bytes) continue;
        FreeBuffer taken = std::move(kept);
        kept = std::move(free_.back());
        free_.pop_back();
        return taken;
      }
    }
    // Rounded up, so that files of about one size share buffers.
    constexpr uint64_t kStep = 64 * 1024;
    const size_t capacity = (bytes + kStep - 1) / kStep * kStep;
    return {allocate_aligned(capacity), capacity};
  }

  const int thread_count_;
  RecordReader records_;
  Mutex mutex_;
  Condition wake_;
  std::deque<Waiting> waiting_ STOKER_GUARDED_BY(mutex_);
  std::vector<FreeBuffer> free_ STOKER_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ STOKER_GUARDED_BY(mutex_);
  bool is_stopped_ STOKER_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Fetcher> make_file_fetcher(int threads) { return std::make_unique<FileFetcher>(threads); }

}  // namespace stoker
