// The vector kernel of color_jitter's reduction.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// Sum over a row of interleaved RGB pixels of Pillow's grey level, (19595 R + 38470 G + 7471 B + 0x8000) >>
// 16, of each value v taken as min(v * factor, 255), cut to an integer, in float32. A factor of 1 changes
// nothing.
uint64_t gray_sum(const uint8_t* row, size_t width, float factor);

}  // namespace stoker
