// crop: a fixed window.

#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class Crop : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("x_min", x_min_, 0, kMaxSidePx, "pixels", "First column of the window.");
    visitor.number("y_min", y_min_, 0, kMaxSidePx, "pixels", "First row of the window.");
    visitor.number("x_max", x_max_, 1, kMaxSidePx, "pixels", "Column after the last one of the window.");
    visitor.number("y_max", y_max_, 1, kMaxSidePx, "pixels", "Row after the last one of the window.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const double side : {x_min_, y_min_, x_max_, y_max_}) {
      if (side == std::floor(side)) continue;
      throw ArgumentError("crop: the window must be whole pixels, got " + to_json(Value(side)) + ".");
    }
    if (x_min_ >= x_max_ || y_min_ >= y_max_) {
      throw ArgumentError("crop: x_max must be above x_min and y_max above y_min, got columns " +
                          to_json(Value(x_min_)) + " to " + to_json(Value(x_max_)) + " and rows " +
                          to_json(Value(y_min_)) + " to " + to_json(Value(y_max_)) + ".");
    }
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"x_max", 1.0}, {"y_max", 1.0}},
            {{"x_min", 3.0}, {"y_min", 2.0}, {"x_max", 17.0}, {"y_max", 9.0}, {"p", 0.5}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    const Rect rect = window();
    return {rect.height, rect.width, in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    if (!draw->applies || (in.width >= x_max_ && in.height >= y_max_)) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "crop",
                       "the image is " + std::to_string(in.height) + " x " + std::to_string(in.width) +
                           " pixels, the window reaches to row " + to_json(Value(y_max_)) + " and column " +
                           to_json(Value(x_max_)),
                       "pad or resize before the crop"};
  }

  void check_draw(const Draw&, const ImageShape& in) const override {
    if (in.width >= x_max_ && in.height >= y_max_) return;
    throw ArgumentError("crop: the window reaches outside the image of " + std::to_string(in.height) + " x " +
                        std::to_string(in.width) + " pixels.");
  }

  Geometry geometry(const Draw& draw, const ImageShape&) const override {
    Geometry geometry;
    if (draw.applies) geometry.crop = window();
    return geometry;
  }

 private:
  Rect window() const {
    return {static_cast<int>(x_min_), static_cast<int>(y_min_), static_cast<int>(x_max_ - x_min_),
            static_cast<int>(y_max_ - y_min_)};
  }

  double x_min_ = 0;
  double y_min_ = 0;
  double x_max_ = 1024;
  double y_max_ = 1024;
  double p_ = 1;
};

const RegisterOperator<Crop> kRegistered(
    "crop", "Cut a fixed window.",
    "(H, W, C) of any dtype -> (y_max - y_min, x_max - x_min, C). An image that does not reach so far is an "
    "error of the sample. Pixels, boxes and keypoints equal Albumentations' Crop.");

}  // namespace
}  // namespace stoker
