// The vector kernels between coefficients and pixels. All arithmetic is that of libjpeg-turbo, bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stoker {

// Kernels read and write at most so many bytes behind the samples they are asked for, except in output
// pixels, where they stay inside.
inline constexpr size_t kJpegSlackBytes = 128;

// A row of blocks of one component. Block i of it is number (i >> h_shift) * mcu_blocks + (i & h_shift) of
// those at `blocks`, and its samples go to out + (i - first) * 8.
struct JpegBlockRow {
  const int16_t* blocks;
  const uint8_t* last;
  const uint16_t* quantization;
  int h_shift;
  int mcu_blocks;
  int first;
  int count;
  uint8_t* out;
  ptrdiff_t out_row_bytes;
};

// Dequantises and transforms ("islow"). False where a product is so large that libjpeg-turbo's C and vector
// code differ.
bool inverse_dct(const JpegBlockRow& row);

// Twice as many samples in a row: 3/4 of the nearer, 1/4 of the other neighbour. Reads in[-1] to in[count].
void upsample_columns(const uint8_t* in, size_t count, uint8_t* out);
// The same in both directions: `near` and `far` are the nearer and the other row.
void upsample_both(const uint8_t* near, const uint8_t* far, size_t count, uint8_t* out);
// (3 near + far + bias) / 4
void upsample_rows(const uint8_t* near, const uint8_t* far, int bias, size_t count, uint8_t* out);

// `width` pixels of 3 bytes each, B G R where `is_bgr`.
void pixels_from_ycc(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, size_t width, bool is_bgr,
                     uint8_t* out);
// Three planes as they are.
void pixels_from_planes(const uint8_t* first, const uint8_t* second, const uint8_t* third, size_t width,
                        uint8_t* out);

}  // namespace stoker
