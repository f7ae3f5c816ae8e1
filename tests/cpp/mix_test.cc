// Mixed batches against plain loops, on each instruction set of this machine.
#include "stoker/batch/mix.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/batch/store.h"

namespace stoker {
namespace {

// Each instruction set that is compiled and that this machine has.
std::vector<int64_t> targets() {
  std::vector<int64_t> found;
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t left = usable; left != 0; left &= left - 1) found.push_back(left & -left);
  return found;
}

class Mix : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

float float16_value(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const float mantissa = static_cast<float>(half & 1023) / 1024;
  const float size = exponent == 31  ? (mantissa == 0 ? HUGE_VALF : NAN)
                     : exponent == 0 ? std::ldexp(mantissa, -14)
                                     : std::ldexp(1 + mantissa, exponent - 15);
  return half & 0x8000 ? -size : size;
}

float bfloat16_value(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }

TEST_P(Mix, EveryHalf) {
  constexpr size_t kCount = 3;
  constexpr size_t kValues = 65536 + 5;  // no multiple of any vector
  std::vector<uint16_t> images(kCount * kValues);
  for (size_t i = 0; i < images.size(); ++i) images[i] = static_cast<uint16_t>(i * (1 + 2 * (i / kValues)));
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16}) {
    const bool is_float16 = dtype == DType::kFloat16;
    const auto value = [&](uint16_t half) { return is_float16 ? float16_value(half) : bfloat16_value(half); };
    const auto rounded = [&](float whole) {
      return value(is_float16 ? to_float16(whole) : to_bfloat16(whole));
    };
    for (const double share : {0.3, 0.9997, 0.0}) {
      std::vector<uint16_t> mixed = images;
      mix_up(dtype, reinterpret_cast<uint8_t*>(mixed.data()), kCount, kValues, share);
      for (size_t i = 0; i < images.size(); ++i) {
        const size_t before = i < kValues ? i + (kCount - 1) * kValues : i - kValues;
        const float expected = rounded(rounded(value(images[before]) * static_cast<float>(1 - share)) +
                                       rounded(value(images[i]) * static_cast<float>(share)));
        const float found = value(mixed[i]);
        ASSERT_TRUE(std::isnan(expected)
                        ? std::isnan(found)
                        : std::bit_cast<uint32_t>(expected) == std::bit_cast<uint32_t>(found))
            << "value " << i << ": " << found << " instead of " << expected;
      }
    }
  }
}

TEST_P(Mix, FloatsOfAnyCount) {
  for (const size_t values : {1, 2, 15, 33, 2049, 5000}) {
    for (const size_t count : {1, 2, 5}) {
      std::vector<float> images(count * values);
      for (size_t i = 0; i < images.size(); ++i) images[i] = std::sin(static_cast<float>(i));
      std::vector<float> mixed = images;
      mix_up(DType::kFloat32, reinterpret_cast<uint8_t*>(mixed.data()), count, values, 0.7);
      for (size_t i = 0; i < images.size(); ++i) {
        const size_t before = i < values ? i + (count - 1) * values : i - values;
        ASSERT_EQ(mixed[i], images[before] * static_cast<float>(1 - 0.7) + images[i] * 0.7f) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Mix, testing::ValuesIn(targets()),
                         [](const testing::TestParamInfo<int64_t>& info) {
                           return std::string(hwy::TargetName(info.param));
                         });

TEST(CutMix, RectanglesMoveToTheNextImage) {
  constexpr size_t kCount = 3;
  const MixRectangle rectangle{2, 4, 6, 1, 3, 2, 5};
  std::vector<uint8_t> images(kCount * 2 * 4 * 6);
  std::iota(images.begin(), images.end(), uint8_t{0});
  std::vector<uint8_t> mixed = images;
  cut_mix(mixed.data(), kCount, rectangle);
  for (size_t i = 0; i < images.size(); ++i) {
    const size_t row = i / 6 % 4;
    const size_t column = i % 6;
    const bool is_inside = row >= 1 && row < 3 && column >= 2 && column < 5;
    const size_t before = i < 48 ? i + 96 : i - 48;
    ASSERT_EQ(mixed[i], is_inside ? images[before] : images[i]) << i;
  }
}

TEST(MixLabels, TwoClassesOrOne) {
  std::vector<float> soft(3 * 4);
  const std::vector<int64_t> labels = {1, 1, 3};
  mix_labels(labels, 4, 0.25, soft.data());
  EXPECT_EQ(soft, (std::vector<float>{0, 0.25f, 0, 0.75f, 0, 1, 0, 0, 0, 0.75f, 0, 0.25f}));
}

TEST(MixUp, RefusesIntegers) {
  uint8_t images[2] = {1, 2};
  EXPECT_THROW(mix_up(DType::kUint8, images, 2, 1, 0.5), ArgumentError);
}

}  // namespace
}  // namespace stoker
