// A file that appears under its name only when it is complete and on the disk.
//
// Note [publishing]
// The bytes go to a hidden name in the same folder; fsync; then link() gives them their name, which fails
// where the name is taken already, so of two writers the first wins and the other drops its file; then fsync
// of the folder. After a failed fsync the kernel may have dropped the pages, so the file is never tried again
// but made anew. The hidden name tells host, process and its start; the writer holds a lock on the file. By
// both a later process knows what the dead left behind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stoker/base/error.h"

namespace stoker {

// The disk is full, or the user's share of it.
class NoSpaceError : public IoError {
 public:
  using IoError::IoError;
};

// Belongs to one thread. Throws IoError in every place where the disk fails; the hidden file is gone then.
class NewFile {
 public:
  enum class IfTaken : uint8_t {
    kKeep,     // leave what has the name, drop the new file
    kReplace,  // put the new file in its place, at one stroke
  };

  // Creates the hidden file for `name` in `folder`.
  NewFile(std::string folder, std::string name);
  ~NewFile();  // removes the hidden file
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void append(std::span<const uint8_t> bytes);
  // Over what was appended before.
  void overwrite(uint64_t offset_bytes, std::span<const uint8_t> bytes);
  uint64_t size_bytes() const { return size_bytes_; }

  // True when the file has its name now; false when the name was taken and kept. Nothing may follow.
  bool publish(IfTaken if_taken);

  std::string path() const { return folder_ + "/" + name_; }

 private:
  void flush();
  void write_out(std::span<const uint8_t> bytes, uint64_t offset_bytes);
  void discard();
  [[noreturn]] void fail(const char* what, int error_number);

  const std::string folder_;
  const std::string name_;
  std::string hidden_path_;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
  uint64_t flushed_bytes_ = 0;    // handed to the kernel
  uint64_t begun_bytes_ = 0;      // on their way to the disk
  std::vector<uint8_t> pending_;  // appended and not yet flushed
};

// Removes hidden files that dead writers left in `folder`; returns how many. Those of living ones stay.
int sweep_leftovers(const std::string& folder);

// Free for this user on the disk that holds `folder`. Throws IoError.
uint64_t free_bytes(const std::string& folder);

}  // namespace stoker
