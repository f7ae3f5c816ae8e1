// Noise in hue and lightness, between two conversions of colour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stoker {

// What iso_noise does to a pixel: red, green and blue of [0, 1] to hue (degrees), lightness and saturation
// (as cv2.COLOR_RGB2HLS), hue += noise[i] * hue_scale, lightness += count * intensity * (1 - lightness)
// clipped to [0, 1], and back. `count` is how many of `thresholds` words[i] reaches.
struct HlsNoise {
  float hue_scale = 0;  // degrees
  float intensity = 0;
  std::vector<uint32_t> thresholds;
};

// `count` pixels in three rows, in place. Reads and writes up to 64 bytes behind each row's end.
void add_hls_noise(const HlsNoise& how, const float* noise, const uint32_t* words, size_t count, float* red,
                   float* green, float* blue);
// One pixel, plainly.
void add_hls_noise_plainly(const HlsNoise& how, float noise, uint32_t word, float& red, float& green,
                           float& blue);

}  // namespace stoker
