// Element types of images, batches and row columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stoker {

enum class DType : uint8_t {
  kBool,
  kInt8,
  kUint8,
  kUint16,
  kInt16,
  kInt32,
  kInt64,
  kUint32,
  kUint64,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
};

// Bytes of one element.
size_t size_of(DType dtype);

// The name that NumPy and torch use: "uint8", "bfloat16", ...
std::string_view name_of(DType dtype);

// Throws ArgumentError for a name that is none of the above.
DType dtype_from_name(std::string_view name);

}  // namespace stoker
