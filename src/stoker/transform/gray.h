// Grey levels of RGB pixels, and mixtures of pixels with them, as three libraries compute them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stoker/transform/pixel_planes.h"

namespace stoker {

// Whose arithmetic an operator follows where libraries differ.
enum class Arithmetic : uint8_t { kPillow, kTorch, kOpenCv };

// Of "pillow", "torch", "opencv".
Arithmetic arithmetic_named(const std::string& name);

// Pillow: (19595 R + 38470 G + 7471 B + 32768) >> 16. OpenCV: (9798 R + 19235 G + 3735 B + 16384) >> 15.
// torch: 0.2989 R + 0.587 G + 0.114 B in float32 with fused additions, cut to an integer.
uint8_t gray_level(Arithmetic arithmetic, uint8_t r, uint8_t g, uint8_t b);

// The mixture `factor` value + (1 - factor) gray: Pillow and torch cut it to an integer, OpenCV rounds.
uint8_t mixed(Arithmetic arithmetic, uint8_t value, uint8_t gray, double factor);

// gray_level of each pixel, into room for PixelPlanes::kMaxPixels.
void gray_levels(Arithmetic arithmetic, const PixelPlanes& planes, uint8_t* levels);

// Mixes each pixel with its own grey level; `factor` is at most 1e6.
void saturate(Arithmetic arithmetic, double factor, PixelPlanes& planes);

// Each of `count` values three times.
void repeat_three_times(const uint8_t* values, size_t count, uint8_t* out);

uint64_t sum_of_row(const uint8_t* values, size_t count);

}  // namespace stoker
