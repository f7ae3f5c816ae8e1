#include "stoker/fetch/record_reader.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "stoker/base/hash.h"
#include "stoker/fetch/fetch_error.h"

namespace stoker {
namespace {

constexpr size_t kMaxOpenFiles = 512;

// A quarter of what the process may have: the rest is the user's.
size_t open_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 16;
  return std::clamp<size_t>(limit.rlim_cur / 4, 4, kMaxOpenFiles);
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

SampleError record_error(const FetchRequest& request, SampleErrorCode code, const std::string& found) {
  return fetch_error(code, request.path + ", " + request.record + ": " + found,
                     request.repair_hint != nullptr ? *request.repair_hint : "make the file anew");
}

Failure verify(const FetchRequest& request, std::span<const uint8_t> bytes) {
  uint64_t at = 0;
  for (size_t i = 0; i < request.blocks.size(); ++i) {
    const Block& block = request.blocks[i];
    const uint64_t found = hash64(bytes.subspan(at, block.length_bytes));
    if (found != block.hash) {
      return record_error(request, SampleErrorCode::kCorrupt,
                          "block " + std::to_string(request.first_block + i) + ", the " +
                              std::to_string(block.length_bytes) + " bytes at byte " +
                              std::to_string(request.offset_bytes + at) + ", has the XXH3-64 " + hex(found) +
                              ", written was " + hex(block.hash));
    }
    at += block.length_bytes;
  }
  return std::nullopt;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (value >= 0) close(value);
}

RecordReader::RecordReader() : max_open_(open_limit()) {}

Failure RecordReader::read(const FetchRequest& request, std::span<uint8_t> out) {
  Failure failure = read_once(request, out);
  if (!failure) return std::nullopt;
  forget(request.path);
  return read_once(request, out);
}

Failure RecordReader::read_once(const FetchRequest& request, std::span<uint8_t> out) {
  std::shared_ptr<const FileDescriptor> file;
  if (Failure failure = open_file(request.path, &file)) return failure;
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t got = pread(file->value, out.data() + have, out.size() - have,
                              static_cast<off_t>(request.offset_bytes + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fetch_call_error("read", errno);
    if (got == 0) {
      return record_error(request, SampleErrorCode::kTruncated,
                          "the file ends at byte " + std::to_string(request.offset_bytes + have) +
                              ", the record at byte " + std::to_string(request.offset_bytes + out.size()));
    }
    have += static_cast<size_t>(got);
  }
  return verify(request, out);
}

Failure RecordReader::open_file(const std::string& path, std::shared_ptr<const FileDescriptor>* file) {
  {
    MutexLock lock(mutex_);
    const auto found = kept_.find(path);
    if (found != kept_.end()) {
      found->second.last_use = ++uses_;
      *file = found->second.file;
      return std::nullopt;
    }
  }
  // O_NONBLOCK: opening a FIFO without it waits for a writer, perhaps for ever.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  int descriptor = open(path.c_str(), kFlags);
  if (descriptor < 0 && (errno == EMFILE || errno == ENFILE)) {
    forget_all();
    descriptor = open(path.c_str(), kFlags);
  }
  if (descriptor < 0) return fetch_call_error("open", errno);
  *file = std::make_shared<const FileDescriptor>(descriptor);
  struct stat found {};
  if (fstat(descriptor, &found) != 0) return fetch_call_error("fstat", errno);
  if (!S_ISREG(found.st_mode)) return not_regular(found.st_mode);
  MutexLock lock(mutex_);
  if (kept_.size() >= max_open_) {
    const auto oldest = std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
      return a.second.last_use < b.second.last_use;
    });
    kept_.erase(oldest);
  }
  kept_[path] = {*file, ++uses_};
  return std::nullopt;
}

void RecordReader::forget(const std::string& path) {
  MutexLock lock(mutex_);
  kept_.erase(path);
}

void RecordReader::forget_all() {
  MutexLock lock(mutex_);
  kept_.clear();
}

size_t RecordReader::open_count() const {
  MutexLock lock(mutex_);
  return kept_.size();
}

}  // namespace stoker
