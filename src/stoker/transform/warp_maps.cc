// Coordinates of affine, perspective and float maps.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "stoker/transform/warp.h"
#include "stoker/transform/warp_rows.h"

namespace stoker {
namespace {

// To the nearest whole number, halves to even, saturating.
int32_t rounded(double value) {
  if (!(value > -2147483648.0)) return std::numeric_limits<int32_t>::min();  // also what is no number
  return static_cast<int32_t>(std::nearbyint(std::min(value, 2147483647.0)));
}

int32_t wrapping_sum(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

// Affine coordinates are counted in 1/1024 pixel. Half of what is cut off is added first.
struct AffineUnit {
  int32_t half;
  int shift;
};
AffineUnit affine_unit(bool whole) { return whole ? AffineUnit{512, 10} : AffineUnit{16, 5}; }

int32_t start_of_row(double slope, double offset, int y, int32_t half) {
  return wrapping_sum(rounded((slope * y + offset) * 1024), half);
}

}  // namespace

Matrix23 inverted(const Matrix23& m) {
  double determinant = m[0] * m[4] - m[1] * m[3];
  determinant = determinant != 0 ? 1 / determinant : 0;
  const double a = m[4] * determinant;
  const double b = m[1] * -determinant;
  const double d = m[3] * -determinant;
  const double e = m[0] * determinant;
  return {a, b, -a * m[2] - b * m[5], d, e, -d * m[2] - e * m[5]};
}

Matrix33 inverted(const Matrix33& m) {
  double d = m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
             m[2] * (m[3] * m[7] - m[4] * m[6]);
  if (d == 0) return {};
  d = 1 / d;
  return {(m[4] * m[8] - m[5] * m[7]) * d, (m[2] * m[7] - m[1] * m[8]) * d, (m[1] * m[5] - m[2] * m[4]) * d,
          (m[5] * m[6] - m[3] * m[8]) * d, (m[0] * m[8] - m[2] * m[6]) * d, (m[2] * m[3] - m[0] * m[5]) * d,
          (m[3] * m[7] - m[4] * m[6]) * d, (m[1] * m[6] - m[0] * m[7]) * d, (m[0] * m[4] - m[1] * m[3]) * d};
}

AffineMap::AffineMap(const Matrix23& inverse, int result_width, int result_height, int left, int top)
    : inverse_(inverse), left_(left), top_(top) {
  width = result_width;
  height = result_height;
  const size_t count = static_cast<size_t>(width) + kSlack;
  x_steps_.resize(count);
  y_steps_.resize(count);
  for (int x = 0; x < width; ++x) {
    x_steps_[static_cast<size_t>(x)] = rounded(inverse_[0] * (x + left_) * 1024);
    y_steps_[static_cast<size_t>(x)] = rounded(inverse_[3] * (x + left_) * 1024);
  }
}

void AffineMap::row(int y, bool whole, const Coordinates& out) const {
  const AffineUnit unit = affine_unit(whole);
  add_steps_row(x_steps_.data(), y_steps_.data(), start_of_row(inverse_[1], inverse_[2], y + top_, unit.half),
                start_of_row(inverse_[4], inverse_[5], y + top_, unit.half), unit.shift,
                static_cast<size_t>(width), out);
}

std::array<int32_t, 2> AffineMap::at(int x, int y, bool whole) const {
  const AffineUnit unit = affine_unit(whole);
  const int32_t from_x = wrapping_sum(start_of_row(inverse_[1], inverse_[2], y + top_, unit.half),
                                      rounded(inverse_[0] * (x + left_) * 1024));
  const int32_t from_y = wrapping_sum(start_of_row(inverse_[4], inverse_[5], y + top_, unit.half),
                                      rounded(inverse_[3] * (x + left_) * 1024));
  return {from_x >> unit.shift, from_y >> unit.shift};
}

PerspectiveMap::PerspectiveMap(const Matrix33& inverse, int result_width, int result_height)
    : inverse_(inverse), block_(std::min(1024 / std::min(16, result_height), result_width)) {
  width = result_width;
  height = result_height;
}

void PerspectiveMap::row(int y, bool whole, const Coordinates& out) const {
  const Matrix33& m = inverse_;
  for (int begin = 0; begin < width; begin += block_) {
    const double x = begin;
    perspective_row({m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], m[6] * x + m[7] * y + m[8], m[0],
                     m[3], m[6], whole ? 1.0 : 32.0},
                    static_cast<size_t>(std::min(block_, width - begin)), {out.x + begin, out.y + begin});
  }
}

std::array<int32_t, 2> PerspectiveMap::at(int x, int y, bool whole) const {
  const Matrix33& m = inverse_;
  const double begin = x / block_ * block_;
  const double step = x % block_;
  double w = m[6] * begin + m[7] * y + m[8];
  w += m[6] * step;
  w = w != 0 ? (whole ? 1.0 : 32.0) / w : 0;
  const double from_x = m[0] * begin + m[1] * y + m[2] + m[0] * step;
  const double from_y = m[3] * begin + m[4] * y + m[5] + m[3] * step;
  return {rounded(from_x * w), rounded(from_y * w)};
}

FloatMap::FloatMap(Row row, int result_width, int result_height) : row_(std::move(row)) {
  width = result_width;
  height = result_height;
}

void FloatMap::row(int y, bool whole, const Coordinates& out) const {
  // The floats stand where their rounded coordinates go.
  auto* xs = reinterpret_cast<float*>(out.x);
  auto* ys = reinterpret_cast<float*>(out.y);
  row_(y, xs, ys);
  round_row(xs, ys, whole ? 1.0F : 32.0F, static_cast<size_t>(width), out);
}

std::array<int32_t, 2> FloatMap::at(int x, int y, bool whole) const {
  std::vector<float> xs(static_cast<size_t>(width));
  std::vector<float> ys(static_cast<size_t>(width));
  row_(y, xs.data(), ys.data());
  const float unit = whole ? 1.0F : 32.0F;
  constexpr float kMost = 2147483520.0F;  // the greatest float below 2^31
  return {rounded(std::min(xs[static_cast<size_t>(x)] * unit, kMost)),
          rounded(std::min(ys[static_cast<size_t>(x)] * unit, kMost))};
}

}  // namespace stoker
