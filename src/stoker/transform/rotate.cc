// rotate: about the centre, on the same canvas or on the largest rectangle without a border.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stoker/transform/affine_operator.h"

namespace stoker {
namespace {

class Rotate : public AffineOperator {
 public:
  Rotate() : AffineOperator("rotate") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("limit", limit_, 1, 2, -1e6, 1e6, "degrees",
                    "Least and greatest angle, counter-clockwise; one number r means (-r, r).");
    visitor.boolean("crop_border", crop_border_,
                    "Keep only the largest upright rectangle that the turned image fills.");
    visit_rotate_method(visitor);
    visit_sampling(visitor);
  }

  void check() override {
    check_sampling();
    make_range("limit", limit_);
  }

  std::vector<std::string_view> draw_names() const override { return {"rotate"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"limit", std::vector<double>{-200, 200}}, {"crop_border", true}, {"p", 1.0}},
            {{"border_mode", std::string("reflect_101")}, {"p", 0.6}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(limit_[0], limit_[1]);
    return draw->applies ? can_show(*draw, in) : std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return;
    if (const Failure failure = can_show(draw, in)) throw ArgumentError("rotate: " + failure->found);
  }

  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override {
    AffineOperator::move_boxes(draw, in, boxes);
    if (!draw.applies || !crop_border_) return;
    const Rect crop = shown(draw, in);
    const auto cropped = [](double share, int side, int begin, int length) {
      return (static_cast<double>(static_cast<float>(share)) * side - begin) / length;
    };
    for (Box& box : boxes) {
      box.x_min = cropped(box.x_min, in.width, crop.x, crop.width);
      box.x_max = cropped(box.x_max, in.width, crop.x, crop.width);
      box.y_min = cropped(box.y_min, in.height, crop.y, crop.height);
      box.y_max = cropped(box.y_max, in.height, crop.y, crop.height);
    }
  }

  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override {
    AffineOperator::move_keypoints(draw, in, keypoints);
    if (!draw.applies || !crop_border_) return;
    const Rect crop = shown(draw, in);
    for (Keypoint& point : keypoints) {
      point.x = static_cast<double>(static_cast<float>(point.x) - static_cast<float>(crop.x));
      point.y = static_cast<double>(static_cast<float>(point.y) - static_cast<float>(crop.y));
    }
  }

 protected:
  bool keeps_size() const override { return !crop_border_; }

  Placement place(const Draw& draw, const ImageShape& in) const override {
    AffineParts parts;
    parts.rotate = draw.values[0];
    return {affine_matrix(parts, pixel_center(in)),
            affine_matrix(parts, box_center(in)),
            static_cast<double>(in.height),
            static_cast<double>(in.width),
            1,
            1};
  }

  std::unique_ptr<PixelMap> map(const Draw& draw, const ImageShape& in) const override {
    if (!crop_border_) return AffineOperator::map(draw, in);
    const Rect crop = shown(draw, in);
    Matrix33 matrix = place(draw, in).matrix;
    if (is_identity(matrix)) matrix = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    return std::make_unique<AffineMap>(inverted(upper_rows(matrix)), crop.width, crop.height, crop.x, crop.y);
  }

  std::array<int, 2> size_after(const Draw& draw, const ImageShape& in) const override {
    if (!crop_border_) return {in.height, in.width};
    const Rect crop = shown(draw, in);
    return {crop.height, crop.width};
  }

 private:
  Failure can_show(const Draw& draw, const ImageShape& in) const {
    if (crop_border_) {
      const Rect crop = shown(draw, in);
      if (crop.width < 1 || crop.height < 1) {
        return SampleError{SampleErrorCode::kShape, "rotate",
                           "nothing is left of " + std::to_string(in.height) + " x " +
                               std::to_string(in.width) + " pixels, turned and without its border",
                           "use larger images, or set crop_border=False"};
      }
    }
    return can_place(draw, in);
  }

  // The largest upright rectangle in the turned image, by the two cases of its corners: two of them on the
  // long sides, or each on a side of its own.
  static Rect shown(const Draw& draw, const ImageShape& in) {
    const double angle = draw.values[0] * (std::numbers::pi / 180);
    const double sine = std::abs(std::sin(angle));
    const double cosine = std::abs(std::cos(angle));
    const double width = in.width;
    const double height = in.height;
    const bool is_wide = width >= height;
    const double longer = is_wide ? width : height;
    const double shorter = is_wide ? height : width;
    double shown_width;
    double shown_height;
    if (shorter <= 2.0 * sine * cosine * longer || std::abs(sine - cosine) < 1e-10) {
      const double half = 0.5 * shorter;
      shown_width = is_wide ? half / sine : half / cosine;
      shown_height = is_wide ? half / cosine : half / sine;
    } else {
      const double cosine_of_double = cosine * cosine - sine * sine;
      shown_width = (width * cosine - height * sine) / cosine_of_double;
      shown_height = (height * cosine - width * sine) / cosine_of_double;
    }
    const int left = std::max(0, static_cast<int>(width / 2 - shown_width / 2));
    const int right = std::min(in.width, static_cast<int>(width / 2 + shown_width / 2));
    const int top = std::max(0, static_cast<int>(height / 2 - shown_height / 2));
    const int bottom = std::min(in.height, static_cast<int>(height / 2 + shown_height / 2));
    return {left, top, right - left, bottom - top};
  }

  std::vector<double> limit_ = {-90, 90};
  bool crop_border_ = false;
};

const RegisterOperator<Rotate> kRegistered(
    "rotate", "Rotate about the centre by a random angle.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape, or a smaller one with crop_border. "
    "Pixels, boxes and keypoints equal Albumentations' Rotate on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
