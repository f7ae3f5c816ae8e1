// transpose: rows become columns.

#include "stoker/transform/turn_operator.h"

namespace stoker {
namespace {

class Transpose : public TurnOperator {
 public:
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (p_ < 1 && in.height != in.width) return {0, 0, in.channels, in.dtype};
    return {in.width, in.height, in.channels, in.dtype};
  }

  std::vector<std::map<std::string, Value>> examples() const override { return {{}, {{"p", 1.0}}}; }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

 private:
  Turn turn_of(const Draw&) const override { return Turn::kTranspose; }

  double p_ = 0.5;
};

const RegisterOperator<Transpose> kRegistered(
    "transpose", "Mirror the image at its main diagonal: rows become columns.",
    "(H, W, C) of any dtype -> (W, H, C). Pixels are moved, never changed. Pixels, boxes and keypoints equal "
    "Albumentations' Transpose.");

}  // namespace
}  // namespace stoker
