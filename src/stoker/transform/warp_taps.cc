#include "stoker/transform/warp_taps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace stoker {
namespace {

constexpr int kFractions = 32;
constexpr int kSum = 1 << 15;

std::vector<float> bicubic_line(float x) {
  constexpr float a = -0.75F;
  std::vector<float> taps(4);
  taps[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
  taps[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
  taps[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
  taps[3] = 1.0F - taps[0] - taps[1] - taps[2];
  return taps;
}

std::vector<float> lanczos_line(float x) {
  constexpr double r = 0.70710678118654752440;
  constexpr double kTurns[8][2] = {{1, 0}, {-r, -r}, {0, 1}, {r, -r}, {-1, 0}, {r, r}, {0, -1}, {-r, r}};
  const double start = -(static_cast<double>(x) + 3) * std::numbers::pi * 0.25;
  const double sine = std::sin(start);
  const double cosine = std::cos(start);
  std::vector<float> taps(8);
  float sum = 0;
  for (int i = 0; i < 8; ++i) {
    const float distance = x + 3 - static_cast<float>(i);
    if (std::abs(distance) < 1e-6F) {
      taps[static_cast<size_t>(i)] = 1e30F;
    } else {
      const double y = -static_cast<double>(distance) * std::numbers::pi * 0.25;
      taps[static_cast<size_t>(i)] =
          static_cast<float>((kTurns[i][0] * sine + kTurns[i][1] * cosine) / (y * y));
    }
    sum += taps[static_cast<size_t>(i)];
  }
  const float scale = 1.0F / sum;
  for (float& tap : taps) tap *= scale;
  return taps;
}

// The integers must add up to 2^15: what is missing goes to the greatest, what is too much comes off the
// least, among the taps around the middle.
void balance(int16_t* taps, int size) {
  int sum = 0;
  for (int i = 0; i < size * size; ++i) sum += taps[i];
  if (sum == kSum) return;
  const int middle = size / 2;
  int least = middle * size + middle;
  int greatest = least;
  for (int row = middle; row < middle + 2; ++row) {
    for (int column = middle; column < middle + 2; ++column) {
      const int at = row * size + column;
      if (taps[at] < taps[least]) {
        least = at;
      } else if (taps[at] > taps[greatest]) {
        greatest = at;
      }
    }
  }
  int16_t& changed = sum < kSum ? taps[greatest] : taps[least];
  changed = static_cast<int16_t>(changed - (sum - kSum));
}

WarpTaps made(int size, std::vector<float> (*line)(float)) {
  std::array<std::vector<float>, kFractions> lines;
  for (int i = 0; i < kFractions; ++i)
    lines[static_cast<size_t>(i)] = line(static_cast<float>(i) / kFractions);
  WarpTaps taps{size, {}, {}};
  for (const std::vector<float>& down : lines) {
    for (const std::vector<float>& across : lines) {
      for (const float y : down) {
        for (const float x : across) {
          const float weight = y * x;
          taps.floats.push_back(weight);
          const float scaled = std::nearbyint(weight * static_cast<float>(kSum));
          taps.integer.push_back(static_cast<int16_t>(std::clamp(scaled, -32768.0F, 32767.0F)));
        }
      }
      balance(taps.integer.data() + taps.integer.size() - static_cast<size_t>(size * size), size);
    }
  }
  return taps;
}

}  // namespace

const WarpTaps& bicubic_taps() {
  static const WarpTaps taps = made(4, bicubic_line);
  return taps;
}

const WarpTaps& lanczos_taps() {
  static const WarpTaps taps = made(8, lanczos_line);
  return taps;
}

}  // namespace stoker
