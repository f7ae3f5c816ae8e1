// Values that cross the Python boundary as operator parameters.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace stoker {

using Value = std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<double>>;

// Canonical JSON of a value: the shortest digits that read back the same. For explain() and fingerprints.
std::string to_json(const Value& value);

// A JSON string, quoted and escaped; control characters never pass through.
std::string to_json_string(const std::string& text);

}  // namespace stoker
