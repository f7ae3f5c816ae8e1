// random_tone_curve: each value through a random S-shaped curve.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class RandomToneCurve : public ValueOperator {
 public:
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("scale", scale_, 0, 1, "of the full range",
                   "Standard deviation of the heights of the curve's two inner control points.");
    visitor.boolean("per_channel", per_channel_, "Whether each channel has a curve of its own.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("random_tone_curve", in, 64);
    return in;
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{}, {{"scale", 1.0}, {"per_channel", true}, {"p", 1.0}}};
  }

  // The list holds pairs (height of the lower point, of the upper point), one for all channels or one a
  // channel.
  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    for (int c = 0; c < (per_channel_ ? in.channels : 1); ++c) {
      const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
      const double angle = 2 * std::numbers::pi * rng.uniform();
      draw->list.push_back(std::clamp(0.25 + scale_ * radius * std::cos(angle), 0.0, 1.0));
      draw->list.push_back(std::clamp(0.75 + scale_ * radius * std::sin(angle), 0.0, 1.0));
    }
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (draw.list.size() == 2 * static_cast<size_t>(per_channel_ ? in.channels : 1)) return;
    throw ArgumentError("random_tone_curve: the drawn list must hold two heights, once or for each channel.");
  }

 protected:
  bool differs_by_channel() const override { return per_channel_; }

  // A Bezier curve from (0, 0) to (1, 1).
  uint8_t byte_of(const Draw& draw, uint8_t value, int c) const override {
    const size_t at = per_channel_ ? 2 * static_cast<size_t>(c) : 0;
    const double t = value == 255 ? 1.0 : value * (1.0 / 255);
    const double rest = 1 - t;
    const double height =
        3 * (rest * rest) * t * draw.list[at] + 3 * rest * (t * t) * draw.list[at + 1] + t * t * t;
    return cut_to_byte(std::nearbyint(height * 255));
  }

 private:
  double scale_ = 0.1;
  bool per_channel_ = false;
  double p_ = 0.5;
};

const RegisterOperator<RandomToneCurve> kRegistered(
    "random_tone_curve", "Bend the values along a random curve from black to white.",
    "(H, W, C) uint8 or float32 (through 8 bits) -> the same shape. Pixels equal Albumentations' "
    "RandomToneCurve.");

}  // namespace
}  // namespace stoker
