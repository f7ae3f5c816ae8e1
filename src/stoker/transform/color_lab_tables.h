// The tables behind OpenCV's 8-bit L*a*b* conversions.
#pragma once

#include <array>
#include <cstdint>

namespace stoker {

// Entries are of 32 bits so that vectors can gather them.
struct LabTables {
  std::array<int32_t, 256> linear;           // sRGB decoded, 0..2040
  std::array<std::array<int, 3>, 3> to_xyz;  // Q12, divided by the white point
  std::array<std::array<int, 3>, 3> to_rgb;  // Q12, from XYZ over the white point
  std::array<int32_t, 3072> root;            // of t / 2040: its cube root, linear near 0, Q15
  std::array<int32_t, 256> of_lightness;     // its root above 16 bits of its Y; Q14
  std::array<int32_t, 4096> encoded;         // sRGB of a linear level in Q12

  int root_of_lightness(uint8_t l) const { return of_lightness[l] >> 16; }
  int y_of_lightness(uint8_t l) const { return of_lightness[l] & 0xFFFF; }

  static constexpr int kMiddleA = 128 * 16384 / 500;
  static constexpr int kMiddleB = 128 * 16384 / 200 - 1;

  // Inverse of the root, Q14 of Q14: a line up to kLastOfLine, and the cube, cut after each product.
  static constexpr int kLastOfLine = 3390;
  static constexpr int kSlopeAbove = 108;
  static constexpr int kSlopeBelow = 841;
  static constexpr int kLineOffset = 16384 * 16 / 116 * kSlopeAbove / kSlopeBelow;
  static constexpr int level_of(int root) {
    if (root <= kLastOfLine) return root * kSlopeAbove / kSlopeBelow - kLineOffset;
    return ((root * root >> 14) * root) >> 14;
  }
};

const LabTables& lab_tables();

}  // namespace stoker
