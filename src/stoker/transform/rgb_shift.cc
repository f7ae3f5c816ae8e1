// rgb_shift: adds a random number to each channel.

#include <algorithm>
#include <cmath>

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class RgbShift : public ValueOperator {
 public:
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("r_shift_limit", limits_[0], 1, 2, -1, 1, "of the full range",
                    "Least and greatest shift of the first channel; one number s means (-s, s).");
    visitor.numbers("g_shift_limit", limits_[1], 1, 2, -1, 1, "of the full range",
                    "Least and greatest shift of the second channel; one number s means (-s, s).");
    visitor.numbers("b_shift_limit", limits_[2], 1, 2, -1, 1, "of the full range",
                    "Least and greatest shift of the third channel; one number s means (-s, s).");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    make_symmetric_range("rgb_shift", "r_shift_limit", limits_[0]);
    make_symmetric_range("rgb_shift", "g_shift_limit", limits_[1]);
    make_symmetric_range("rgb_shift", "b_shift_limit", limits_[2]);
  }

  std::vector<std::string_view> draw_names() const override { return {"r_shift", "g_shift", "b_shift"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("rgb_shift", in, 3);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    for (size_t c = 0; c < limits_.size(); ++c) draw->values[c] = rng.uniform(limits_[c][0], limits_[c][1]);
    return std::nullopt;
  }

 protected:
  bool differs_by_channel() const override { return true; }

  uint8_t byte_of(const Draw& draw, uint8_t value, int c) const override {
    return cut_to_byte(value + std::trunc(draw.values[static_cast<size_t>(c)] * 255.0));
  }

  float share_of(const Draw& draw, float share, int c) const override {
    return std::clamp(share + static_cast<float>(draw.values[static_cast<size_t>(c)]), 0.0f, 1.0f);
  }

 private:
  std::array<std::vector<double>, 3> limits_ = {std::vector<double>{20 / 255.0}, {20 / 255.0}, {20 / 255.0}};
  double p_ = 0.5;
};

const RegisterOperator<RgbShift> kRegistered(
    "rgb_shift", "Add a random shift to each channel.",
    "(H, W, C) uint8 or float32 (0 to 1, clipped) -> the same shape, C up to 3. On uint8 the shift is cut to "
    "whole levels. Pixels equal Albumentations' RGBShift.");

}  // namespace
}  // namespace stoker
