// perspective: takes a random quadrilateral of the image to its whole canvas.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stoker/transform/affine_matrix.h"
#include "stoker/transform/perspective_matrix.h"
#include "stoker/transform/single.h"
#include "stoker/transform/warp_operator.h"

namespace stoker {
namespace {

class Perspective : public WarpOperator {
 public:
  Perspective() : WarpOperator("perspective") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("scale", scale_, 1, 2, 0, 100, "of the side",
                    "Least and greatest standard deviation of the corners' distance from the image's; one "
                    "number s means (0, s).");
    visitor.boolean("keep_size", keep_size_, "Resize the result to the size of the image, in the same warp.");
    visitor.boolean("fit_output", fit_output_, "Show the whole warped image instead of the quadrilateral.");
    visit_sampling(visitor);
  }

  void check() override {
    check_sampling();
    if (scale_.size() == 1) scale_ = {0, scale_[0]};
    make_range("scale", scale_, false);
  }

  std::vector<std::string_view> draw_names() const override {
    return {"top_left_x",     "top_left_y",     "top_right_x",   "top_right_y",
            "bottom_right_x", "bottom_right_y", "bottom_left_x", "bottom_left_y"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {
        {{"p", 1.0}},
        {{"scale", std::vector<double>{0.1, 0.3}}, {"border_mode", std::string("reflect_101")}, {"p", 1.0}},
        {{"keep_size", false}, {"fill", std::vector<double>{4, 90, 200}}, {"p", 0.7}},
        {{"fit_output", true}, {"interpolation", std::string("nearest")}, {"p", 1.0}},
        {{"fit_output", true}, {"keep_size", false}, {"p", 1.0}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const double scale = rng.uniform(scale_[0], scale_[1]);
    std::array<Point, 4> points;
    for (Point& point : points) {
      // Box and Muller 1958; 1 - u is never 0.
      const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
      const double angle = 2 * std::numbers::pi * rng.uniform();
      point = {std::fmod(std::abs(radius * std::cos(angle) * scale), 0.32),
               std::fmod(std::abs(radius * std::sin(angle) * scale), 0.32)};
    }
    points[1].x = 1 - points[1].x;
    points[2] = {1 - points[2].x, 1 - points[2].y};
    points[3].y = 1 - points[3].y;
    for (Point& point : points) point = {point.x * in.width, point.y * in.height};
    std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
    if (!(points[0].y < points[1].y)) std::swap(points[0], points[1]);  // top left, bottom left
    if (!(points[2].y < points[3].y)) std::swap(points[2], points[3]);  // top right, bottom right
    const std::array<Point, 4> ordered = {points[0], points[2], points[3], points[1]};
    for (size_t i = 0; i < 4; ++i) {
      draw->values[2 * i] = to_single(ordered[i].x);
      draw->values[2 * i + 1] = to_single(ordered[i].y);
    }
    return draw->applies ? can_place(*draw, in) : std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return;
    if (const Failure failure = can_place(draw, in)) throw ArgumentError("perspective: " + failure->found);
  }

  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override {
    if (!draw.applies) return;
    const Placement placement = place(draw, in);
    const auto scale_x = static_cast<float>(in.width / placement.width);
    const auto scale_y = static_cast<float>(in.height / placement.height);
    for (Box& box : boxes) {
      const auto left = static_cast<float>(box.x_min * in.width);
      const auto right = static_cast<float>(box.x_max * in.width);
      const auto top = static_cast<float>(box.y_min * in.height);
      const auto bottom = static_cast<float>(box.y_max * in.height);
      FloatPoint least = moved(placement.matrix, {left, top});
      FloatPoint most = least;
      for (const FloatPoint& corner : {FloatPoint{right, top}, {right, bottom}, {left, bottom}}) {
        const FloatPoint to = moved(placement.matrix, corner);
        least = {std::min(least.x, to.x), std::min(least.y, to.y)};
        most = {std::max(most.x, to.x), std::max(most.y, to.y)};
      }
      double width = placement.width;
      double height = placement.height;
      if (keep_size_) {
        least = {least.x * scale_x, least.y * scale_y};
        most = {most.x * scale_x, most.y * scale_y};
        width = in.width;
        height = in.height;
      }
      box.x_min = kept(least.x / width, box.is_single);
      box.y_min = kept(least.y / height, box.is_single);
      box.x_max = kept(most.x / width, box.is_single);
      box.y_max = kept(most.y / height, box.is_single);
    }
  }

  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override {
    if (!draw.applies) return;
    const Placement placement = place(draw, in);
    const Matrix33& m = placement.matrix;
    const double turn = std::atan2(m[3], m[0]);
    const auto sign = [](double value) { return value > 0 ? 1.0 : value < 0 ? -1.0 : 0.0; };
    const double growth = std::max(sign(m[0]) * std::sqrt(m[0] * m[0] + m[1] * m[1]),
                                   sign(m[4]) * std::sqrt(m[3] * m[3] + m[4] * m[4]));
    const double scale_x = in.width / placement.width;
    const double scale_y = in.height / placement.height;
    for (Keypoint& point : keypoints) {
      FloatPoint to = moved(m, {static_cast<float>(point.x), static_cast<float>(point.y)});
      auto scale = static_cast<float>(to_single(point.scale) * growth);
      if (keep_size_) {
        to = {to.x * static_cast<float>(scale_x), to.y * static_cast<float>(scale_y)};
        scale *= static_cast<float>(std::max(scale_x, scale_y));
      }
      point.x = static_cast<double>(to.x);
      point.y = static_cast<double>(to.y);
      point.angle = angle_in_circle(to_single(to_single(point.angle) + turn), true);
      point.scale = static_cast<double>(scale);
      point.is_single = true;
    }
  }

 protected:
  bool keeps_size() const override { return keep_size_; }

  std::unique_ptr<PixelMap> map(const Draw& draw, const ImageShape& in) const override {
    const Placement placement = place(draw, in);
    Matrix33 matrix = placement.matrix;
    if (keep_size_) {
      matrix =
          product({in.width / placement.width, 0, 0, 0, in.height / placement.height, 0, 0, 0, 1}, matrix);
    }
    const auto [height, width] = size_after(draw, in);
    return std::make_unique<PerspectiveMap>(inverted(matrix), width, height);
  }

  std::array<int, 2> size_after(const Draw& draw, const ImageShape& in) const override {
    if (keep_size_) return {in.height, in.width};
    const Placement placement = place(draw, in);
    return {static_cast<int>(placement.height), static_cast<int>(placement.width)};
  }

 private:
  struct Placement {
    Matrix33 matrix;
    double height;  // of the quadrilateral, or of the whole image warped
    double width;
  };

  Failure can_place(const Draw& draw, const ImageShape& in) const {
    const Placement placement = place(draw, in);
    const bool fits = placement.height >= 1 && placement.width >= 1 && placement.height <= kMaxWarpedSidePx &&
                      placement.width <= kMaxWarpedSidePx &&
                      placement.height * placement.width <= kMaxWarpedPixels;
    if (fits) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "perspective",
                       "the result would be " + to_json(Value(placement.height)) + " x " +
                           to_json(Value(placement.width)) +
                           " pixels, allowed are sides of 1 to 65500 and 120 million pixels in all",
                       "use a smaller scale, or set fit_output=False"};
  }

  // The length between two corners. Those closer than 2 pixels are moved apart first, by the library's rule.
  static float spread(FloatPoint* a, FloatPoint* b) {
    const float across = a->x - b->x;
    const float down = a->y - b->y;
    const float length = std::sqrt(across * across + down * down);
    if (!(length < 2)) return length;
    const float step = (2 - length) / 2;
    for (const auto& [one, other] : {std::pair(&a->x, &b->x), std::pair(&a->y, &b->y)}) {
      if (*one > *other) *one += step;
      if (*one > *other) *other -= step;
      if (*one <= *other) *one -= step;
      if (*one <= *other) *other += step;
    }
    return 2;
  }

  Placement place(const Draw& draw, const ImageShape& in) const {
    Corners corners;
    for (size_t i = 0; i < 4; ++i) {
      corners[i] = {static_cast<float>(draw.values[2 * i]), static_cast<float>(draw.values[2 * i + 1])};
    }
    auto& [top_left, top_right, bottom_right, bottom_left] = corners;
    const float upper = spread(&top_right, &top_left);
    const float lower = spread(&bottom_right, &bottom_left);
    const float right = spread(&bottom_right, &top_right);
    const float left = spread(&bottom_left, &top_left);
    const auto width = static_cast<float>(in.width);
    const auto height = static_cast<float>(in.height);
    const Corners canvas = {FloatPoint{0, 0}, {width, 0}, {width, height}, {0, height}};
    const Matrix33 matrix = perspective_matrix(corners, canvas);
    if (!fit_output_) {
      return {matrix, std::trunc(static_cast<double>(std::max(right, left))),
              std::trunc(static_cast<double>(std::max(upper, lower)))};
    }
    Corners to;
    for (size_t i = 0; i < 4; ++i) to[i] = moved(matrix, canvas[i]);
    FloatPoint least = to[0];
    for (const FloatPoint& point : to) least = {std::min(least.x, point.x), std::min(least.y, point.y)};
    FloatPoint most;
    for (FloatPoint& point : to) {
      point = {std::nearbyint(point.x - least.x), std::nearbyint(point.y - least.y)};
      most = {std::max(most.x, point.x), std::max(most.y, point.y)};
    }
    return {perspective_matrix(canvas, to), static_cast<double>(most.y), static_cast<double>(most.x)};
  }

  std::vector<double> scale_ = {0.05, 0.1};
  bool keep_size_ = true;
  bool fit_output_ = false;
};

const RegisterOperator<Perspective> kRegistered(
    "perspective", "Take a random quadrilateral of the image to the whole canvas.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape, or the quadrilateral's with "
    "keep_size=False. "
    "Pixels, boxes and keypoints equal Albumentations' Perspective on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
