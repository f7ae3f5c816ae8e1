// pad_if_needed: up to a least size, or to a multiple of a number.

#include <cmath>

#include "stoker/transform/fill.h"
#include "stoker/transform/padding.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class PadIfNeeded : public PadOperator {
 public:
  bool is_random() const override { return p_ < 1 || position_ == "random"; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("min_height", min_height_, 0, kMaxSidePx, "pixels",
                   "Least height of the result; 0 where pad_height_divisor is given.");
    visitor.number("min_width", min_width_, 0, kMaxSidePx, "pixels",
                   "Least width of the result; 0 where pad_width_divisor is given.");
    visitor.number("pad_height_divisor", height_divisor_, 0, kMaxSidePx, "pixels",
                   "The height becomes a multiple of this; 0 for min_height instead.");
    visitor.number("pad_width_divisor", width_divisor_, 0, kMaxSidePx, "pixels",
                   "The width becomes a multiple of this; 0 for min_width instead.");
    visitor.choice("position", position_,
                   {"center", "top_left", "top_right", "bottom_left", "bottom_right", "random"},
                   "Where the image comes to lie in the result.");
    visit_border(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    check_border();
    check_side("min_height", min_height_, "pad_height_divisor", height_divisor_);
    check_side("min_width", min_width_, "pad_width_divisor", width_divisor_);
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"min_height", 24.0}, {"min_width", 20.0}, {"fill", list({4})}, {"fill_mask", list({255})}},
            {{"min_height", 0.0},
             {"min_width", 0.0},
             {"pad_height_divisor", 8.0},
             {"pad_width_divisor", 6.0},
             {"position", std::string("random")},
             {"border_mode", std::string("reflect_101")}},
            {{"min_height", 19.0},
             {"min_width", 50.0},
             {"position", std::string("bottom_right")},
             {"border_mode", std::string("wrap")},
             {"p", 0.5}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_fill("pad_if_needed", fill(), in);
    if (in.height == 0 || in.width == 0 || p_ < 1) return {0, 0, in.channels, in.dtype};
    return {in.height + missing(in.height, min_height_, height_divisor_),
            in.width + missing(in.width, min_width_, width_divisor_), in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const int height = missing(in.height, min_height_, height_divisor_);
    const int width = missing(in.width, min_width_, width_divisor_);
    int top = height / 2;
    int left = width / 2;
    if (position_ == "random") {
      top = static_cast<int>(rng.uniform_int(0, height));
      left = static_cast<int>(rng.uniform_int(0, width));
    } else if (position_ != "center") {
      top = position_.starts_with("top") ? 0 : height;
      left = position_.ends_with("left") ? 0 : width;
    }
    return set_draw("pad_if_needed", {top, height - top, left, width - left}, in, draw);
  }

 private:
  static void check_side(const std::string& least_name, double least, const std::string& divisor_name,
                         double divisor) {
    if (least != std::floor(least) || divisor != std::floor(divisor)) {
      throw ArgumentError("pad_if_needed: " + least_name + " and " + divisor_name +
                          " must be whole pixels, got " + to_json(Value(least)) + " and " +
                          to_json(Value(divisor)) + ".");
    }
    if ((least == 0) == (divisor == 0)) {
      throw ArgumentError("pad_if_needed: exactly one of " + least_name + " and " + divisor_name +
                          " must be above 0, got " + to_json(Value(least)) + " and " +
                          to_json(Value(divisor)) + " pixels.");
    }
  }

  static int missing(int side, double least, double divisor) {
    if (divisor == 0) return std::max(0, static_cast<int>(least) - side);
    const int rest = side % static_cast<int>(divisor);
    return rest == 0 ? 0 : static_cast<int>(divisor) - rest;
  }

  double min_height_ = 1024;
  double min_width_ = 1024;
  double height_divisor_ = 0;
  double width_divisor_ = 0;
  std::string position_ = "center";
  double p_ = 1;
};

const RegisterOperator<PadIfNeeded> kRegistered("pad_if_needed",
                                                "Add pixels around an image that is too small.",
                                                "(H, W, C) of any dtype -> at least (min_height, min_width, "
                                                "C), or sides that are multiples. Pixels, boxes "
                                                "and keypoints equal Albumentations' PadIfNeeded.");

}  // namespace
}  // namespace stoker
