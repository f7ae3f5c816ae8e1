#include "stoker/fetch/fetch_error.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace stoker {

SampleError fetch_error(SampleErrorCode code, std::string found, std::string hint) {
  SampleError error;
  error.code = code;
  error.step = "fetch";
  error.found = std::move(found);
  error.hint = std::move(hint);
  return error;
}

SampleError fetch_call_error(const char* call, int error_number) {
  if (error_number == EMFILE || error_number == ENFILE) {
    throw IoError(std::string("fetch: ") + std::strerror(error_number) +
                  "; raise the limit (ulimit -n) or close what the process keeps open.");
  }
  const bool is_missing = error_number == ENOENT || error_number == ENOTDIR;
  return fetch_error(
      is_missing ? SampleErrorCode::kMissing : SampleErrorCode::kUnreadable,
      std::string(call) + " failed: " + std::strerror(error_number),
      is_missing ? "restore the file or list the folder anew" : "check the file and its permissions");
}

SampleError not_regular(mode_t mode) {
  const char* kind = S_ISDIR(mode)    ? "a directory"
                     : S_ISFIFO(mode) ? "a FIFO"
                     : S_ISSOCK(mode) ? "a socket"
                                      : "a device";
  return fetch_error(SampleErrorCode::kNotRegular,
                     std::string("it is ") + kind + ", allowed are regular files", "remove it from the list");
}

}  // namespace stoker
