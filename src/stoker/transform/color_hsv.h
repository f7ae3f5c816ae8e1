// RGB and HSV of 8 bits as OpenCV 4.11 converts them (H in 0..179), and steps of hue as other libraries make
// them. All change the planes they are given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "stoker/transform/look_up.h"
#include "stoker/transform/pixel_planes.h"

namespace stoker {

void rgb_to_hsv(PixelPlanes& planes);

// `cut_count` pixels are cut to integers and the others rounded half to even: OpenCV's vector loop does the
// one, its tail the other, so a pixel's value depends on its column. For the whole row of an image cut_count
// is hsv_cut_count(width).
void hsv_to_rgb(size_t cut_count, PixelPlanes& planes);

inline size_t hsv_cut_count(size_t width) { return width / 32 * 32; }

// Shifts of H, S and V; S and V are clamped to 0..255, and an S of 0 stays 0.
struct HsvShift {
  ByteTable hue;
  std::optional<int> hue_steps;  // where the table is (H + hue_steps) mod 180
  int saturation = 0;
  int value = 0;
};

// The hue turned by `hue` of 180 steps.
HsvShift hsv_shift(double hue, int saturation, int value);

// RGB to HSV, shifted, and back, for a stretch that begins at a multiple of 32 pixels of its row and ends
// with the row or at another.
void shift_hsv(const HsvShift& shift, PixelPlanes& planes);

// The hue of RGB pixels moved by `shift` turns, -0.5 to 0.5, in float32 as torchvision does it on tensors.
void shift_hue_torch(float shift, PixelPlanes& planes);

// The same by `step` of 256 levels, as torchvision does it on Pillow images.
void shift_hue_pillow(uint8_t step, PixelPlanes& planes);

}  // namespace stoker
