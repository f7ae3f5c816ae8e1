// random_gamma: each value to a random power.

#include <cmath>

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class RandomGamma : public ValueOperator {
 public:
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("gamma_limit", gamma_limit_, 2, 2, 1e-3, 1e6, "hundredths",
                    "Least and greatest exponent, times 100.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override { make_range("random_gamma", "gamma_limit", gamma_limit_); }

  std::vector<std::string_view> draw_names() const override { return {"gamma"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    check_levels("random_gamma", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(gamma_limit_[0], gamma_limit_[1]) / 100.0;
    return std::nullopt;
  }

 protected:
  // The share of a level is a product, not a quotient, as in Albumentations' table: gamma 1 makes 32 of 33.
  uint8_t byte_of(const Draw& draw, uint8_t value, int) const override {
    return cut_to_byte(std::pow(value * (1.0 / 255), draw.values[0]) * 255);
  }

  float share_of(const Draw& draw, float share, int) const override {
    return std::pow(share, static_cast<float>(draw.values[0]));
  }

  // Levels below 0 as those above.
  double level_of(const Draw& draw, double level, double most) const override {
    return std::copysign(std::pow(std::abs(level) / most, draw.values[0]) * most, level);
  }

 private:
  std::vector<double> gamma_limit_ = {80, 120};
  double p_ = 0.5;
};

const RegisterOperator<RandomGamma> kRegistered(
    "random_gamma", "Raise each value, as a share of the full range, to a random power.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. uint8 is cut to an integer, wider integers "
    "are "
    "rounded, and of int16 negative levels keep their sign. Pixels equal Albumentations' RandomGamma on "
    "uint8; on "
    "float32 to the last bits of the power function.");

}  // namespace
}  // namespace stoker
