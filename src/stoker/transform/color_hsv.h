// RGB and HSV of 8 bits as OpenCV 4.11 converts them (H in 0..179), and steps of hue as other libraries make
// them. Rows are interleaved RGB on one side and three planes on the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stoker/transform/look_up.h"

namespace stoker {

void rgb_to_hsv_row(const uint8_t* rgb, size_t width, uint8_t* h, uint8_t* s, uint8_t* v);

// `cut_count` pixels are cut to integers and the others rounded half to even: OpenCV's vector loop does the
// one, its tail the other, so a pixel's value depends on its column. For the whole row of an image cut_count
// is hsv_cut_count(width).
void hsv_to_rgb_row(const uint8_t* h, const uint8_t* s, const uint8_t* v, size_t width, size_t cut_count,
                    uint8_t* rgb);

inline size_t hsv_cut_count(size_t width) { return width / 32 * 32; }

// A whole row of RGB pixels to HSV, each plane through its table where it has one, and back. `out` may be
// `rgb`.
void hsv_through_tables_row(const uint8_t* rgb, size_t width, const std::array<const ByteTable*, 3>& tables,
                            uint8_t* out);

// The table that turns OpenCV's hue by `shift` of 180 steps.
ByteTable hue_table(double shift);

// The hue of a row of RGB pixels moved by `shift` turns, -0.5 to 0.5, in float32 as torchvision does it on
// tensors. `out` may be `rgb`.
void shift_hue_torch_row(const uint8_t* rgb, size_t width, float shift, uint8_t* out);

// The same by `step` of 256 levels, as torchvision does it on Pillow images.
void shift_hue_pillow_row(const uint8_t* rgb, size_t width, uint8_t step, uint8_t* out);

}  // namespace stoker
