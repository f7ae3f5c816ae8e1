#include "stoker/batch/value_formula.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include "stoker/batch/store_rows.h"

namespace stoker {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// The numbers behind a table are known from two rounded entries, so the right ones lie some last places away.
constexpr int kNeighbours = 4;

float value_by(ValueFormula::Form form, float v, float shift, float factor) {
  switch (form) {
    case ValueFormula::Form::kLevels:
      return (v - shift) * factor;
    case ValueFormula::Form::kDivided:
      return (v / 255.0f - shift) / factor;
    case ValueFormula::Form::kMultiplied:
      return (v * (1.0f / 255.0f) - shift) / factor;
  }
  return 0;
}

bool gives(ValueFormula::Form form, float shift, float factor, const float* table) {
  // From the far end: wrong candidates differ there first.
  for (int v = 255; v >= 0; --v) {
    const float value = value_by(form, static_cast<float>(v), shift, factor);
    if (std::memcmp(&value, &table[v], sizeof value) != 0) return false;
  }
  return true;
}

float moved(float value, int places) {
  for (; places > 0; --places) value = std::nextafter(value, kInfinity);
  for (; places < 0; ++places) value = std::nextafter(value, -kInfinity);
  return value;
}

bool find_numbers(ValueFormula::Form form, const float* table, float* shift, float* factor) {
  const double rise = static_cast<double>(table[255]) - table[0];
  const double about = form == ValueFormula::Form::kLevels ? rise / 255 : 1 / rise;
  for (int i = -kNeighbours; i <= kNeighbours; ++i) {
    *factor = moved(static_cast<float>(about), i);
    const double at_zero = form == ValueFormula::Form::kLevels ? -table[0] / static_cast<double>(*factor)
                                                               : -table[0] * static_cast<double>(*factor);
    for (int j = -kNeighbours; j <= kNeighbours; ++j) {
      *shift = table[0] == 0 ? 0 : moved(static_cast<float>(at_zero), j);
      if (gives(form, *shift, *factor, table)) return true;
    }
  }
  return false;
}

// Whether the kernel's arithmetic, which divides by multiplying and correcting, gives the table too.
bool kernel_gives(const ValueFormula& formula, const float* table, int channels) {
  const auto per_value = static_cast<size_t>(channels);
  std::vector<uint8_t> ramp(256 * per_value);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<uint8_t>(i / per_value);
  std::vector<float> made(ramp.size());
  store_values_of_floats(ramp.data(), ramp.size(), channels, table, &formula, made.data());
  for (size_t i = 0; i < made.size(); ++i) {
    const float* wanted = table + (i % per_value) * 256 + ramp[i];
    if (std::memcmp(&made[i], wanted, sizeof(float)) != 0) return false;
  }
  return true;
}

}  // namespace

std::optional<ValueFormula> formula_of(const float* table, int channels) {
  for (int c = 0; c < channels; ++c) {
    const double rise = static_cast<double>(table[c * 256 + 255]) - table[c * 256];
    if (!std::isfinite(rise) || rise == 0) return std::nullopt;
  }
  using Form = ValueFormula::Form;
  for (const Form form : {Form::kLevels, Form::kDivided, Form::kMultiplied}) {
    ValueFormula formula{form, {}, {}};
    int found = 0;
    while (found < channels) {
      const auto c = static_cast<size_t>(found);
      if (!find_numbers(form, table + c * 256, &formula.shift[c], &formula.factor[c])) break;
      ++found;
    }
    if (found == channels && kernel_gives(formula, table, channels)) return formula;
  }
  return std::nullopt;
}

}  // namespace stoker
