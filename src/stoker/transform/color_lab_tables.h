// The tables behind OpenCV's 8-bit L*a*b* conversions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stoker {

struct LabTables {
  std::array<uint16_t, 256> linear;          // sRGB decoded, 0..2040
  std::array<std::array<int, 3>, 3> to_xyz;  // Q12, divided by the white point
  std::array<std::array<int, 3>, 3> to_rgb;  // Q12, from XYZ over the white point
  std::array<uint16_t, 3072> root;           // of t / 2040: its cube root, linear near 0, Q15
  std::array<int, 256> y_of_lightness;       // Q14
  std::array<int, 256> root_of_lightness;    // Q14
  std::vector<int> cube;                     // inverse of the root, Q14, from kLeastRoot on
  std::array<uint8_t, 4096> encoded;         // sRGB of a linear level in Q12

  static constexpr int kLeastRoot = -8145;
  int cube_at(int root_q14) const { return cube[static_cast<size_t>(root_q14 - kLeastRoot)]; }
};

const LabTables& lab_tables();

}  // namespace stoker
