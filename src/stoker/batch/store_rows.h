// The vector kernel of the store pass.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// One row of interleaved uint8 pixels through a table into planes:
//   out[c * plane + x'] = table[c * 256 + in[x * channels + c]], x' = x, or width - 1 - x when `flip`.
// channels is 1 or 3; `plane` is in elements.
void store_row_through_table(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                             size_t plane, float* out);

}  // namespace stoker
