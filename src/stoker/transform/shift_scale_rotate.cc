// shift_scale_rotate: Albumentations' oldest affine warp.

#include <cmath>

#include "stoker/transform/affine_operator.h"

namespace stoker {
namespace {

class ShiftScaleRotate : public AffineOperator {
 public:
  ShiftScaleRotate() : AffineOperator("shift_scale_rotate") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("shift_limit_x", shift_limit_x_, 1, 2, -1, 1, "of the width",
                    "Least and greatest shift; one number s means (-s, s).");
    visitor.numbers("shift_limit_y", shift_limit_y_, 1, 2, -1, 1, "of the height",
                    "Least and greatest shift; one number s means (-s, s).");
    visitor.numbers("scale_limit", scale_limit_, 1, 2, -0.999, 1000, "added to a factor of 1",
                    "Least and greatest change of size, drawn for each axis; one number s means (-s, s).");
    visitor.numbers("rotate_limit", rotate_limit_, 1, 2, -1e6, 1e6, "degrees",
                    "Least and greatest angle; one number r means (-r, r).");
    visit_rotate_method(visitor);
    visit_sampling(visitor);
  }

  void check() override {
    check_sampling();
    make_range("shift_limit_x", shift_limit_x_);
    make_range("shift_limit_y", shift_limit_y_);
    make_range("scale_limit", scale_limit_);
    make_range("rotate_limit", rotate_limit_);
    if (scale_limit_[0] < -0.999) {
      throw ArgumentError("shift_scale_rotate: scale_limit must be above -0.999, got " +
                          to_json(Value(scale_limit_[0])) + ".");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"translate_x", "translate_y", "scale_x", "scale_y", "rotate"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"border_mode", std::string("reflect_101")}, {"p", 0.6}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = std::trunc(rng.uniform(shift_limit_x_[0], shift_limit_x_[1]) * in.width);
    draw->values[1] = std::trunc(rng.uniform(shift_limit_y_[0], shift_limit_y_[1]) * in.height);
    draw->values[2] = 1 + rng.uniform(scale_limit_[0], scale_limit_[1]);
    draw->values[3] = 1 + rng.uniform(scale_limit_[0], scale_limit_[1]);
    draw->values[4] = rng.uniform(rotate_limit_[0], rotate_limit_[1]);
    return draw->applies ? can_place(*draw, in) : std::nullopt;
  }

 protected:
  Placement place(const Draw& draw, const ImageShape& in) const override {
    AffineParts parts;
    parts.translate_x = draw.values[0];
    parts.translate_y = draw.values[1];
    parts.scale_x = draw.values[2];
    parts.scale_y = draw.values[3];
    parts.rotate = draw.values[4];
    return {affine_matrix(parts, pixel_center(in)),
            affine_matrix(parts, box_center(in)),
            static_cast<double>(in.height),
            static_cast<double>(in.width),
            parts.scale_x,
            parts.scale_y};
  }

 private:
  std::vector<double> shift_limit_x_ = {-0.0625, 0.0625};
  std::vector<double> shift_limit_y_ = {-0.0625, 0.0625};
  std::vector<double> scale_limit_ = {-0.1, 0.1};
  std::vector<double> rotate_limit_ = {-45, 45};
};

const RegisterOperator<ShiftScaleRotate> kRegistered(
    "shift_scale_rotate", "Shift, scale and rotate by random amounts, in one warp.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. Pixels, boxes and keypoints equal "
    "Albumentations' ShiftScaleRotate on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
