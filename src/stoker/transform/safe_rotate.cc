// safe_rotate: rotates, and shrinks so that the whole image stays on its canvas.

#include <cmath>
#include <numbers>

#include "stoker/transform/affine_operator.h"

namespace stoker {
namespace {

class SafeRotate : public AffineOperator {
 public:
  SafeRotate() : AffineOperator("safe_rotate") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("limit", limit_, 1, 2, -1e6, 1e6, "degrees",
                    "Least and greatest angle, counter-clockwise; one number r means (-r, r).");
    visit_rotate_method(visitor);
    visit_sampling(visitor);
  }

  void check() override {
    check_sampling();
    make_range("limit", limit_);
  }

  std::vector<std::string_view> draw_names() const override { return {"rotate"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"border_mode", std::string("replicate")}, {"p", 0.6}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(limit_[0], limit_[1]);
    return draw->applies ? can_place(*draw, in) : std::nullopt;
  }

 protected:
  Placement place(const Draw& draw, const ImageShape& in) const override {
    const Turned pixels = turned(draw.values[0], pixel_center(in), in);
    const Turned boxes = turned(draw.values[0], box_center(in), in);
    return {pixels.matrix,  boxes.matrix,  static_cast<double>(in.height), static_cast<double>(in.width),
            pixels.scale_x, pixels.scale_y};
  }

 private:
  struct Turned {
    Matrix33 matrix;
    double scale_x;
    double scale_y;
  };

  static Turned turned(double degrees, const Point& center, const ImageShape& in) {
    const double angle = degrees * (std::numbers::pi / 180);
    const double cosine = std::cos(angle);
    const double sine = std::sin(angle);
    Matrix33 rotate = {cosine, sine,   (1 - cosine) * center.x - sine * center.y,
                       -sine,  cosine, sine * center.x + (1 - cosine) * center.y,
                       0,      0,      1};
    // An image of one pixel can turn to nothing; its canvas counts as one pixel.
    const double width = std::max(1.0, std::trunc(in.height * std::abs(sine) + in.width * std::abs(cosine)));
    const double height = std::max(1.0, std::trunc(in.height * std::abs(cosine) + in.width * std::abs(sine)));
    rotate[2] += width / 2 - center.x;
    rotate[5] += height / 2 - center.y;
    const double scale_x = in.width / width;
    const double scale_y = in.height / height;
    return {product({scale_x, 0, 0, 0, scale_y, 0, 0, 0, 1}, rotate), scale_x, scale_y};
  }

  std::vector<double> limit_ = {-90, 90};
};

const RegisterOperator<SafeRotate> kRegistered(
    "safe_rotate", "Rotate by a random angle and shrink, so that no corner is lost.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints equal "
    "Albumentations' SafeRotate on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
