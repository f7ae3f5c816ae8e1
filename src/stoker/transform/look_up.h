// Bytes through tables of 256 bytes: the kernel of operators that change each value of a uint8 image alone.
#pragma once

#include <array>
#include <vector>

#include "stoker/base/image.h"

namespace stoker {

using ByteTable = std::array<uint8_t, 256>;

// `count` pixels of `channels` interleaved bytes, each through its channel's table, or all through tables[0]
// when there is one. `out` may be `in`.
void look_up_row(const uint8_t* in, size_t count, int channels, const ByteTable* tables, size_t table_count,
                 uint8_t* out);

// A uint8 image through one table or one a channel; `out` may have the pixels of `in`.
void look_up(const ConstImage& in, const std::vector<ByteTable>& tables, const Image& out);

// The table of map(value) -> byte.
template <class Map>
ByteTable table_of(Map map) {
  ByteTable table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<size_t>(value)] = map(static_cast<uint8_t>(value));
  return table;
}

// How often each value occurs in each channel of a uint8 image: channels x 256 counts.
std::vector<uint32_t> histogram(const ConstImage& in);

}  // namespace stoker
