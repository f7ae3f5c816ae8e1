// The bytes of a scan without their stuffing: FF 00 becomes FF, any other FF ends them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// Copies from `*from` until a marker, `end`, or at least `wanted` bytes at `to`, which has room for
// `wanted` + kUnstuffSlackBytes. Moves `*from` behind what was taken (to the marker's FF, if that ended it)
// and returns how many bytes were written. `*is_ended` is set at a marker or `end`.
inline constexpr size_t kUnstuffSlackBytes = 256;
size_t unstuff_bytes(const uint8_t** from, const uint8_t* end, uint8_t* to, size_t wanted, bool* is_ended);

}  // namespace stoker
