// The vector kernels of the store pass.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/batch/value_formula.h"

namespace stoker {

// One row of interleaved uint8 pixels through a table into planes:
//   out[c * plane + x'] = table[c * 256 + in[x * channels + c]], x' = x, or width - 1 - x when `flip`.
// channels is 1 or 3; `plane` is in elements. `formula` is what formula_of() found for the table, or null.
void store_row_of_floats(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                         const ValueFormula* formula, size_t plane, float* out);

// `count` interleaved uint8 values, whole pixels, each through its channel's table:
//   out[i] = table[(i % channels) * 256 + in[i]]. channels is 1 or 3; `formula` as above.
void store_values_of_floats(const uint8_t* in, size_t count, int channels, const float* table,
                            const ValueFormula* formula, float* out);

// `width` pixels of three interleaved bytes into planes: out[c * plane + x] = in[3 * x + c].
void store_row_in_planes(const uint8_t* in, size_t width, size_t plane, uint8_t* out);

}  // namespace stoker
