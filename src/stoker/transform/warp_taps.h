// Tables of taps for bicubic and Lanczos warps, one entry for each pair of 1/32 pixel fractions.
#pragma once

#include <cstdint>
#include <vector>

namespace stoker {

struct WarpTaps {
  int size;                      // taps along an axis: 4 or 8
  std::vector<int16_t> integer;  // 1024 x size x size, each entry's sum is 32768
  std::vector<float> floats;     // 1024 x size x size

  const int16_t* integers_at(int fx, int fy) const { return integer.data() + (fy * 32 + fx) * size * size; }
  const float* floats_at(int fx, int fy) const { return floats.data() + (fy * 32 + fx) * size * size; }
};

// Made once, by the rules of OpenCV 4.11.
const WarpTaps& bicubic_taps();
const WarpTaps& lanczos_taps();

}  // namespace stoker
