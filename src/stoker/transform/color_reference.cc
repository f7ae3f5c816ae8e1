#include "stoker/transform/color_reference.h"

#include <algorithm>
#include <cmath>

#include "stoker/transform/color_lab_tables.h"

namespace stoker {
namespace {

uint8_t to_byte(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// The sixth of the colour circle says which of value, p (least), q (falling) and t (rising) stands where.
template <class T>
std::array<T, 3> by_sector(int sector, T value, T p, T q, T t) {
  switch (sector % 6) {
    case 0:
      return {value, t, p};
    case 1:
      return {q, value, p};
    case 2:
      return {p, value, t};
    case 3:
      return {p, q, value};
    case 4:
      return {t, p, value};
    default:
      return {value, p, q};
  }
}

}  // namespace

Pixel rgb_to_hsv(const Pixel& rgb) {
  const int r = rgb[0];
  const int g = rgb[1];
  const int b = rgb[2];
  const int value = std::max({r, g, b});
  const int range = value - std::min({r, g, b});
  if (range == 0) return {0, 0, to_byte(value)};
  const int by_value = static_cast<int>(std::nearbyint(255 * 4096.0 / value));
  const int by_range = static_cast<int>(std::nearbyint(180 * 4096.0 / (6.0 * range)));
  const int sixth = value == r ? g - b : value == g ? b - r + 2 * range : r - g + 4 * range;
  const int hue = (sixth * by_range + 2048) >> 12;
  return {to_byte(hue < 0 ? hue + 180 : hue), to_byte((range * by_value + 2048) >> 12), to_byte(value)};
}

Pixel hsv_to_rgb(const Pixel& hsv, bool is_cut) {
  const float hue = static_cast<float>(hsv[0]) * (6.0f / 180.0f);
  const float saturation = static_cast<float>(hsv[1]) * (1.0f / 255.0f);
  const float value = static_cast<float>(hsv[2]) * (1.0f / 255.0f);
  const int sector = static_cast<int>(hue);
  const float fraction = hue - static_cast<float>(sector);
  const float p = value * (1.0f - saturation);
  const float q = value * std::fma(-saturation, fraction, 1.0f);
  const float t = value * std::fma(-saturation, 1.0f - fraction, 1.0f);
  const std::array<float, 3> rgb = by_sector(sector, value, p, q, t);
  Pixel out;
  for (size_t c = 0; c < 3; ++c) {
    const float level = rgb[c] * 255.0f;
    out[c] = to_byte(static_cast<int>(is_cut ? level : std::nearbyint(level)));
  }
  return out;
}

Pixel rgb_to_lab(const Pixel& rgb) {
  const LabTables& tables = lab_tables();
  std::array<int, 3> root;
  for (size_t k = 0; k < 3; ++k) {
    int sum = 2048;
    for (size_t c = 0; c < 3; ++c) sum += tables.to_xyz[k][c] * tables.linear[rgb[c]];
    root[k] = tables.root[static_cast<size_t>(sum >> 12)];
  }
  constexpr int kHalf = 1 << 14;
  return {to_byte((296 * root[1] - 1336934 + kHalf) >> 15),
          to_byte((500 * (root[0] - root[1]) + 128 * 32768 + kHalf) >> 15),
          to_byte((200 * (root[1] - root[2]) + 128 * 32768 + kHalf) >> 15)};
}

Pixel lab_to_rgb(const Pixel& lab) {
  const LabTables& tables = lab_tables();
  const int by_a = ((5 * lab[1] * 53687 + 128) >> 13) - LabTables::kMiddleA;
  const int by_b = ((lab[2] * 41943 + 16) >> 9) - LabTables::kMiddleB;
  const int root = tables.root_of_lightness(lab[0]);
  const std::array<int, 3> xyz = {LabTables::level_of(root + by_a), tables.y_of_lightness(lab[0]),
                                  LabTables::level_of(root - by_b)};
  Pixel out;
  for (size_t c = 0; c < 3; ++c) {
    int sum = 1 << 13;
    for (size_t k = 0; k < 3; ++k) sum += tables.to_rgb[c][k] * xyz[k];
    out[c] = to_byte(tables.encoded[static_cast<size_t>(std::clamp(sum >> 14, 0, 4095))]);
  }
  return out;
}

Pixel rgb_to_ycrcb(const Pixel& rgb) {
  const auto rounded = [](int sum) { return (sum + 8192) >> 14; };
  const int y = rounded(4899 * rgb[0] + 9617 * rgb[1] + 1868 * rgb[2]);
  return {to_byte(y), to_byte(rounded((rgb[0] - y) * 11682 + (128 << 14))),
          to_byte(rounded((rgb[2] - y) * 9241 + (128 << 14)))};
}

Pixel ycrcb_to_rgb(const Pixel& ycrcb) {
  const auto rounded = [](int sum) { return (sum + 8192) >> 14; };
  const int red = ycrcb[1] - 128;
  const int blue = ycrcb[2] - 128;
  return {to_byte(ycrcb[0] + rounded(22987 * red)), to_byte(ycrcb[0] + rounded(-5636 * blue - 11698 * red)),
          to_byte(ycrcb[0] + rounded(29049 * blue))};
}

Pixel shift_hue_torch(const Pixel& rgb, float shift) {
  std::array<float, 3> from;
  for (size_t c = 0; c < 3; ++c) from[c] = static_cast<float>(rgb[c]) * static_cast<float>(1.0 / 255.0);
  const float value = std::max({from[0], from[1], from[2]});
  const float range = value - std::min({from[0], from[1], from[2]});
  const float saturation = range / (range == 0 ? 1.0f : value);
  std::array<float, 3> distance;
  for (size_t c = 0; c < 3; ++c) distance[c] = (value - from[c]) / (range == 0 ? 1.0f : range);
  float hue = 0;
  if (value == from[0]) {
    hue = distance[2] - distance[1];
  } else if (value == from[1]) {
    hue = (distance[0] + 2.0f) - distance[2];
  } else {
    hue = (distance[1] + 4.0f) - distance[0];
  }
  hue = hue * static_cast<float>(1.0 / 6.0) + 1.0f;
  hue -= std::trunc(hue);
  hue += shift;
  hue -= std::trunc(hue);
  if (hue < 0) hue += 1.0f;
  const float sixths = hue * 6.0f;
  const float sector = std::floor(sixths);
  const float share = saturation * (sixths - sector);
  const float pale = 1.0f - saturation;
  const auto limited = [value](float level) { return std::clamp(level * value, 0.0f, 1.0f); };
  const std::array<float, 3> turned =
      by_sector(static_cast<int>(sector), value, limited(pale), limited(1.0f - share), limited(share + pale));
  Pixel out;
  for (size_t c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(turned[c] * static_cast<float>(256.0 - 1e-3));
  return out;
}

Pixel shift_hue_pillow(const Pixel& rgb, uint8_t step) {
  const int value = std::max({rgb[0], rgb[1], rgb[2]});
  const int least = std::min({rgb[0], rgb[1], rgb[2]});
  int hue = 0;
  int saturation = 0;
  if (value != least) {
    const auto range = static_cast<float>(value - least);
    const float red = static_cast<float>(value - rgb[0]) / range;
    const float green = static_cast<float>(value - rgb[1]) / range;
    const float blue = static_cast<float>(value - rgb[2]) / range;
    float sixths = 0;
    if (rgb[0] == value) {
      sixths = blue - green;
    } else if (rgb[1] == value) {
      sixths = static_cast<float>(2.0 + red - blue);
    } else {
      sixths = static_cast<float>(4.0 + green - red);
    }
    const auto turn = static_cast<float>(std::fmod(sixths / 6.0 + 1.0, 1.0));
    hue = to_byte(static_cast<int>(turn * 255.0));
    saturation = to_byte(static_cast<int>(static_cast<double>(range / static_cast<float>(value)) * 255.0));
  }
  hue = (hue + step) & 255;
  if (saturation == 0) return {to_byte(value), to_byte(value), to_byte(value)};
  const auto share = static_cast<float>(saturation / 255.0);
  const auto sixths = static_cast<float>(hue * 6.0 / 255.0);
  const int sector = static_cast<int>(sixths);
  const float fraction = sixths - static_cast<float>(sector);
  // Computed in float64, kept in float32, then rounded.
  const auto level = [value](double of_value) {
    return to_byte(static_cast<int>(std::round(static_cast<float>(value * of_value))));
  };
  return by_sector(sector, to_byte(value), level(1.0 - share), level(1.0 - share * fraction),
                   level(1.0 - share * (1.0 - fraction)));
}

}  // namespace stoker
