// Kernels on planes of colours against the plain conversions of one pixel, and operators that chain them on
// images of several stretches.
#include "stoker/transform/pixel_planes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "scaffold.h"
#include "stoker/transform/color_hsv.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/gray.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

using test::list;
using test::Parameters;

constexpr size_t kWidth = 255;  // a stretch that no vector fills
constexpr int kStep = 85;       // of the first number; the other two take all values but one

// The same change of very many colours, by the kernel and one by one.
template <class Change, class PlainChange>
void expect_same(Change change, PlainChange plain) {
  for (int first = 0; first < 256; first += kStep) {
    for (int second = 0; second < 256; ++second) {
      std::array<uint8_t, 3 * kWidth> pixels;
      for (size_t i = 0; i < kWidth; ++i) {
        pixels[3 * i] = static_cast<uint8_t>(first);
        pixels[3 * i + 1] = static_cast<uint8_t>(second);
        pixels[3 * i + 2] = static_cast<uint8_t>((i + static_cast<size_t>(second)) % 256);
      }
      PixelPlanes planes;
      part_pixels(pixels.data(), kWidth, planes);
      change(planes);
      std::array<uint8_t, 3 * kWidth> found;
      join_pixels(planes, found.data());
      for (size_t i = 0; i < kWidth; ++i) {
        const Pixel pixel = {pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]};
        ASSERT_EQ((Pixel{found[3 * i], found[3 * i + 1], found[3 * i + 2]}), plain(pixel, i))
            << int{pixel[0]} << " " << int{pixel[1]} << " " << int{pixel[2]} << " at " << i;
      }
    }
  }
}

Pixel gray_pixel(Arithmetic rule, const Pixel& pixel) {
  const uint8_t level = gray_level(rule, pixel[0], pixel[1], pixel[2]);
  return {level, level, level};
}

TEST(PixelPlanes, KernelsMakeThePixels) {
  for (const std::string& target : vector_targets()) {
    SCOPED_TRACE(target);
    const test::ForcedTarget forced(target);
    expect_same([](PixelPlanes& planes) { rgb_to_hsv(planes); },
                [](const Pixel& pixel, size_t) { return rgb_to_hsv(pixel); });
    expect_same([](PixelPlanes& planes) { hsv_to_rgb(96, planes); },
                [](const Pixel& pixel, size_t x) { return hsv_to_rgb(pixel, x < 96); });
    for (const Arithmetic rule : {Arithmetic::kPillow, Arithmetic::kTorch, Arithmetic::kOpenCv}) {
      expect_same(
          [rule](PixelPlanes& planes) {
            gray_levels(rule, planes, planes.values[0]);
            for (auto& plane : planes.values) std::copy_n(planes.values[0], PixelPlanes::kMaxPixels, plane);
          },
          [rule](const Pixel& pixel, size_t) { return gray_pixel(rule, pixel); });
      for (const double factor : {0.0, 0.7, 1.0, 1.3, 1e6}) {
        expect_same([&](PixelPlanes& planes) { saturate(rule, factor, planes); },
                    [&](Pixel pixel, size_t) {
                      const Pixel gray = gray_pixel(rule, pixel);
                      for (uint8_t& value : pixel) value = mixed(rule, value, gray[0], factor);
                      return pixel;
                    });
      }
    }
  }
}

void expect_shift(double hue, int saturation, int value) {
  SCOPED_TRACE(hue);
  const HsvShift shift = hsv_shift(hue, saturation, value);
  expect_same([&](PixelPlanes& planes) { shift_hsv(shift, planes); },
              [&](const Pixel& pixel, size_t x) {
                Pixel hsv = rgb_to_hsv(pixel);
                hsv[0] = shift.hue[hsv[0]];
                if (hsv[1] != 0) hsv[1] = static_cast<uint8_t>(std::clamp(hsv[1] + saturation, 0, 255));
                hsv[2] = static_cast<uint8_t>(std::clamp(hsv[2] + value, 0, 255));
                return hsv_to_rgb(hsv, x < hsv_cut_count(kWidth));
              });
}

TEST(PixelPlanes, ShiftsInHsv) {
  // The sum of -1e-20 and 180 is 180, so that this table is no turn by whole steps.
  EXPECT_FALSE(hsv_shift(-1e-20, 0, 0).hue_steps);
  EXPECT_EQ(hsv_shift(-0.5, 0, 0).hue_steps, 179);
  for (const std::string& target : vector_targets()) {
    SCOPED_TRACE(target);
    const test::ForcedTarget forced(target);
    for (const double hue : {0.0, 7.3, 29.0, 30.0, 31.0, 90.0, 179.0, -1.0, -90.5, -1e-20})
      expect_shift(hue, 0, 0);
    for (const int amount : {-255, -20, 20, 255}) expect_shift(3, amount, -amount / 2);
    expect_shift(-1e-20, 20, -30);
    if (HasFatalFailure()) return;
  }
}

// Packed images are taken as one row where their width allows it, and long rows in several stretches.
TEST(PixelPlanes, OperatorsChangeImagesOfSeveralStretches) {
  const std::vector<std::pair<std::string, Parameters>> all = {
      {"color_jitter",
       {{"arithmetic", std::string("opencv")}, {"saturation", list({0.5, 2})}, {"hue", list({-0.5, 0.5})}}},
      {"color_jitter", {{"arithmetic", std::string("torch")}, {"saturation", list({0.5, 2})}}},
      {"hue_saturation_value", {{"p", 1.0}}},
      {"to_gray", {{"p", 1.0}}},
      {"to_gray", {{"num_output_channels", 1.0}, {"p", 1.0}}}};
  std::mt19937 random(5);
  for (const auto& [name, parameters] : all) {
    const NamedOperator named = make_operator(name, parameters);
    for (const auto& [height, width] : {std::pair(40, 64), {20, 33}, {2, 1100}, {1, 1024}}) {
      const test::Pixels pixels = test::random_pixels({height, width, 3, DType::kUint8}, random);
      for (uint64_t number = 0; number < 12; ++number) {
        Rng rng({5, 0, number, 0, 0}, 1);
        Draw draw;
        ASSERT_FALSE(named.op->draw(rng, pixels.shape, &draw));
        const ImageShape shape = named.op->shape_after(draw, pixels.shape);
        test::Pixels fast = test::blank(shape);
        test::Pixels plain = test::blank(shape);
        ResizeScratch scratch;
        named.op->apply(draw, pixels.view(), fast.view(), scratch);
        named.op->reference(draw, pixels.view(), plain.view());
        ASSERT_EQ(fast.bytes, plain.bytes)
            << describe(named) << " of " << height << " x " << width << ", " << number;
      }
    }
  }
}

}  // namespace
}  // namespace stoker
