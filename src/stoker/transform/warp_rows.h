// The vector kernels of warp(): coordinates of a row, and bilinear samples of 8-bit images.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/transform/warp.h"
#include "stoker/transform/warp_taps.h"

namespace stoker {

// x[i] = clamp(x_steps[i] + x_start, in wrapping 32-bit arithmetic, shifted right by `shift`); y alike. The
// arrays hold PixelMap::kSlack more than `count` numbers.
void add_steps_row(const int32_t* x_steps, const int32_t* y_steps, int32_t x_start, int32_t y_start,
                   int shift, size_t count, const Coordinates& out);

// Numerators and denominator of a perspective map at the start of a block, and their steps per pixel.
struct PerspectiveBlock {
  double x, y, w;
  double x_step, y_step, w_step;
  double unit;  // 1, or 32 for 1/32 pixels
};
void perspective_row(const PerspectiveBlock& block, size_t count, const Coordinates& out);

// Coordinates in pixels, times `unit`, rounded to the nearest (halves to even).
void round_row(const float* xs, const float* ys, float unit, size_t count, const Coordinates& out);

// What a row of samples is read from.
struct WarpSource {
  ConstImage image;  // uint8, 1 to 4 channels
  WarpBorder border;
  const uint8_t* fill;  // one a channel
  int32_t lowest;       // coordinates are clamped to this range of whole pixels
  int32_t highest;
};
// `count` bilinear samples at coordinates in 1/32 pixel. The coordinates hold PixelMap::kSlack more numbers
// than `count`, of any value.
void bilinear_row(const WarpSource& source, const Coordinates& coordinates, size_t count, uint8_t* out);
// Bicubic or Lanczos samples alike; false, with nothing done, for other channel counts than 1, 3 and 4.
bool many_taps_row(const WarpSource& source, const WarpTaps& taps, const Coordinates& coordinates,
                   size_t count, uint8_t* out);
// The same at whole pixels, the nearest ones, of images with one channel.
void nearest_gray_row(const WarpSource& source, const Coordinates& coordinates, size_t count, uint8_t* out);

}  // namespace stoker
