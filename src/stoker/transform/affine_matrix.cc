#include "stoker/transform/affine_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "stoker/transform/single.h"

namespace stoker {
namespace {

// NumPy's products go through BLAS, which fuses each multiplication with the addition after it.
double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return std::fma(a[2], b[2], std::fma(a[1], b[1], a[0] * b[0]));
}

double radians(double degrees) { return degrees * (std::numbers::pi / 180); }

Point moved(const Matrix33& m, const Point& point) {
  const std::array<double, 3> at = {point.x, point.y, 1};
  return {dot(at, {m[0], m[1], m[2]}), dot(at, {m[3], m[4], m[5]})};
}

std::array<Point, 4> corners_of(double x_min, double y_min, double x_max, double y_max) {
  return {Point{x_min, y_min}, {x_max, y_min}, {x_max, y_max}, {x_min, y_max}};
}

struct Bounds {
  double x_min = std::numeric_limits<double>::infinity();
  double y_min = std::numeric_limits<double>::infinity();
  double x_max = -std::numeric_limits<double>::infinity();
  double y_max = -std::numeric_limits<double>::infinity();

  void add(const Point& point) {
    x_min = std::min(x_min, point.x);
    y_min = std::min(y_min, point.y);
    x_max = std::max(x_max, point.x);
    y_max = std::max(y_max, point.y);
  }
};

template <class Points>
Bounds bounds_of(const Matrix33& matrix, const Points& points) {
  Bounds bounds;
  for (const Point& point : points) bounds.add(moved(matrix, point));
  return bounds;
}

// 360 points of the ellipse in a box, at the angles of float32 degrees.
std::vector<Point> ellipse_in(const Bounds& box) {
  const double half_width = (box.x_max - box.x_min) / 2;
  const double half_height = (box.y_max - box.y_min) / 2;
  const double center_x = box.x_min + half_width;
  const double center_y = box.y_min + half_height;
  std::vector<Point> points;
  points.reserve(360);
  for (int degree = 0; degree < 360; ++degree) {
    const float angle = static_cast<float>(degree) * static_cast<float>(std::numbers::pi / 180);
    points.push_back({half_width * static_cast<double>(std::sin(angle)) + center_x,
                      half_height * static_cast<double>(std::cos(angle)) + center_y});
  }
  return points;
}

Bounds moved(const Matrix33& matrix, BoxMethod method, const Bounds& box) {
  if (method == BoxMethod::kEllipse) return bounds_of(matrix, ellipse_in(box));
  return bounds_of(matrix, corners_of(box.x_min, box.y_min, box.x_max, box.y_max));
}

bool reflects(WarpBorder border) {
  return border == WarpBorder::kReflect || border == WarpBorder::kReflect101;
}

}  // namespace

Matrix33 product(const Matrix33& a, const Matrix33& b) {
  Matrix33 out;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 3; ++column) {
      out[3 * row + column] =
          dot({a[3 * row], a[3 * row + 1], a[3 * row + 2]}, {b[column], b[3 + column], b[6 + column]});
    }
  }
  return out;
}

Matrix33 affine_matrix(const AffineParts& parts, const Point& center) {
  double turn = std::fmod(parts.rotate, 360.0);
  if (turn < 0) turn += 360;
  const double angle = radians(turn);
  const Matrix33 to_origin = {1, 0, -center.x, 0, 1, -center.y, 0, 0, 1};
  const Matrix33 scale = {parts.scale_x, 0, 0, 0, parts.scale_y, 0, 0, 0, 1};
  const Matrix33 rotate = {
      std::cos(angle), std::sin(angle), 0, -std::sin(angle), std::cos(angle), 0, 0, 0, 1};
  const Matrix33 shear = {
      1, std::tan(radians(parts.shear_x)), 0, std::tan(radians(parts.shear_y)), 1, 0, 0, 0, 1};
  const Matrix33 translate = {1, 0, parts.translate_x, 0, 1, parts.translate_y, 0, 0, 1};
  const Matrix33 back = {1, 0, center.x, 0, 1, center.y, 0, 0, 1};
  Matrix33 all = product(back, translate);
  for (const Matrix33& next : {shear, rotate, scale, to_origin}) all = product(all, next);
  all[6] = 0;
  all[7] = 0;
  all[8] = 1;
  return all;
}

bool is_identity(const Matrix33& matrix) {
  for (size_t i = 0; i < 9; ++i) {
    const double expected = i % 4 == 0 ? 1 : 0;
    if (!(std::abs(matrix[i] - expected) <= 1e-8 + 1e-5 * expected)) return false;
  }
  return true;
}

FittedMatrix fitted(const Matrix33& matrix, const ImageShape& in) {
  const Bounds bounds = bounds_of(matrix, corners_of(0, 0, in.width, in.height));
  const double x_min = std::floor(bounds.x_min);
  const double y_min = std::floor(bounds.y_min);
  return {product({1, 0, -x_min, 0, 1, -y_min, 0, 0, 1}, matrix), std::ceil(bounds.y_max) - y_min + 1,
          std::ceil(bounds.x_max) - x_min + 1};
}

