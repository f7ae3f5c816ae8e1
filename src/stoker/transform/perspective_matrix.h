// Perspective maps as OpenCV 4.11 makes and uses them.
#pragma once

#include <array>

#include "stoker/transform/warp.h"

namespace stoker {

struct FloatPoint {
  float x = 0;
  float y = 0;
};
using Corners = std::array<FloatPoint, 4>;  // top left, top right, bottom right, bottom left

// The map that takes `from` to `to`, as cv::getPerspectiveTransform; zeros where there is none.
Matrix33 perspective_matrix(const Corners& from, const Corners& to);

// The eight coefficients of the map that takes `from` to `to`, without rounding; zeros where there is none.
std::array<double, 8> perspective_coefficients(const std::array<std::array<double, 2>, 4>& from,
                                               const std::array<std::array<double, 2>, 4>& to);

// As cv::perspectiveTransform for one point.
FloatPoint moved(const Matrix33& matrix, const FloatPoint& point);

}  // namespace stoker
