// The vector kernel that mirrors a row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// out pixel x = in pixel width - 1 - x, pixels of `pixel_bytes`. The rows do not overlap.
void flip_row(const uint8_t* in, size_t width, size_t pixel_bytes, uint8_t* out);

}  // namespace stoker
