// random_scale: both sides by one random factor.

#include <algorithm>
#include <cmath>

#include "stoker/transform/scale_operator.h"

namespace stoker {
namespace {

class RandomScale : public ScaleOperator {
 public:
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("scale_limit", limit_, 1, 2, -1, 100, "added to a factor of 1",
                    "Least and greatest change of the factor; one number s means (-s, s).");
    resampler_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    resampler_.check(owner());
    if (limit_.size() == 1) limit_ = {-limit_[0], limit_[0]};
    if (limit_[0] <= limit_[1] && limit_[0] > -1) return;
    throw ArgumentError("random_scale: scale_limit must be (least, greatest) above -1, got (" +
                        to_json(Value(limit_[0])) + ", " + to_json(Value(limit_[1])) + ").");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"p", 1.0}},
            {{"scale_limit", list({0.5})},
             {"interpolation", std::string("lanczos")},
             {"area_for_downscale", std::string("image_mask")}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    resampler_.check_dtype(owner(), in.dtype);
    return {0, 0, in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return set_draw(rng.uniform(limit_[0], limit_[1]) + 1, in, draw);
  }

 private:
  // Cut off, not rounded, as the library does.
  double scaled(int side, double scale) const override { return std::trunc(side * scale); }
  std::string_view owner() const override { return "random_scale"; }

  std::vector<double> limit_ = {-0.1, 0.1};
  double p_ = 0.5;
};

const RegisterOperator<RandomScale> kRegistered(
    "random_scale", "Resize the image by a random factor, the aspect ratio kept.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C). The drawn value is the factor. "
    "Pixels, boxes and keypoints equal "
    "Albumentations' RandomScale.");

}  // namespace
}  // namespace stoker
