// Records out of files that hold many: their descriptors stay open, their blocks are verified.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "stoker/base/mutex.h"
#include "stoker/base/sample.h"

namespace stoker {

// Closed by the last one who reads from it.
struct FileDescriptor {
  explicit FileDescriptor(int value) : value(value) {}
  ~FileDescriptor();
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  const int value;
};

// Any thread.
class RecordReader {
 public:
  RecordReader();

  // Fills `out`, of the request's length. A block that is not as it was written is kCorrupt, after a second
  // try with the file opened anew: it may have been repaired since, and stands under its name then.
  Failure read(const FetchRequest& request, std::span<uint8_t> out);

  size_t open_count() const;  // descriptors kept now
  size_t max_open() const { return max_open_; }

 private:
  struct Kept {
    std::shared_ptr<const FileDescriptor> file;
    uint64_t last_use;
  };

  Failure read_once(const FetchRequest& request, std::span<uint8_t> out);
  Failure open_file(const std::string& path, std::shared_ptr<const FileDescriptor>* file);
  void forget(const std::string& path);
  void forget_all();

  const size_t max_open_;
  mutable Mutex mutex_;
  uint64_t uses_ STOKER_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, Kept> kept_ STOKER_GUARDED_BY(mutex_);
};

}  // namespace stoker
