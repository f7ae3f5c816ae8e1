#include "stoker/transform/distortion_operator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "stoker/transform/single.h"

namespace stoker {
namespace {

// Whole coordinates of every pixel, row by row.
template <class Visit>
void for_rows(const PixelMap& map, Visit visit) {
  std::vector<int32_t> xs(static_cast<size_t>(map.width) + PixelMap::kSlack);
  std::vector<int32_t> ys(xs.size());
  for (int y = 0; y < map.height; ++y) {
    map.row(y, true, {xs.data(), ys.data()});
    visit(y, xs.data(), ys.data());
  }
}

struct Bounds {
  int x_min = -1;
  int y_min = -1;
  int x_max = -1;
  int y_max = -1;
};

// The pixels of a box: its edges rounded and held to the image, all included.
Bounds pixels_of(const Box& box, const ImageShape& in) {
  const auto held = [](double edge, int side) {
    return static_cast<int>(std::clamp(std::nearbyint(edge * side), 0.0, side - 1.0));
  };
  return {held(box.x_min, in.width), held(box.y_min, in.height), held(box.x_max, in.width),
          held(box.y_max, in.height)};
}

}  // namespace

void DistortionOperator::visit_distortion(ParameterVisitor& visitor) {
  visitor.choice(
      "keypoint_remapping_method", keypoint_remapping_method_, {"mask", "direct"},
      "How keypoints are found again: as small discs that are warped too, or by the inverse of the "
      "map.");
  visit_sampling(visitor);
}

std::unique_ptr<PixelMap> DistortionOperator::map(const Draw& draw, const ImageShape& in) const {
  return std::make_unique<FloatMap>(rows(draw, in), in.width, in.height);
}

void DistortionOperator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (!draw.applies || boxes.empty()) return;
  std::vector<Bounds> from;
  for (const Box& box : boxes) from.push_back(pixels_of(box, in));
  std::vector<Bounds> found(boxes.size());
  for_rows(*map(draw, in), [&](int y, const int32_t* xs, const int32_t* ys) {
    for (size_t i = 0; i < boxes.size(); ++i) {
      const Bounds& box = from[i];
      const auto is_in = [&](int x) {
        return xs[x] >= box.x_min && xs[x] <= box.x_max && ys[x] >= box.y_min && ys[x] <= box.y_max;
      };
      int first = 0;
      while (first < in.width && !is_in(first)) ++first;
      if (first == in.width) continue;
      int last = in.width - 1;
      while (!is_in(last)) --last;
      Bounds& to = found[i];
      const bool is_new = to.y_min < 0;
      to = {is_new ? first : std::min(to.x_min, first), is_new ? y : to.y_min,
            is_new ? last : std::max(to.x_max, last), y};
    }
  });
  for (size_t i = 0; i < boxes.size(); ++i) {
    Box& box = boxes[i];
    box.is_single = false;
    const Bounds& to = found[i];
    if (to.y_min < 0) {
      // A box that has vanished stays where it was.
      box = {box.x_min * in.width / in.width,
             box.y_min * in.height / in.height,
             box.x_max * in.width / in.width,
             box.y_max * in.height / in.height,
             box.row,
             false};
      continue;
    }
    box = {static_cast<double>(to.x_min) / in.width,
           static_cast<double>(to.y_min) / in.height,
           static_cast<double>(to.x_max) / in.width,
           static_cast<double>(to.y_max) / in.height,
           box.row,
           false};
  }
}

void DistortionOperator::move_keypoints(const Draw& draw, const ImageShape& in,
                                        std::vector<Keypoint>& keypoints) const {
  if (!draw.applies || keypoints.empty()) return;
  if (keypoint_remapping_method_ == "direct") return move_directly(draw, in, keypoints);
  move_by_mask(draw, in, keypoints);
}

