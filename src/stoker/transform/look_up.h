// Bytes through tables of 256 bytes, as operators do that change each value of a uint8 image alone.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/base/look_up_row.h"

namespace stoker {

using ByteTable = std::array<uint8_t, 256>;

// A row of `count` pixels of interleaved bytes through one table or one a channel; `out` may be `in`.
inline void look_up_row(const uint8_t* in, size_t count, int channels, std::span<const ByteTable> tables,
                        uint8_t* out) {
  look_up_row(in, count, channels, tables.data()->data(), tables.size(), out);
}

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
