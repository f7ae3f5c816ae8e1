// Formats and rules of boxes and keypoints, for tests against the library that they follow.

#include <nanobind/stl/optional.h>

#include "stoker/python/module.h"
#include "stoker/transform/box_rules.h"

namespace stoker {
namespace {

using Rows = std::vector<std::vector<double>>;

void check_sides(int height, int width) {
  if (height >= 1 && width >= 1) return;
  throw ArgumentError("boxes: height and width must be at least 1 pixel, got " + std::to_string(height) +
                      " x " + std::to_string(width) + ".");
}

void check_row(const std::vector<double>& row, size_t count) {
  if (row.size() == count) return;
  throw ArgumentError("boxes: a row must have " + std::to_string(count) + " numbers, got " +
                      std::to_string(row.size()) + ".");
}

nb::list boxes_to_python(const std::vector<Box>& boxes) {
  nb::list out;
  for (const Box& box : boxes)
    out.append(nb::make_tuple(box.x_min, box.y_min, box.x_max, box.y_max, box.row));
  return out;
}

// Shares of the sides, with the row each came from.
std::vector<Box> boxes_from_python(const Rows& rows, bool is_single) {
  std::vector<BoxNumbers> numbers;
  for (const auto& row : rows) {
    check_row(row, 4);
    numbers.push_back({{row[0], row[1], row[2], row[3]}});
  }
  return boxes_from(BoxFormat::kAlbumentations, numbers, 1, 1, !is_single);
}

nb::list read_boxes(const std::string& format, const Rows& rows, int height, int width, bool is_double) {
  check_sides(height, width);
  std::vector<BoxNumbers> numbers;
  for (const auto& row : rows) {
    check_row(row, 4);
    numbers.push_back({{row[0], row[1], row[2], row[3]}});
  }
  return boxes_to_python(boxes_from(box_format_from_name(format), numbers, height, width, is_double));
}

nb::list write_boxes(const std::string& format, const Rows& rows, int height, int width, bool is_single) {
  check_sides(height, width);
  nb::list out;
  for (const Box& box : boxes_from_python(rows, is_single)) {
    const BoxNumbers numbers = numbers_of(box_format_from_name(format), box, height, width);
    out.append(nb::make_tuple(numbers.values[0], numbers.values[1], numbers.values[2], numbers.values[3]));
  }
  return out;
}

nb::list filter(const Rows& rows, int height, int width, double min_area, double min_visibility,
                double min_width, double min_height, std::optional<double> max_accept_ratio, bool is_single) {
  check_sides(height, width);
  std::vector<Box> boxes = boxes_from_python(rows, is_single);
  filter_boxes({min_area, min_visibility, min_width, min_height, max_accept_ratio}, height, width, boxes);
  return boxes_to_python(boxes);
}

nb::list read_keypoints(const std::string& format, const Rows& rows, bool angle_in_degrees, bool is_double) {
  const KeypointFormat kind = keypoint_format_from_name(format);
  for (const auto& row : rows) check_row(row, number_count(kind));
  nb::list out;
  for (const Keypoint& point : keypoints_from(kind, rows, angle_in_degrees, is_double))
    out.append(nb::make_tuple(point.x, point.y, point.angle, point.scale));
  return out;
}

std::vector<Keypoint> keypoints_from_python(const Rows& rows, bool is_single) {
  std::vector<Keypoint> points;
  for (const auto& row : rows) {
    check_row(row, 4);
    points.push_back({row[0], row[1], row[2], row[3], static_cast<int32_t>(points.size()), is_single});
  }
  return points;
}

Rows write_keypoints(const std::string& format, const Rows& rows, bool angle_in_degrees, bool is_single) {
  Rows out;
  for (const Keypoint& point : keypoints_from_python(rows, is_single))
    out.push_back(numbers_of(keypoint_format_from_name(format), point, angle_in_degrees));
  return out;
}

std::vector<int> visible_keypoints(const Rows& rows, int height, int width) {
  std::vector<Keypoint> points = keypoints_from_python(rows, true);
  filter_keypoints(height, width, points);
  std::vector<int> kept;
  for (const Keypoint& point : points) kept.push_back(point.row);
  return kept;
}

}  // namespace

void bind_boxes(nb::module_& module) {
  module.def("read_boxes", &read_boxes, nb::arg("format"), nb::arg("rows"), nb::arg("height"),
             nb::arg("width"), nb::arg("is_double") = false, "Rows of a format as shares of the sides.");
  module.def("write_boxes", &write_boxes, nb::arg("format"), nb::arg("rows"), nb::arg("height"),
             nb::arg("width"), nb::arg("is_single") = false, "Shares of the sides as rows of a format.");
  module.def("filter_boxes", &filter, nb::arg("rows"), nb::arg("height"), nb::arg("width"), nb::kw_only(),
             nb::arg("min_area") = 0.0, nb::arg("min_visibility") = 0.0, nb::arg("min_width") = 0.0,
             nb::arg("min_height") = 0.0, nb::arg("max_accept_ratio") = nb::none(),
             nb::arg("is_single") = false, "Clips boxes to the image and drops by the rules.");
  module.def(
      "problem_of_boxes",
      [](const Rows& rows, bool is_single) { return problem_of(boxes_from_python(rows, is_single)); },
      nb::arg("rows"), nb::arg("is_single") = false, "Why boxes cannot be taken, or None.");
  module.def("read_keypoints", &read_keypoints, nb::arg("format"), nb::arg("rows"),
             nb::arg("angle_in_degrees") = true, nb::arg("is_double") = false,
             "Rows of a format as (x, y, angle, scale), the angle in radians.");
  module.def("write_keypoints", &write_keypoints, nb::arg("format"), nb::arg("rows"),
             nb::arg("angle_in_degrees") = true, nb::arg("is_single") = true,
             "(x, y, angle, scale) as rows of a format.");
  module.def("visible_keypoints", &visible_keypoints, nb::arg("rows"), nb::arg("height"), nb::arg("width"),
             "Which of (x, y, angle, scale) lie in the image.");
  module.def(
      "problem_of_keypoints",
      [](const Rows& rows, int height, int width, bool is_single) {
        return problem_of(keypoints_from_python(rows, is_single), height, width);
      },
      nb::arg("rows"), nb::arg("height"), nb::arg("width"), nb::arg("is_single") = true,
      "Why keypoints cannot be taken, or None.");
}

}  // namespace stoker
