// The L*a*b* kernels against the plain conversions of one pixel, on each instruction set.
#include "stoker/transform/color_lab.h"

#include <gtest/gtest.h>

#include <array>

#include "scaffold.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

constexpr size_t kWidth = 255;  // a row that no vector fills
constexpr int kStep = 17;       // of the first number; the other two take all values but one

using Plane = std::array<uint8_t, kWidth>;

TEST(ColorLab, RowsAreThePixels) {
  for (const std::string& target : vector_targets()) {
    SCOPED_TRACE(target);
    const test::ForcedTarget forced(target);
    for (int first = 0; first < 256; first += kStep) {
      for (int second = 0; second < 256; ++second) {
        Plane planes[3];
        std::array<uint8_t, 3 * kWidth> rgb;
        for (size_t i = 0; i < kWidth; ++i) {
          const Pixel pixel = {static_cast<uint8_t>(first), static_cast<uint8_t>(second),
                               static_cast<uint8_t>((i + static_cast<size_t>(second)) % 256)};
          for (size_t c = 0; c < 3; ++c) planes[c][i] = rgb[3 * i + c] = pixel[c];
        }
        Plane lab[3];
        Plane lightness;
        rgb_to_lab_row(rgb.data(), kWidth, lab[0].data(), lab[1].data(), lab[2].data());
        rgb_to_lightness_row(rgb.data(), kWidth, lightness.data());
        std::array<uint8_t, 3 * kWidth> back;
        lab_to_rgb_row(planes[0].data(), planes[1].data(), planes[2].data(), kWidth, back.data());
        for (size_t i = 0; i < kWidth; ++i) {
          const Pixel pixel = {rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]};
          ASSERT_EQ((Pixel{lab[0][i], lab[1][i], lab[2][i]}), rgb_to_lab(pixel));
          ASSERT_EQ(lightness[i], lab[0][i]);
          ASSERT_EQ((Pixel{back[3 * i], back[3 * i + 1], back[3 * i + 2]}), lab_to_rgb(pixel));
        }
      }
    }
  }
}

}  // namespace
}  // namespace stoker
