#include "stoker/base/dtype.h"

#include <array>
#include <string>

#include "stoker/base/error.h"

namespace stoker {
namespace {

struct Entry {
  std::string_view name;
  size_t size_bytes;
};

constexpr std::array<Entry, 13> kEntries = {{{"bool", 1},
                                             {"int8", 1},
                                             {"uint8", 1},
                                             {"uint16", 2},
                                             {"int16", 2},
                                             {"int32", 4},
                                             {"int64", 8},
                                             {"uint32", 4},
                                             {"uint64", 8},
                                             {"float16", 2},
                                             {"bfloat16", 2},
                                             {"float32", 4},
                                             {"float64", 8}}};

}  // namespace

size_t size_of(DType dtype) { return kEntries[static_cast<size_t>(dtype)].size_bytes; }

std::string_view name_of(DType dtype) { return kEntries[static_cast<size_t>(dtype)].name; }

DType dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (kEntries[i].name == name) return static_cast<DType>(i);
  }
  throw ArgumentError("dtype: got '" + std::string(name) +
                      "'; allowed are bool, int8, uint8, uint16, int16, int32, int64, uint32, uint64, "
                      "float16, bfloat16, float32 and float64.");
}

}  // namespace stoker
