// Tables that arithmetic gives: found for what normalising makes, refused for all else, and equal to the
// table to the bit on each instruction set.
#include "stoker/batch/value_formula.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "scaffold.h"
#include "stoker/batch/store_rows.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

using Form = ValueFormula::Form;
using Table = std::vector<float>;

constexpr float kMean[] = {0.485f, 0.456f, 0.406f};
constexpr float kStd[] = {0.229f, 0.224f, 0.225f};

Table table_of(int channels, const std::function<float(float value, int channel)>& becomes) {
  Table table;
  for (int c = 0; c < channels; ++c) {
    for (int v = 0; v < 256; ++v) table.push_back(becomes(static_cast<float>(v), c));
  }
  return table;
}

float by_albumentations(float v, int c) { return (v - kMean[c] * 255) * (1 / (kStd[c] * 255)); }
float by_to_tensor(float v, int c) { return (v / 255 - kMean[c]) / kStd[c]; }
float by_to_dtype(float v, int c) { return (v * (1.0f / 255) - kMean[c]) / kStd[c]; }

struct Known {
  Form form;
  std::function<float(float, int)> becomes;
};

std::vector<Known> known() {
  return {{Form::kLevels, by_albumentations},
          {Form::kDivided, by_to_tensor},
          {Form::kMultiplied, by_to_dtype},
          {Form::kLevels, [](float v, int) { return v; }},
          {Form::kLevels, [](float v, int) { return v * (1.0f / 255); }},
          {Form::kDivided, [](float v, int) { return v / 255; }},
          {Form::kLevels, [](float v, int) { return (v - 127.5f) * -0.01f; }}};
}

// Below AVX2 there is no fused multiplication, without which the kernels' quotients are not rounded.
bool fuses_multiplication() { return vector_target_in_use().substr(0, 3) == "AVX"; }

class Formulas : public testing::TestWithParam<std::string> {
 private:
  const test::ForcedTarget forced_{GetParam()};
};

TEST_P(Formulas, AreFoundForWhatNormalises) {
  for (const Known& each : known()) {
    for (const int channels : {1, 3}) {
      const auto formula = formula_of(table_of(channels, each.becomes).data(), channels);
      if (!fuses_multiplication() && each.form != Form::kLevels) continue;
      ASSERT_TRUE(formula.has_value()) << static_cast<int>(each.form);
      EXPECT_EQ(formula->form, each.form);
    }
  }
}

TEST_P(Formulas, AreNoneForOtherTables) {
  const auto is_found = [](const Table& table, int channels) {
    return formula_of(table.data(), channels).has_value();
  };
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(is_found(table_of(3, [](float, int) { return 5.0f; }), 3));
  EXPECT_FALSE(is_found(table_of(3, [](float v, int) { return v == 0 ? kNone : v; }), 3));
  EXPECT_FALSE(is_found(table_of(3, [](float v, int) { return v * 1e38f; }), 3));
  EXPECT_FALSE(is_found(table_of(1, [](float v, int) { return std::pow(v / 255, 1.1f); }), 1));
  EXPECT_FALSE(is_found(table_of(1, [](float v, int) { return std::fmin(255, 1.2f * v); }), 1));
  EXPECT_FALSE(is_found(table_of(3, [](float v, int c) { return c == 2 ? 255 - std::floor(v / 2) : v; }), 3));
  for (const Known& each : known()) {
    for (const int v : {0, 1, 77, 254, 255}) {  // one last place elsewhere
      Table table = table_of(3, each.becomes);
      float& entry = table[static_cast<size_t>(256 + v)];
      entry = std::nextafter(entry, 1e9f);
      const auto formula = formula_of(table.data(), 3);
      if (!formula) continue;
      Table made(3 * 256);
      std::vector<uint8_t> ramp(3 * 256);
      for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<uint8_t>(i / 3);
      store_values_of_floats(ramp.data(), ramp.size(), 3, table.data(), &*formula, made.data());
      EXPECT_EQ(std::memcmp(&made[static_cast<size_t>(3 * v + 1)], &entry, sizeof entry), 0);
    }
  }
}

TEST_P(Formulas, GiveTheBitsOfTheTable) {
  for (const Known& each : known()) {
    for (const int channels : {1, 3}) {
      const Table table = table_of(channels, each.becomes);
      const auto formula = formula_of(table.data(), channels);
      if (!formula) continue;
      for (size_t width = 1; width < 150; width += 1 + width / 8) {
        const size_t count = width * static_cast<size_t>(channels);
        std::vector<uint8_t> in(count);
        for (size_t i = 0; i < count; ++i) in[i] = static_cast<uint8_t>(i * 97 + i / 7);
        for (const bool flip : {false, true}) {
          Table found(count + 1, -1);
          Table computed = found;
          store_row_of_floats(in.data(), width, channels, flip, table.data(), nullptr, width, found.data());
          store_row_of_floats(in.data(), width, channels, flip, table.data(), &*formula, width,
                              computed.data());
          EXPECT_EQ(std::memcmp(found.data(), computed.data(), found.size() * sizeof(float)), 0) << width;
        }
        Table found(count + 1, -1);
        Table computed = found;
        store_values_of_floats(in.data(), count, channels, table.data(), nullptr, found.data());
        store_values_of_floats(in.data(), count, channels, table.data(), &*formula, computed.data());
        EXPECT_EQ(std::memcmp(found.data(), computed.data(), found.size() * sizeof(float)), 0) << width;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Batch, Formulas, testing::ValuesIn(vector_targets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace stoker
