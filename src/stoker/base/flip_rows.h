// The vector kernel that mirrors rows.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

struct FlipRows {
  const uint8_t* in = nullptr;
  ptrdiff_t in_row_bytes = 0;
  uint8_t* out = nullptr;  // does not overlap `in`
  ptrdiff_t out_row_bytes = 0;
  size_t width = 0;  // pixels
  size_t height = 0;
};

// Pixel x of each row from pixel width - 1 - x.
void flip_rows(const FlipRows& rows, size_t pixel_bytes);

}  // namespace stoker
