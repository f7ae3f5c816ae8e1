#include "stoker/pack/new_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <random>

#include "stoker/base/hash.h"

namespace stoker {
namespace {

constexpr size_t kPendingBytes = size_t{1} << 20;
// The disk is set to work in such steps, so that the last fsync has little left to do.
constexpr uint64_t kWriteOutBytes = uint64_t{8} << 20;
constexpr size_t kMaxNameBytes = 180;
constexpr int64_t kForeignLeftoverSeconds = 24 * 3600;

uint32_t host_hash() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return static_cast<uint32_t>(hash64(std::string_view(name)));
}

// When a process began, in the kernel's ticks; nothing where it does not live or the system does not tell.
std::optional<uint64_t> start_of_process(long pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  size_t at = text.rfind(')');  // the name before it may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + at + 1, nullptr, 10);
}

std::string hidden_name(const std::string& name) {
  const auto pid = static_cast<long>(getpid());
  char tail[96];
  std::snprintf(tail, sizeof tail, ".h%08" PRIx32 "-p%ld-t%" PRIu64 "-r%08" PRIx32 ".tmp", host_hash(), pid,
                start_of_process(pid).value_or(0), static_cast<uint32_t>(std::random_device{}()));
  return "." + name + tail;
}

// Who wrote a hidden file, read from its name.
struct Writer {
  uint32_t host = 0;
  long pid = 0;
  uint64_t start = 0;
};

std::optional<Writer> writer_of(const std::string& name) {
  if (!name.starts_with('.') || !name.ends_with(".tmp")) return std::nullopt;
  const size_t at = name.rfind(".h");
  if (at == std::string::npos) return std::nullopt;
  Writer writer;
  uint32_t random = 0;
  int length = 0;
  const int found = std::sscanf(name.c_str() + at, ".h%8" SCNx32 "-p%ld-t%" SCNu64 "-r%8" SCNx32 ".tmp%n",
                                &writer.host, &writer.pid, &writer.start, &random, &length);
  if (found != 4 || length == 0 || name[at + static_cast<size_t>(length)] != '\0') return std::nullopt;
  return writer;
}

bool is_alive(const Writer& writer) {
  if (const auto start = start_of_process(writer.pid)) return *start == writer.start;
  return writer.pid > 0 && (kill(static_cast<pid_t>(writer.pid), 0) == 0 || errno != ESRCH);
}

// Whether the writer of the hidden file `path` is gone.
bool is_left_over(const std::string& path, const Writer& writer) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return false;
  struct stat found {};
  bool is_dead = false;
  const bool is_locked_by_none = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  const bool is_locked = !is_locked_by_none && errno == EWOULDBLOCK;
  if (!is_locked && fstat(descriptor, &found) == 0) {
    is_dead = writer.host == host_hash()
                  ? !is_alive(writer)
                  : is_locked_by_none && std::time(nullptr) - found.st_mtime > kForeignLeftoverSeconds;
  }
  close(descriptor);
  return is_dead;
}

bool has_no_links(int error_number) {
  return error_number == EPERM || error_number == EOPNOTSUPP || error_number == ENOTSUP ||
         error_number == ENOSYS || error_number == EMLINK || error_number == EINVAL;
}

bool exists(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0;
}

}  // namespace

NewFile::NewFile(std::string folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {
  if (name_.empty() || name_.size() > kMaxNameBytes || name_.find('/') != std::string::npos ||
      name_.find('\0') != std::string::npos || name_.starts_with('.')) {
    throw ArgumentError("a file to be written must have a name of 1 to " + std::to_string(kMaxNameBytes) +
                        " bytes without '/' and without a dot in front, got '" + name_ + "'.");
  }
  pending_.reserve(kPendingBytes);
  for (int tries = 0; descriptor_ < 0; ++tries) {
    hidden_path_ = folder_ + "/" + hidden_name(name_);
    descriptor_ = open(hidden_path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || tries == 100)) {
      const int error_number = errno;
      hidden_path_.clear();
      fail("create", error_number);
    }
  }
  flock(descriptor_, LOCK_EX | LOCK_NB);  // what it says to others is also in the name
}

NewFile::~NewFile() { discard(); }

void NewFile::discard() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  if (!hidden_path_.empty()) unlink(hidden_path_.c_str());
  hidden_path_.clear();
}

