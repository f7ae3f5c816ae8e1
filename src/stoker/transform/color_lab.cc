#include "stoker/transform/color_lab.h"

#include <algorithm>

#include "stoker/transform/color_lab_tables.h"

namespace stoker {
namespace {

// Tables answer most of each conversion, so that vectors would only gather: plain code is as fast.

uint8_t to_byte(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

struct Linear {
  int r;
  int g;
  int b;
};

int root_of(const LabTables& tables, size_t k, const Linear& linear) {
  const auto& weights = tables.to_xyz[k];
  const int sum = weights[0] * linear.r + weights[1] * linear.g + weights[2] * linear.b + 2048;
  return tables.root[static_cast<size_t>(sum >> 12)];
}

Linear linear_of(const LabTables& tables, const uint8_t* rgb) {
  return {tables.linear[rgb[0]], tables.linear[rgb[1]], tables.linear[rgb[2]]};
}

constexpr int kHalf = 1 << 14;

uint8_t lightness_of(int root) { return to_byte((296 * root - 1336934 + kHalf) >> 15); }

}  // namespace

void rgb_to_lab_row(const uint8_t* rgb, size_t width, uint8_t* l, uint8_t* a, uint8_t* b) {
  const LabTables& tables = lab_tables();
  for (size_t i = 0; i < width; ++i) {
    const Linear linear = linear_of(tables, rgb + 3 * i);
    const int x = root_of(tables, 0, linear);
    const int y = root_of(tables, 1, linear);
    const int z = root_of(tables, 2, linear);
    l[i] = lightness_of(y);
    a[i] = to_byte((500 * (x - y) + 128 * 32768 + kHalf) >> 15);
    b[i] = to_byte((200 * (y - z) + 128 * 32768 + kHalf) >> 15);
  }
}

void rgb_to_lightness_row(const uint8_t* rgb, size_t width, uint8_t* l) {
  const LabTables& tables = lab_tables();
  for (size_t i = 0; i < width; ++i) l[i] = lightness_of(root_of(tables, 1, linear_of(tables, rgb + 3 * i)));
}

void lab_to_rgb_row(const uint8_t* l, const uint8_t* a, const uint8_t* b, size_t width, uint8_t* rgb) {
  const LabTables& tables = lab_tables();
  const int* cube = tables.cube.data() - LabTables::kLeastRoot;
  for (size_t i = 0; i < width; ++i) {
    const int by_a = ((5 * a[i] * 53687 + 128) >> 13) - 128 * 16384 / 500;
    const int by_b = ((b[i] * 41943 + 16) >> 9) - 128 * 16384 / 200 + 1;
    const int root = tables.root_of_lightness[l[i]];
    const int x = cube[root + by_a];
    const int y = tables.y_of_lightness[l[i]];
    const int z = cube[root - by_b];
    for (size_t c = 0; c < 3; ++c) {
      const auto& weights = tables.to_rgb[c];
      const int sum = weights[0] * x + weights[1] * y + weights[2] * z + (1 << 13);
      rgb[3 * i + c] = tables.encoded[static_cast<size_t>(std::clamp(sum >> 14, 0, 4095))];
    }
  }
}

}  // namespace stoker
