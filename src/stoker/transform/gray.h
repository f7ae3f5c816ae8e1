// Grey levels of RGB pixels, and mixtures of pixels with them, as three libraries compute them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

// gray_level of a row of interleaved RGB pixels.
void gray_row(Arithmetic arithmetic, const uint8_t* rgb, size_t width, uint8_t* out);

// A row of interleaved RGB pixels, each mixed with its own grey level. `out` may be `rgb`.
void saturate_row(Arithmetic arithmetic, const uint8_t* rgb, size_t width, double factor, uint8_t* out);

// Each of `count` values three times.
void repeat_three_times(const uint8_t* values, size_t count, uint8_t* out);

uint64_t sum_of_row(const uint8_t* values, size_t count);

}  // namespace stoker
