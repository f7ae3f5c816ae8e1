// solarize: inverts values from a random threshold on.

#include <algorithm>

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class Solarize : public ValueOperator {
 public:
  bool is_random() const override { return p_ < 1 || threshold_[0] < threshold_[1]; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("threshold", threshold_, 1, 2, 0, 256, "levels of 255",
                    "Least and greatest threshold, or one for all images; values from it on are inverted.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override { make_range("solarize", "threshold", threshold_); }

  std::vector<std::string_view> draw_names() const override { return {"threshold"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("solarize", in, 64);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(threshold_[0], threshold_[1]);
    return std::nullopt;
  }

 protected:
  uint8_t byte_of(const Draw& draw, uint8_t value, int) const override {
    return static_cast<uint8_t>(value >= draw.values[0] ? 255 - value : value);
  }

  float share_of(const Draw& draw, float share, int) const override {
    const auto threshold = static_cast<float>(draw.values[0] / 255.0);
    return std::clamp(share >= threshold ? 1.0f - share : share, 0.0f, 1.0f);
  }

 private:
  std::vector<double> threshold_ = {127.5};
  double p_ = 0.5;
};

const RegisterOperator<Solarize> kRegistered(
    "solarize", "Invert the values from a threshold on.",
    "(H, W, C) uint8 or float32 (0 to 1, clipped) -> the same shape. Pixels equal Albumentations' Solarize, "
    "whose threshold is a share (times 255 here), and torchvision's RandomSolarize.");

}  // namespace
}  // namespace stoker
