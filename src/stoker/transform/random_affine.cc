// random_affine: torchvision's, on PIL images.

#include <cmath>

#include "stoker/transform/pillow_operator.h"

namespace stoker {
namespace {

class RandomAffine : public PillowOperator {
 public:
  RandomAffine() : PillowOperator("random_affine", "nearest") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("degrees", degrees_, 1, 2, -1e6, 1e6, "degrees",
                    "Least and greatest angle, clockwise; one number d means (-d, d).");
    visitor.numbers("translate", translate_, 2, 2, 0, 1, "of the side",
                    "Greatest shift along x and y; drawn, then rounded to whole pixels.");
    visitor.numbers("scale", scale_, 2, 2, 0.001, 1000, "", "Least and greatest factor of size.");
    visitor.numbers(
        "shear", shear_, 1, 4, -89.9, 89.9, "degrees",
        "Range of shear along x, then that along y; two numbers leave y alone, one number s means "
        "(-s, s) along x.");
    visitor.numbers("center", center_, 0, 2, -65500, 65500, "pixels",
                    "x and y that stay in place; none for the centre of the image.");
    visit_reading(visitor);
    visit_arithmetic(visitor);
  }

  void check() override {
    check_reading();
    make_range("degrees", degrees_);
    if (shear_.size() == 1) shear_ = {-shear_[0], shear_[0]};
    const bool has_ranges =
        shear_.size() != 3 && shear_[0] <= shear_[1] && (shear_.size() < 4 || shear_[2] <= shear_[3]);
    if (!has_ranges || scale_[0] > scale_[1]) {
      throw ArgumentError(
          "random_affine: scale and shear must be ranges (least, greatest), shear one or two of "
          "them, got scale=" +
          to_json(Value(scale_)) + " and shear=" + to_json(Value(shear_)) + ".");
    }
    if (center_.size() == 1) throw ArgumentError("random_affine: center must be two numbers or none, got 1.");
  }

  std::vector<std::string_view> draw_names() const override {
    return {"angle", "translate_x", "translate_y", "scale", "shear_x", "shear_y"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    using List = std::vector<double>;
    return {{{"degrees", List{30}}},
            {{"degrees", List{0, 0}}, {"translate", List{0.4, 0.3}}, {"fill", List{17}}},
            {{"degrees", List{90}},
             {"scale", List{0.5, 2}},
             {"shear", List{-20, 20, -10, 10}},
             {"interpolation", std::string("bilinear")},
             {"p", 0.7}},
            {{"degrees", List{90}},
             {"shear", List{-20, 20}},
             {"interpolation", std::string("bilinear")},
             {"fill", List{31.5}},
             {"arithmetic", std::string("torch_v1")}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const double most_x = translate_[0] * in.width;
    const double most_y = translate_[1] * in.height;
    draw->values[0] = rng.uniform(degrees_[0], degrees_[1]);
    draw->values[1] = std::nearbyint(rng.uniform(-most_x, most_x));
    draw->values[2] = std::nearbyint(rng.uniform(-most_y, most_y));
    draw->values[3] = rng.uniform(scale_[0], scale_[1]);
    draw->values[4] = rng.uniform(shear_[0], shear_[1]);
    draw->values[5] = shear_.size() == 4 ? rng.uniform(shear_[2], shear_[3]) : 0;
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    if (!draw.applies || draw.values[3] > 0) return;
    throw ArgumentError("random_affine: the drawn scale must be above 0, got " +
                        to_json(Value(draw.values[3])) + ".");
  }

 protected:
  Placement place(const Draw& draw, const ImageShape& in) const override {
    const auto& v = draw.values;
    const double x = center_.empty() ? in.width * 0.5 : center_[0];
    const double y = center_.empty() ? in.height * 0.5 : center_[1];
    return moved_about({v[0], v[1], v[2], v[3], v[4], v[5]}, x, y, in);
  }

 private:
  std::vector<double> degrees_;
  std::vector<double> translate_ = {0, 0};
  std::vector<double> scale_ = {1, 1};
  std::vector<double> shear_ = {0, 0};
  std::vector<double> center_;
};

const RegisterOperator<RandomAffine> kRegistered(
    "random_affine", "Rotate, shift, scale and shear by random amounts, as torchvision does.",
    "(H, W, C) uint8, with torch's arithmetic float32 too -> the same shape. Pixels equal torchvision's "
    "RandomAffine on Pillow 13 and torch 2.13.");

}  // namespace
}  // namespace stoker