void NewFile::fail(const char* what, int error_number) {
  const std::string text = path() + ": " + what + " failed: " + std::strerror(error_number);
  const uint64_t written = size_bytes_;
  discard();
  if (error_number == ENOSPC || error_number == EDQUOT)
    throw NoSpaceError(text + " after " + std::to_string(written) + " bytes; free space and run it again.");
  if (error_number == EFBIG) {
    throw IoError(text + " after " + std::to_string(written) +
                  " bytes; raise the limit on file sizes (ulimit -f), or make smaller files.");
  }
  throw IoError(text + "; check the disk and the permissions of the folder, and run it again.");
}

void NewFile::append(std::span<const uint8_t> bytes) {
  if (pending_.size() + bytes.size() > kPendingBytes) flush();
  if (bytes.size() >= kPendingBytes / 4) {
    flush();
    write_out(bytes, flushed_bytes_);
    flushed_bytes_ += bytes.size();
  } else {
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  }
  size_bytes_ += bytes.size();
#ifdef __linux__
  if (flushed_bytes_ - begun_bytes_ >= kWriteOutBytes) {
    sync_file_range(descriptor_, static_cast<off_t>(begun_bytes_),
                    static_cast<off_t>(flushed_bytes_ - begun_bytes_), SYNC_FILE_RANGE_WRITE);
    begun_bytes_ = flushed_bytes_;
  }
#endif
}

void NewFile::overwrite(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  STOKER_CHECK(offset_bytes <= size_bytes_ && bytes.size() <= size_bytes_ - offset_bytes);
  flush();
  write_out(bytes, offset_bytes);
}

void NewFile::flush() {
  if (pending_.empty()) return;
  write_out(pending_, flushed_bytes_);
  flushed_bytes_ += pending_.size();
  pending_.clear();
}

void NewFile::write_out(std::span<const uint8_t> bytes, uint64_t offset_bytes) {
  STOKER_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t put = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("write", errno);
    if (put == 0) fail("write", ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset_bytes += static_cast<uint64_t>(put);
  }
}

bool NewFile::publish(IfTaken if_taken) {
  flush();
  if (fsync(descriptor_) != 0) fail("fsync", errno);
  const std::string final_path = path();
  bool is_published = true;
  if (if_taken == IfTaken::kReplace) {
    if (rename(hidden_path_.c_str(), final_path.c_str()) != 0) fail("rename", errno);
    hidden_path_.clear();
  } else if (link(hidden_path_.c_str(), final_path.c_str()) != 0) {
    const int error_number = errno;
    if (error_number == EEXIST) {
      is_published = false;
    } else if (!has_no_links(error_number)) {
      fail("link", error_number);
    } else {  // a file system without hard links; between look and rename another writer may still win
      is_published = !exists(final_path);
      if (is_published && rename(hidden_path_.c_str(), final_path.c_str()) != 0) fail("rename", errno);
      if (is_published) hidden_path_.clear();
    }
  }
  discard();
  const int folder = open(folder_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (folder < 0) fail("open of the folder", errno);
  // EINVAL: the file system has no such call, and keeps folders in order by itself.
  const int error_number = fsync(folder) == 0 || errno == EINVAL ? 0 : errno;
  close(folder);
  if (error_number != 0) {
    if (is_published) unlink(final_path.c_str());  // its name may be gone after a power cut
    fail("fsync of the folder", error_number);
  }
  return is_published;
}

int sweep_leftovers(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (entries == nullptr) {
    throw IoError(folder + ": opendir failed: " + std::strerror(errno) +
                  "; give a folder that is there and may be read.");
  }
  int removed = 0;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    const std::optional<Writer> writer = writer_of(name);
    const std::string path = folder + "/" + name;
    if (writer && is_left_over(path, *writer) && unlink(path.c_str()) == 0) ++removed;
  }
  return removed;
}

uint64_t free_bytes(const std::string& folder) {
  struct statvfs found {};
  if (statvfs(folder.c_str(), &found) != 0) {
    throw IoError(folder + ": statvfs failed: " + std::strerror(errno) +
                  "; give a folder that is there and may be read.");
  }
  return static_cast<uint64_t>(found.f_bavail) * found.f_frsize;
}

}  // namespace stoker