Tiles tiles_of(const Matrix33& matrix, const ImageShape& in) {
  if (is_identity(matrix)) return {};
  const auto corners = corners_of(0, 0, in.width, in.height);
  Bounds seen = bounds_of(matrix, corners);
  for (const Point& corner : corners) seen.add(corner);
  const double determinant = matrix[0] * matrix[4] - matrix[1] * matrix[3];
  if (determinant == 0) return {kMaxTiles, 0, kMaxTiles, 0};
  const Matrix33 inverse = {matrix[4] / determinant,
                            -matrix[1] / determinant,
                            (matrix[1] * matrix[5] - matrix[2] * matrix[4]) / determinant,
                            -matrix[3] / determinant,
                            matrix[0] / determinant,
                            (matrix[2] * matrix[3] - matrix[0] * matrix[5]) / determinant,
                            0,
                            0,
                            1};
  const Bounds needed = bounds_of(inverse, corners_of(seen.x_min, seen.y_min, seen.x_max, seen.y_max));
  const auto tiles = [](double pixels, int side) {
    return std::ceil(std::max(0.0, std::ceil(pixels)) / side);
  };
  return {tiles(-needed.x_min, in.width), tiles(needed.x_max - in.width, in.width),
          tiles(-needed.y_min, in.height), tiles(needed.y_max - in.height, in.height)};
}

void move_boxes(const Matrix33& matrix, BoxMethod method, const ImageShape& in, WarpBorder border, int height,
                int width, std::vector<Box>& boxes) {
  if (is_identity(matrix)) return;
  const Tiles tiles = reflects(border) ? tiles_of(matrix, in) : Tiles{};
  if (!(tiles.count() <= kMaxTiles)) return boxes.clear();
  std::vector<Box> out;
  for (int row = -static_cast<int>(tiles.top); row <= static_cast<int>(tiles.bottom); ++row) {
    for (int column = -static_cast<int>(tiles.left); column <= static_cast<int>(tiles.right); ++column) {
      for (const Box& box : boxes) {
        Bounds copy;
        copy.x_min = box.x_min * in.width;
        copy.x_max = box.x_max * in.width;
        copy.y_min = box.y_min * in.height;
        copy.y_max = box.y_max * in.height;
        if (column % 2 != 0) {
          const double x_min = in.width - copy.x_max;
          copy.x_max = in.width - copy.x_min;
          copy.x_min = x_min;
        }
        if (row % 2 != 0) {
          const double y_min = in.height - copy.y_max;
          copy.y_max = in.height - copy.y_min;
          copy.y_min = y_min;
        }
        copy.x_min += static_cast<double>(column) * in.width;
        copy.x_max += static_cast<double>(column) * in.width;
        copy.y_min += static_cast<double>(row) * in.height;
        copy.y_max += static_cast<double>(row) * in.height;
        const Bounds to = moved(matrix, method, copy);
        if (!(to.x_max > 0 && to.y_max > 0 && to.x_min < width && to.y_min < height)) continue;
        out.push_back(
            {to.x_min / width, to.y_min / height, to.x_max / width, to.y_max / height, box.row, false});
      }
    }
  }
  boxes = std::move(out);
}

void move_keypoints(const Matrix33& matrix, const ImageShape& in, double scale_x, double scale_y,
                    WarpBorder border, std::vector<Keypoint>& keypoints) {
  for (Keypoint& point : keypoints) {
    point = {to_single(point.x),     to_single(point.y), to_single(point.angle),
             to_single(point.scale), point.row,          true};
  }
  if (is_identity(matrix)) return;
  const Tiles tiles = reflects(border) ? tiles_of(matrix, in) : Tiles{};
  if (!(tiles.count() <= kMaxTiles)) return keypoints.clear();
  std::array<float, 6> m;
  for (size_t i = 0; i < 6; ++i) m[i] = static_cast<float>(matrix[i]);
  // OpenCV leaves out the other axis where its share is this small, which shows in the rounding.
  constexpr float kLeast = std::numeric_limits<float>::epsilon();
  const bool is_diagonal = std::abs(m[1]) <= kLeast && std::abs(m[3]) <= kLeast;
  const double turn = std::atan2(-matrix[3], matrix[0]);
  const auto scale = static_cast<float>(std::max(scale_x, scale_y));
  const auto shifted = [](float value, double by) {
    return static_cast<float>(static_cast<double>(value) + by);
  };
  std::vector<Keypoint> out;
  for (int row = -static_cast<int>(tiles.top); row <= static_cast<int>(tiles.bottom); ++row) {
    for (int column = -static_cast<int>(tiles.left); column <= static_cast<int>(tiles.right); ++column) {
      for (const Keypoint& point : keypoints) {
        auto x = static_cast<float>(point.x);
        auto y = static_cast<float>(point.y);
        auto angle = static_cast<float>(point.angle);
        if (column % 2 != 0) {
          x = static_cast<float>(in.width) - x;
          angle = -angle;
        }
        if (row % 2 != 0) {
          y = static_cast<float>(in.height) - y;
          angle = -angle;
        }
        if (reflects(border)) {
          // Each copy is moved out of the grid's corner, into its cell, and back, with a rounding each time.
          const double left = tiles.left * in.width;
          const double top = tiles.top * in.height;
          x = shifted(shifted(shifted(x, left), static_cast<double>(column) * in.width), -left);
          y = shifted(shifted(shifted(y, top), static_cast<double>(row) * in.height), -top);
        }
        Keypoint to;
        to.x =
            static_cast<double>(is_diagonal ? std::fma(m[0], x, m[2]) : std::fma(m[0], x, m[1] * y) + m[2]);
        to.y =
            static_cast<double>(is_diagonal ? std::fma(m[4], y, m[5]) : std::fma(m[3], x, m[4] * y) + m[5]);
        to.angle = angle_in_circle(to_single(static_cast<double>(angle) + turn), true);
        to.scale = static_cast<double>(static_cast<float>(point.scale) * scale);
        to.row = point.row;
        to.is_single = true;
        out.push_back(to);
      }
    }
  }
  keypoints = std::move(out);
}

}  // namespace stoker
