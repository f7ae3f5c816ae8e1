// horizontal_flip: mirrors the image left to right.

#include "stoker/transform/operator.h"

namespace stoker {
namespace {

class HorizontalFlip : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool is_random() const override { return p_ < 1; }
  bool is_permutation() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  Geometry geometry(const Draw& draw, const ImageShape&) const override {
    Geometry geometry;
    geometry.flip_horizontal = draw.applies;
    return geometry;
  }

 private:
  double p_ = 0.5;
};

const RegisterOperator<HorizontalFlip> kRegistered(
    "horizontal_flip", "Mirror the image left to right.",
    "(H, W, C) of any dtype -> the same shape. Pixels are moved, never changed.");

}  // namespace
}  // namespace stoker
