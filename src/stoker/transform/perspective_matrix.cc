#include "stoker/transform/perspective_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace stoker {
namespace {

constexpr size_t kUnknowns = 8;
using Row = std::array<double, kUnknowns + 1>;  // the last number is the right side

// Gauss with partial pivoting. False for a singular system.
bool solve(std::array<Row, kUnknowns>& rows) {
  constexpr double kLeast = std::numeric_limits<double>::epsilon() * 100;
  for (size_t i = 0; i < kUnknowns; ++i) {
    size_t pivot = i;
    for (size_t j = i + 1; j < kUnknowns; ++j) {
      if (std::abs(rows[j][i]) > std::abs(rows[pivot][i])) pivot = j;
    }
    if (std::abs(rows[pivot][i]) < kLeast) return false;
    std::swap(rows[i], rows[pivot]);
    const double minus = -1 / rows[i][i];
    for (size_t j = i + 1; j < kUnknowns; ++j) {
      const double factor = rows[j][i] * minus;
      for (size_t k = i + 1; k <= kUnknowns; ++k) rows[j][k] += factor * rows[i][k];
    }
  }
  for (size_t i = kUnknowns; i-- > 0;) {
    double sum = rows[i][kUnknowns];
    for (size_t k = i + 1; k < kUnknowns; ++k) sum -= rows[i][k] * rows[k][kUnknowns];
    rows[i][kUnknowns] = sum / rows[i][i];
  }
  return true;
}

}  // namespace

Matrix33 perspective_matrix(const Corners& from, const Corners& to) {
  std::array<Row, kUnknowns> rows{};
  for (size_t i = 0; i < 4; ++i) {
    const auto [x, y] = from[i];
    const auto [u, v] = to[i];
    // The products are rounded to float32, as points are there.
    rows[i] = {x, y, 1, 0, 0, 0, -x * u, -y * u, u};
    rows[i + 4] = {0, 0, 0, x, y, 1, -x * v, -y * v, v};
  }
  Matrix33 matrix{};
  if (!solve(rows)) return matrix;
  for (size_t i = 0; i < kUnknowns; ++i) matrix[i] = rows[i][kUnknowns];
  matrix[8] = 1;
  return matrix;
}

std::array<double, 8> perspective_coefficients(const std::array<std::array<double, 2>, 4>& from,
                                               const std::array<std::array<double, 2>, 4>& to) {
  std::array<Row, kUnknowns> rows{};
  for (size_t i = 0; i < 4; ++i) {
    const auto [x, y] = from[i];
    const auto [u, v] = to[i];
    rows[i] = {x, y, 1, 0, 0, 0, -x * u, -y * u, u};
    rows[i + 4] = {0, 0, 0, x, y, 1, -x * v, -y * v, v};
  }
  std::array<double, 8> found{};
  if (!solve(rows)) return found;
  for (size_t i = 0; i < kUnknowns; ++i) found[i] = rows[i][kUnknowns];
  return found;
}

FloatPoint moved(const Matrix33& m, const FloatPoint& point) {
  const double x = point.x;
  const double y = point.y;
  const double w = x * m[6] + y * m[7] + m[8];
  if (!(std::abs(w) > static_cast<double>(std::numeric_limits<float>::epsilon()))) return {};
  const double inverse = 1 / w;
  return {static_cast<float>((x * m[0] + y * m[1] + m[2]) * inverse),
          static_cast<float>((x * m[3] + y * m[4] + m[5]) * inverse)};
}

}  // namespace stoker
