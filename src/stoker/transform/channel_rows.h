// The vector kernel that reorders three channels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stoker {

// out channel c = in channel order[c], of `width` interleaved pixels of three bytes.
void reorder_three_bytes(const uint8_t* in, size_t width, const std::array<int, 3>& order, uint8_t* out);

}  // namespace stoker
