// The two passes of a resize over 8-bit pixels: along rows, and across rows of 8 or 16 bits. Vector code.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/transform/resample_taps.h"

namespace stoker {

// What a pass along rows makes of the sum of weighted samples.
enum class RowForm : uint8_t {
  kBytes,  // uint8: (sum + 2^21) >> 22, clamped; split taps
  kWords,  // int16: sum >> 4; whole taps
  kSums,   // int32: the sum; whole taps
};

constexpr size_t bytes_of(RowForm form) {
  return form == RowForm::kBytes ? 1 : form == RowForm::kWords ? 2 : 4;
}

// How many rows one call of resample_rows takes.
int rows_at_once();

// Working memory of resample_rows.
size_t row_tails_bytes(const RowTable& table);

// Resizes rows_at_once() rows; `rows[i]` may be read as far as the table was told, exactly table.samples
// samples of `outs[i]` are written. The same row may be given more than once.
void resample_rows(RowForm form, const RowTable& table, const uint8_t* const* rows, void* const* outs,
                   uint8_t* tails);

// out[i] = clamp((sum of weighted rows + 2^21) >> 22). `rows` has 2 * pairs entries, `taps` pairs of split
// taps. Here and below exactly `count` samples are read and written.
void blend_bytes(const uint8_t* const* rows, const uint32_t* taps, int pairs, size_t count, uint8_t* out);

// out[i] = clamp(((row0 * weight0 >> 16) + (row1 * weight1 >> 16) + 2) >> 2).
void blend_words(const int16_t* row0, const int16_t* row1, int weight0, int weight1, size_t count,
                 uint8_t* out);

}  // namespace stoker
