// random_rotate90: a random number of quarter turns.

#include "stoker/transform/single.h"
#include "stoker/transform/turn_operator.h"

namespace stoker {
namespace {

class RandomRotate90 : public TurnOperator {
 public:
  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }
  std::vector<std::string_view> draw_names() const override { return {"factor"}; }
  std::vector<std::map<std::string, Value>> examples() const override { return {{}, {{"p", 0.5}}}; }

  PlannedShape plan(const PlannedShape& in) const override {
    return in.height == in.width ? in : TurnOperator::plan(in);
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = static_cast<double>(rng.uniform_int(0, 3));
    return std::nullopt;
  }
  void check_draw(const Draw& draw, const ImageShape&) const override {
    check_number("random_rotate90", "factor", draw, 4);
  }

  // Without a turn the library still takes the angle round the circle.
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override {
    TurnOperator::move_keypoints(draw, in, keypoints);
    if (!draw.applies || draw.values[0] != 0) return;
    for (Keypoint& point : keypoints) point.angle = angle_in_circle(point.angle, point.is_single);
  }

 private:
  Turn turn_of(const Draw& draw) const override {
    return static_cast<Turn>(static_cast<int>(draw.values[0]));
  }

  double p_ = 1;
};

const RegisterOperator<RandomRotate90> kRegistered(
    "random_rotate90", "Turn the image by 0, 90, 180 or 270 degrees, counter-clockwise.",
    "(H, W, C) of any dtype -> (H, W, C) or (W, H, C). Pixels are moved, never changed. The drawn value is "
    "the number of quarter turns. Pixels, boxes and keypoints equal Albumentations' RandomRotate90.");

}  // namespace
}  // namespace stoker
