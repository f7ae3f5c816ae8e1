// d4: one of the eight symmetries of the square.

#include "stoker/transform/turn_operator.h"

namespace stoker {
namespace {

class D4 : public TurnOperator {
 public:
  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }
  std::vector<std::string_view> draw_names() const override { return {"element"}; }
  std::vector<std::map<std::string, Value>> examples() const override { return {{}, {{"p", 0.5}}}; }

  PlannedShape plan(const PlannedShape& in) const override {
    return in.height == in.width ? in : TurnOperator::plan(in);
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = static_cast<double>(rng.uniform_int(0, kTurns - 1));
    return std::nullopt;
  }
  void check_draw(const Draw& draw, const ImageShape&) const override {
    check_number("d4", "element", draw, kTurns);
  }

 private:
  Turn turn_of(const Draw& draw) const override {
    return static_cast<Turn>(static_cast<int>(draw.values[0]));
  }

  double p_ = 1;
};

const RegisterOperator<D4> kRegistered(
    "d4", "Apply one of the eight symmetries of the square: turns, flips, transposes.",
    "(H, W, C) of any dtype -> (H, W, C) or (W, H, C). Pixels are moved, never changed. The drawn value "
    "counts "
    "in the order e, r90, r180, r270, v, hvt, h, t of Albumentations' D4, whose pixels, boxes and keypoints "
    "it equals.");

}  // namespace
}  // namespace stoker