void DistortionOperator::move_by_mask(const Draw& draw, const ImageShape& in,
                                      std::vector<Keypoint>& keypoints) const {
  // A disc of radius 1 is a pixel and its four neighbours; later keypoints cover earlier ones.
  std::vector<int32_t> discs(static_cast<size_t>(in.height) * static_cast<size_t>(in.width), -1);
  const auto mark = [&](int x, int y, int32_t value) {
    if (x < 0 || y < 0 || x >= in.width || y >= in.height) return;
    discs[static_cast<size_t>(y) * static_cast<size_t>(in.width) + static_cast<size_t>(x)] = value;
  };
  for (size_t i = 0; i < keypoints.size(); ++i) {
    const double column = std::nearbyint(keypoints[i].x);
    const double row = std::nearbyint(keypoints[i].y);
    if (!(column >= 0 && row >= 0 && column < in.width && row < in.height)) continue;
    const int x = static_cast<int>(column);
    const int y = static_cast<int>(row);
    const auto value = static_cast<int32_t>(i);
    mark(x, y - 1, value);
    for (const int step : {-1, 0, 1}) mark(x + step, y, value);
    mark(x, y + 1, value);
  }
  std::vector<std::pair<int, int>> found(keypoints.size(), {-1, -1});
  for_rows(*map(draw, in), [&](int y, const int32_t* xs, const int32_t* ys) {
    for (int x = 0; x < in.width; ++x) {
      if (xs[x] < 0 || ys[x] < 0 || xs[x] >= in.width || ys[x] >= in.height) continue;
      const int32_t at =
          discs[static_cast<size_t>(ys[x]) * static_cast<size_t>(in.width) + static_cast<size_t>(xs[x])];
      if (at >= 0 && found[static_cast<size_t>(at)].first < 0) found[static_cast<size_t>(at)] = {x, y};
    }
  });
  std::vector<Keypoint> out;
  for (size_t i = 0; i < keypoints.size(); ++i) {
    if (found[i].first < 0) continue;
    Keypoint point = keypoints[i];
    point.x = found[i].first;
    point.y = found[i].second;
    point.is_single = false;
    out.push_back(point);
  }
  keypoints = std::move(out);
}

void DistortionOperator::move_directly(const Draw& draw, const ImageShape& in,
                                       std::vector<Keypoint>& keypoints) const {
  const auto width = static_cast<size_t>(in.width);
  const auto height = static_cast<size_t>(in.height);
  // For each source pixel the result pixel that comes from closest by, in city blocks.
  std::vector<float> inverse_x(width * height, 0);
  std::vector<float> inverse_y(width * height, 0);
  const FloatMap::Row row = rows(draw, in);
  std::vector<float> xs(width);
  std::vector<float> ys(width);
  for (size_t y = 0; y < height; ++y) {
    row(static_cast<int>(y), xs.data(), ys.data());
    for (size_t x = 0; x < width; ++x) {
      const float from_x = xs[x];
      const float from_y = ys[x];
      if (!(from_x >= 0 && from_x < static_cast<float>(in.width) && from_y >= 0 &&
            from_y < static_cast<float>(in.height))) {
        continue;
      }
      const auto left = static_cast<size_t>(from_x);
      const auto top = static_cast<size_t>(from_y);
      for (size_t v = top; v <= std::min(top + 1, height - 1); ++v) {
        for (size_t u = left; u <= std::min(left + 1, width - 1); ++u) {
          const size_t at = v * width + u;
          const auto column = static_cast<float>(u);
          const auto line = static_cast<float>(v);
          const float distance = std::abs(column - from_x) + std::abs(line - from_y);
          const float known = std::abs(column - inverse_x[at]) + std::abs(line - inverse_y[at]);
          if (inverse_x[at] != 0 && !(distance < known)) continue;
          inverse_x[at] = static_cast<float>(x);
          inverse_y[at] = static_cast<float>(y);
        }
      }
    }
  }
  for (Keypoint& point : keypoints) {
    const auto x = static_cast<size_t>(std::clamp(point.x, 0.0, in.width - 1.0));
    const auto y = static_cast<size_t>(std::clamp(point.y, 0.0, in.height - 1.0));
    point.x = static_cast<double>(inverse_x[y * width + x]);
    point.y = static_cast<double>(inverse_y[y * width + x]);
  }
}

}  // namespace stoker
