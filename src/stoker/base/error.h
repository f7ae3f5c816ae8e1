// What can go wrong, by kind. Set-up mistakes and a broken world are exceptions; a bad sample is a
// value that travels with the sample, because the policy on bad samples decides, not the step.
//
// Every message says where, what was found, what is allowed (with its unit) and what to do.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stoker {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A bad argument; thrown before any thread starts.
class ArgumentError : public Error {
 public:
  using Error::Error;
};

// An argument of the wrong type.
class ArgumentTypeError : public ArgumentError {
 public:
  using ArgumentError::ArgumentError;
};

// The disk, a mount, or the operating system failed; stops the pipeline.
class IoError : public Error {
 public:
  using Error::Error;
};

// A damaged shard header, index or footer; stops the pipeline.
class ShardError : public Error {
 public:
  using Error::Error;
};

// A defect of stoker itself. Never caused by user input.
class InternalError : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void fail_check(const char* claim, const char* file, int line);

// Throws InternalError when `claim` is false.
#define STOKER_CHECK(claim) \
  ((claim) ? static_cast<void>(0) : ::stoker::fail_check(#claim, __FILE__, __LINE__))

enum class SampleErrorCode : uint8_t {
  kMissing,        // the file is not there
  kUnreadable,     // permission, or an I/O error of this one file
  kNotRegular,     // a directory, FIFO, socket or device
  kEmpty,          // zero bytes
  kChanged,        // size or time changed while it was read
  kUnknownFormat,  // no decoder knows the first bytes
  kTruncated,      // the data end early
  kCorrupt,        // the data contradict themselves
  kTooLarge,       // above a limit on pixels, sides, scans or time
  kUnsupported,    // valid, but a kind that no decoder here handles
  kShape,          // an operator or a batch cannot take this shape
  kPython,         // a step in Python raised, or gave what is no image
};

// "truncated", "too-large", ...; the same word in C++, Python and counters.
std::string_view name_of(SampleErrorCode code);

// Why one sample could not be made. Steps fill `code`, `step`, `found` and `hint`; the run adds the rest.
struct SampleError {
  SampleErrorCode code = SampleErrorCode::kCorrupt;
  std::string step;    // "fetch", "decode/jpeg", an operator's name, "batch"
  std::string found;   // what was found and what is allowed, without a full stop
  std::string hint{};  // what to do
  std::string path{};  // empty for samples in memory
  int64_t index = -1;  // -1: the sample has no number
  int64_t epoch = -1;  // -1: it belongs to none

  // One line of text.
  std::string message() const;
};

// The answer of a step that works on one sample: nothing, or why it failed.
using Failure = std::optional<SampleError>;

}  // namespace stoker
