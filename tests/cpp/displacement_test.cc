// Smooth displacements: their blur against plain sums of doubles, and the same numbers on every target.
#include "stoker/transform/displacement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "scaffold.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

TEST(Displacement, KernelsAddUpToOneAndFallOff) {
  for (const auto& [size, sigma] : {std::pair(401, 50.0), {17, 50.0}, {9, 1.0}}) {
    const std::vector<float> half = half_gaussian(size, sigma);
    ASSERT_EQ(half.size(), static_cast<size_t>(size / 2 + 1));
    double sum = static_cast<double>(half[0]);
    for (size_t i = 1; i < half.size(); ++i) {
      sum += 2 * static_cast<double>(half[i]);
      EXPECT_LT(half[i], half[i - 1]);
      const double ratio = std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma));
      EXPECT_NEAR(static_cast<double>(half[i] / half[0]), ratio, 1e-6);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST(Displacement, BlurEqualsPlainSums) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const std::string& target : vector_targets()) {
    const test::ForcedTarget forced(target);
    for (const auto& [rows, columns] : {std::pair(1, 1), {2, 70}, {37, 5}, {64, 33}, {1, 200}}) {
      const std::vector<float> half = half_gaussian(25, 4.0);
      std::vector<float> values(static_cast<size_t>(rows) * static_cast<size_t>(columns));
      for (float& value : values) value = normal(random);
      const std::vector<float> before = values;
      blur_floats(half, rows, columns, values.data());
      const auto weight = [&](int i) { return static_cast<double>(half[static_cast<size_t>(std::abs(i))]); };
      for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < columns; ++x) {
          double sum = 0;
          for (int j = -12; j <= 12; ++j) {
            for (int i = -12; i <= 12; ++i) {
              const int from_y = std::clamp(y + j, 0, rows - 1);
              const int from_x = std::clamp(x + i, 0, columns - 1);
              sum += weight(j) * weight(i) *
                     static_cast<double>(before[static_cast<size_t>(from_y * columns + from_x)]);
            }
          }
          const auto at = static_cast<size_t>(y * columns + x);
          ASSERT_NEAR(static_cast<double>(values[at]), sum, 1e-6)
              << target << " " << rows << " x " << columns;
        }
      }
    }
  }
}

TEST(Displacement, IsTheSameOnEveryTarget) {
  DisplacementRule rule;
  rule.height = 45;
  rule.width = 77;
  rule.alpha = 100;
  rule.sigma = 6;
  for (const bool is_gaussian : {true, false}) {
    rule.is_gaussian = is_gaussian;
    std::vector<float> first;
    for (const std::string& target : vector_targets()) {
      const test::ForcedTarget forced(target);
      std::vector<float> field = displacements(rule, 12345);
      field.resize(2 * 45 * 77);
      if (first.empty()) first = field;
      EXPECT_EQ(field, first) << target;
    }
    EXPECT_NE(displacements(rule, 12346)[0], first[0]);
  }
}

TEST(Displacement, TheSameForBothAxesWhenAsked) {
  DisplacementRule rule;
  rule.height = 11;
  rule.width = 20;
  rule.sigma = 2;
  const std::vector<float> apart = displacements(rule, 7);
  EXPECT_FALSE(std::equal(apart.begin(), apart.begin() + 220, apart.begin() + 220));
  rule.same_for_both = true;
  const std::vector<float> together = displacements(rule, 7);
  EXPECT_TRUE(std::equal(together.begin(), together.begin() + 220, together.begin() + 220));
}

}  // namespace
}  // namespace stoker
