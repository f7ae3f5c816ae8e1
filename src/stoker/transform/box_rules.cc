#include "stoker/transform/box_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "stoker/base/error.h"
#include "stoker/base/value.h"
#include "stoker/transform/single.h"

namespace stoker {
namespace {

constexpr std::array<std::string_view, 4> kBoxFormats = {"albumentations", "pascal_voc", "coco", "yolo"};
constexpr std::array<std::string_view, 6> kKeypointFormats = {"xy", "yx", "xya", "xys", "xyas", "xysa"};

template <size_t N>
size_t index_of(std::string_view kind, const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  std::string allowed;
  for (const std::string_view each : names)
    allowed += (allowed.empty() ? "'" : ", '") + std::string(each) + "'";
  throw ArgumentError(std::string(kind) + " format: must be one of " + allowed + ", got '" +
                      std::string(name) + "'.");
}

// NumPy computes the angle's factor in the array's own precision.
double degrees_factor(bool is_single) {
  if (!is_single) return 180 / std::numbers::pi;
  return static_cast<double>(180.0f / std::numbers::pi_v<float>);
}
double radians_factor(bool is_single) {
  if (!is_single) return std::numbers::pi / 180;
  return static_cast<double>(std::numbers::pi_v<float> / 180.0f);
}

std::string text(double value) { return to_json(Value(value)); }

}  // namespace

BoxFormat box_format_from_name(std::string_view name) {
  return static_cast<BoxFormat>(index_of("box", kBoxFormats, name));
}

KeypointFormat keypoint_format_from_name(std::string_view name) {
  return static_cast<KeypointFormat>(index_of("keypoint", kKeypointFormats, name));
}

std::vector<Box> boxes_from(BoxFormat format, const std::vector<BoxNumbers>& numbers, int height, int width,
                            bool is_double) {
  std::vector<Box> boxes;
  boxes.reserve(numbers.size());
  for (const BoxNumbers& each : numbers) {
    const bool single = format != BoxFormat::kAlbumentations || !is_double;
    const auto [a, b, c, d] = each.values;
    Box box{kept(a, single),
            kept(b, single),
            kept(c, single),
            kept(d, single),
            static_cast<int32_t>(boxes.size()),
            single};
    if (format == BoxFormat::kCoco) {
      box.x_max = to_single(box.x_min + box.x_max);
      box.y_max = to_single(box.y_min + box.y_max);
    }
    if (format == BoxFormat::kCoco || format == BoxFormat::kPascalVoc) {
      box.x_min = to_single(box.x_min / width);
      box.x_max = to_single(box.x_max / width);
      box.y_min = to_single(box.y_min / height);
      box.y_max = to_single(box.y_max / height);
    }
    if (format == BoxFormat::kYolo) {
      const double half_width = to_single(box.x_max / 2);
      const double half_height = to_single(box.y_max / 2);
      box.x_max = to_single(box.x_min + half_width);
      box.x_min = to_single(box.x_min - half_width);
      box.y_max = to_single(box.y_min + half_height);
      box.y_min = to_single(box.y_min - half_height);
    }
    boxes.push_back(box);
  }
  return boxes;
}

BoxNumbers numbers_of(BoxFormat format, const Box& box, int height, int width) {
  const auto round = [&](double value) { return kept(value, box.is_single); };
  const auto [x_min, y_min, x_max, y_max] = std::array{box.x_min, box.y_min, box.x_max, box.y_max};
  switch (format) {
    case BoxFormat::kAlbumentations:
      break;
    case BoxFormat::kPascalVoc:
      return {{round(x_min * width), round(y_min * height), round(x_max * width), round(y_max * height)}};
    case BoxFormat::kCoco:
      return {{round(x_min * width), round(y_min * height), round(x_max * width - x_min * width),
               round(y_max * height - y_min * height)}};
    case BoxFormat::kYolo:
      return {{round(round(x_min + x_max) / 2), round(round(y_min + y_max) / 2), round(x_max - x_min),
               round(y_max - y_min)}};
  }
  return {{x_min, y_min, x_max, y_max}};
}

void clip_to_image(std::vector<Box>& boxes) {
  for (Box& box : boxes) {
    for (double* edge : {&box.x_min, &box.y_min, &box.x_max, &box.y_max}) *edge = std::clamp(*edge, 0.0, 1.0);
  }
}

void filter_boxes(const BoxRules& rules, int height, int width, std::vector<Box>& boxes) {
  constexpr double kEpsilon = 1e-7;
  std::erase_if(boxes, [&](Box& box) {
    const bool single = box.is_single;
    const auto round = [&](double value) { return kept(value, single); };
    const double area_before =
        round(round(round(box.x_max - box.x_min) * width) * round(round(box.y_max - box.y_min) * height));
    const auto clip = [](double share, int side) {
      return std::clamp(share * side, 0.0, static_cast<double>(side)) / side;
    };
    box.x_min = clip(box.x_min, width);
    box.x_max = clip(box.x_max, width);
    box.y_min = clip(box.y_min, height);
    box.y_max = clip(box.y_max, height);
    box.is_single = false;
    const double area = (box.x_max - box.x_min) * width * ((box.y_max - box.y_min) * height);
    const double box_width = box.x_max * width - box.x_min * width;
    const double box_height = box.y_max * height - box.y_min * height;
    const bool has_ratio =
        !rules.max_accept_ratio || std::max(box_width / (box_height + kEpsilon),
                                            box_height / (box_width + kEpsilon)) <= *rules.max_accept_ratio;
    const bool stays = area_before >= round(kEpsilon) && area >= rules.min_area - kEpsilon &&
                       area / round(area_before + round(kEpsilon)) >= rules.min_visibility &&
                       box_width >= rules.min_width - kEpsilon && box_height >= rules.min_height - kEpsilon &&
                       has_ratio;
    return !stays;
  });
}

std::optional<std::string> problem_of(const std::vector<Box>& boxes) {
  // numpy.isclose with its own tolerances.
  const auto is_valid = [](double edge) {
    return (edge >= 0 && edge <= 1) || std::abs(edge) <= 1e-8 || std::abs(edge - 1) <= 1e-8 + 1e-5;
  };
  for (const Box& box : boxes) {
    const std::string where = "box " + std::to_string(box.row) + ": ";
    for (const auto& [name, edge] : {std::pair("x_min", box.x_min), std::pair("y_min", box.y_min),
                                     std::pair("x_max", box.x_max), std::pair("y_max", box.y_max)}) {
      if (!is_valid(edge)) {
        return where + name + " must be between 0 and 1 as a share of the image's side, got " + text(edge);
      }
    }
    if (!(box.x_max > box.x_min)) return where + "x_max must be above x_min, got " + text(box.x_max);
    if (!(box.y_max > box.y_min)) return where + "y_max must be above y_min, got " + text(box.y_max);
  }
  return std::nullopt;
}

size_t number_count(KeypointFormat format) { return kKeypointFormats[static_cast<size_t>(format)].size(); }

std::vector<Keypoint> keypoints_from(KeypointFormat format, const std::vector<std::vector<double>>& rows,
                                     bool angle_in_degrees, bool is_double) {
  const std::string_view letters = kKeypointFormats[static_cast<size_t>(format)];
  std::vector<Keypoint> points;
  points.reserve(rows.size());
  for (const std::vector<double>& row : rows) {
    Keypoint point;
    point.row = static_cast<int32_t>(points.size());
    point.is_single = !is_double;
    for (size_t i = 0; i < letters.size() && i < row.size(); ++i) {
      const double value = to_single(row[i]);
      if (letters[i] == 'x') point.x = value;
      if (letters[i] == 'y') point.y = value;
      if (letters[i] == 's') point.scale = value;
      if (letters[i] == 'a') point.angle = angle_in_degrees ? to_single(value * radians_factor(true)) : value;
    }
    point.angle = angle_in_circle(point.angle, true);
    points.push_back(point);
  }
  return points;
}

std::vector<double> numbers_of(KeypointFormat format, const Keypoint& point, bool angle_in_degrees) {
  double angle = angle_in_circle(point.angle, point.is_single);
  if (angle_in_degrees) angle = kept(angle * degrees_factor(point.is_single), point.is_single);
  std::vector<double> numbers;
  for (const char letter : kKeypointFormats[static_cast<size_t>(format)]) {
    numbers.push_back(letter == 'x'   ? point.x
                      : letter == 'y' ? point.y
                      : letter == 's' ? point.scale
                                      : angle);
  }
  return numbers;
}

void filter_keypoints(int height, int width, std::vector<Keypoint>& keypoints) {
  std::erase_if(keypoints, [&](const Keypoint& point) {
    return !(point.x >= 0 && point.x < width && point.y >= 0 && point.y < height);
  });
}

std::optional<std::string> problem_of(const std::vector<Keypoint>& keypoints, int height, int width) {
  for (const Keypoint& point : keypoints) {
    const std::string where = "keypoint " + std::to_string(point.row) + ": ";
    if (!(point.x >= 0 && point.x < width)) {
      return where + "x must be at least 0 and below the width of " + std::to_string(width) +
             " pixels, got " + text(point.x);
    }
    if (!(point.y >= 0 && point.y < height)) {
      return where + "y must be at least 0 and below the height of " + std::to_string(height) +
             " pixels, got " + text(point.y);
    }
    if (!(point.angle >= 0 && point.angle < kept(2 * std::numbers::pi, point.is_single))) {
      return where + "its angle must be at least 0 and below 2 pi, got " + text(point.angle);
    }
  }
  return std::nullopt;
}

}  // namespace stoker
