// pad: fixed numbers of pixels around the image.

#include <cmath>

#include "stoker/transform/fill.h"
#include "stoker/transform/padding.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class Pad : public PadOperator {
 public:
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers(
        "padding", padding_, 1, 4, 0, kMaxSidePx, "pixels",
        "One number for all sides, two for (left and right, top and bottom), four for (left, top, "
        "right, bottom).");
    visit_border(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    check_border();
    if (padding_.size() == 3) throw ArgumentError("pad: padding must be 1, 2 or 4 numbers of pixels, got 3.");
    for (const double side : padding_) {
      if (side == std::floor(side)) continue;
      throw ArgumentError("pad: padding must be whole pixels, got " + to_json(Value(side)) + ".");
    }
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"padding", list({2})}, {"fill", list({9})}},
            {{"padding", list({1, 3, 4, 2})}, {"border_mode", std::string("reflect_101")}, {"p", 0.5}},
            {{"padding", list({5, 0})}, {"border_mode", std::string("reflect")}},
            {{"padding", list({3})}, {"border_mode", std::string("replicate")}},
            {{"padding", list({20, 3})}, {"border_mode", std::string("wrap")}},
            {{"padding", list({1})}, {"fill", list({0.5, 7, 200})}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_fill("pad", fill(), in);
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    const Padding padding = amount();
    return {in.height == 0 ? 0 : in.height + padding.top + padding.bottom,
            in.width == 0 ? 0 : in.width + padding.left + padding.right, in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return set_draw("pad", amount(), in, draw);
  }

 private:
  Padding amount() const {
    const auto side = [&](size_t i) { return static_cast<int>(padding_[i % padding_.size()]); };
    return {side(1), side(3), side(0), side(2)};
  }

  std::vector<double> padding_;
  double p_ = 1;
};

const RegisterOperator<Pad> kRegistered(
    "pad", "Add pixels around the image.",
    "(H, W, C) of any dtype -> (top + H + bottom, left + W + right, C). Pixels, boxes and keypoints equal "
    "Albumentations' Pad: under the reflecting borders boxes and keypoints are repeated in the mirrored "
    "copies.");

}  // namespace
}  // namespace stoker
