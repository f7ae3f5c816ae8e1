// The vector kernel that takes bytes through tables of 256 bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// `count` pixels of `channels` interleaved bytes, each through its channel's table, 256 bytes after the one
// before it, or all through the first when `table_count` is 1. `out` may be `in`.
void look_up_row(const uint8_t* in, size_t count, int channels, const uint8_t* tables, size_t table_count,
                 uint8_t* out);

}  // namespace stoker
