#include "stoker/base/error.h"

#include <array>

namespace stoker {

void fail_check(const char* claim, const char* file, int line) {
  throw InternalError(std::string("stoker: internal error: '") + claim + "' does not hold at " + file + ":" +
                      std::to_string(line) +
                      ". This is a defect of stoker, not of your data; please report it with this line.");
}

std::string_view name_of(SampleErrorCode code) {
  constexpr std::array<std::string_view, 12> kNames = {
      "missing",   "unreadable", "not-regular", "empty",       "changed", "unknown-format",
      "truncated", "corrupt",    "too-large",   "unsupported", "shape",   "python"};
  return kNames[static_cast<size_t>(code)];
}

std::string SampleError::message() const {
  const std::string number = index >= 0 ? "sample " + std::to_string(index) : std::string();
  std::string text = path.empty() ? number : path;
  if (!path.empty() && index >= 0) text += " (" + number + ")";
  if (!text.empty()) text += ": ";
  text += step + ": " + found;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

}  // namespace stoker
