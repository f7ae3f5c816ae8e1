#include "stoker/transform/color_lab_tables.h"

#include <cmath>

namespace stoker {
namespace {

constexpr std::array<double, 3> kWhite = {0.950456, 1.0, 1.088754};
constexpr std::array<std::array<double, 3>, 3> kToXyz = {
    {{0.412453, 0.357580, 0.180423}, {0.212671, 0.715160, 0.072169}, {0.019334, 0.119193, 0.950227}}};
constexpr std::array<std::array<double, 3>, 3> kToRgb = {
    {{3.240479, -1.53715, -0.498535}, {-0.969256, 1.875991, 0.041556}, {0.055648, -0.204043, 1.057311}}};

float decoded(float value) {
  const double x = value;
  return static_cast<float>(x <= 809 / 20000.0 ? x / (323 / 25.0)
                                               : std::pow((x + 11 / 200.0) / (1 + 11 / 200.0), 12 / 5.0));
}

float encoded(float value) {
  const double x = value;
  return static_cast<float>(
      x <= 7827 / 2500000.0 ? x * (323 / 25.0) : std::pow(x, 1 / (12 / 5.0)) * (1 + 11 / 200.0) - 11 / 200.0);
}

// OpenCV's software cube root: a quotient of two quartics on the mantissa, whose result is cut, not rounded,
// to float32. Rounding it properly would change a table entry and with it 0.03 % of the values.
float cut_cube_root(float value) {
  if (value == 0) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(static_cast<double>(value), &exponent);
  const int power = exponent - 1;
  int shift = power % 3;
  if (shift >= 0) shift -= 3;
  const double x = std::ldexp(2 * mantissa, shift);
  const double above = (((45.2548339756803022511987494 * x + 192.2798368355061050458134625) * x +
                         119.1654824285581628956914143) *
                            x +
                        13.43250139086239872172837314) *
                           x +
                       0.1636161226585754240958355063;
  const double below = (((14.80884093219134573786480845 * x + 151.9714051044435648658557668) * x +
                         168.5254414101568283957668343) *
                            x +
                        33.9905941350215598754191872) *
                           x +
                       1.0;
  const double root = std::ldexp(above / below, (power - shift) / 3);
  const auto nearest = static_cast<float>(root);
  return static_cast<double>(nearest) > root ? std::nextafter(nearest, 0.0f) : nearest;
}

int rounded(float value) { return static_cast<int>(std::nearbyint(value)); }

int32_t both_of_lightness(int l) {
  constexpr float kOne = 16384.0f;
  if (l <= 20) {
    const int y = rounded(static_cast<float>(l * 16384 * 20 * 9) / (17.0f * 29 * 29 * 29));
    return rounded(kOne * (16.0f / 116.0f + static_cast<float>(l * 5) / (3.0f * 17 * 29))) << 16 | y;
  }
  const float root =
      static_cast<float>(l * 100 * 16384) / (255.0f * 116) + static_cast<float>(16 * 16384) / 116.0f;
  return rounded(root) << 16 | rounded(root * root * root / (kOne * kOne));
}

LabTables make_tables() {
  LabTables tables{};
  for (size_t i = 0; i < 256; ++i) {
    const float level = decoded(static_cast<float>(i) / 255.0f);
    tables.linear[i] = rounded(2040.0f * level);
  }
  for (size_t k = 0; k < 3; ++k) {
    for (size_t c = 0; c < 3; ++c) {
      tables.to_xyz[k][c] = static_cast<int>(std::nearbyint(4096 * kToXyz[k][c] / kWhite[k]));
      tables.to_rgb[k][c] = static_cast<int>(std::nearbyint(4096 * kToRgb[k][c] * kWhite[c]));
    }
  }
  for (size_t i = 0; i < tables.root.size(); ++i) {
    const float x = (1.0f / 2040.0f) * static_cast<float>(i);
    const auto near_zero = static_cast<float>(static_cast<double>(x) * static_cast<double>(841.0f / 108.0f) +
                                              static_cast<double>(16.0f / 116.0f));
    const float root = x < 216.0f / 24389.0f ? near_zero : cut_cube_root(x);
    tables.root[i] = rounded(32768.0f * root);
  }
  for (int l = 0; l < 256; ++l) tables.of_lightness[static_cast<size_t>(l)] = both_of_lightness(l);
  for (size_t i = 0; i < tables.encoded.size(); ++i) {
    const float level = encoded((1.0f / 4096.0f) * static_cast<float>(i));
    tables.encoded[i] = rounded(255.0f * level);
  }
  return tables;
}

}  // namespace

const LabTables& lab_tables() {
  static const LabTables tables = make_tables();
  return tables;
}

}  // namespace stoker
