// random_rotation: torchvision's, on PIL images.

#include "stoker/transform/pillow_operator.h"

namespace stoker {
namespace {

class RandomRotation : public PillowOperator {
 public:
  RandomRotation() : PillowOperator("random_rotation", "nearest") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("degrees", degrees_, 1, 2, -1e6, 1e6, "degrees",
                    "Least and greatest angle, counter-clockwise; one number d means (-d, d).");
    visitor.boolean("expand", expand_, "Make the result as large as the whole turned image needs.");
    visitor.numbers("center", center_, 0, 2, -65500, 65500, "pixels",
                    "x and y to turn about; none for the centre of the image.");
    visit_reading(visitor);
    visit_arithmetic(visitor);
  }

  void check() override {
    check_reading();
    make_range("degrees", degrees_);
    if (center_.size() == 1)
      throw ArgumentError("random_rotation: center must be two numbers or none, got 1.");
  }

  std::vector<std::string_view> draw_names() const override { return {"angle"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"degrees", std::vector<double>{180}}},
            {{"degrees", std::vector<double>{90, 90}}, {"expand", true}},
            {{"degrees", std::vector<double>{-50, 70}},
             {"interpolation", std::string("bilinear")},
             {"expand", true},
             {"p", 0.7}},
            {{"degrees", std::vector<double>{180}},
             {"interpolation", std::string("bilinear")},
             {"arithmetic", std::string("torch")}}};
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(degrees_[0], degrees_[1]);
    return std::nullopt;
  }

 protected:
  bool keeps_size() const override { return !expand_; }

  Placement place(const Draw& draw, const ImageShape& in) const override {
    return rotation(draw.values[0], center_, expand_, in);
  }

 private:
  std::vector<double> degrees_;
  bool expand_ = false;
  std::vector<double> center_;
};

const RegisterOperator<RandomRotation> kRegistered(
    "random_rotation", "Rotate by a random angle, as torchvision does.",
    "(H, W, C) uint8, with torch's arithmetic float32 too -> the same shape, or a larger one with expand. "
    "Pixels equal torchvision's "
    "RandomRotation on Pillow 13 and torch 2.13.");

}  // namespace
}  // namespace stoker
