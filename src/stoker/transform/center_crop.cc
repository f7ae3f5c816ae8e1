// center_crop: the middle of the image.

#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class CenterCrop : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor, "Height and width of the result; one number means a square.");
    visitor.choice("rounding", rounding_, {"even", "down"},
                   "Where an odd margin goes: 'even' as torchvision, 'down' as Albumentations.");
    visitor.choice(
        "small", small_, {"pad", "error"},
        "An image smaller than the crop: 'pad' with zeros as torchvision, or an 'error' of the sample.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }
  void check() override { size_.check("center_crop"); }

  PlannedShape plan(const PlannedShape& in) const override {
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    return {size_.height(), size_.width(), in.channels, in.dtype};
  }

  bool reads_outside(const PlannedShape& in) const override {
    return in.height < size_.height() || in.width < size_.width();
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    if (draw->applies && small_ == "error" && (in.height < size_.height() || in.width < size_.width())) {
      return SampleError{SampleErrorCode::kShape, "center_crop",
                         "the image is " + std::to_string(in.height) + " x " + std::to_string(in.width) +
                             " pixels, smaller than the crop of " + std::to_string(size_.height()) + " x " +
                             std::to_string(size_.width()),
                         "resize before the crop"};
    }
    return std::nullopt;
  }

  Geometry geometry(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return {};
    Geometry geometry;
    geometry.crop = Rect{origin(in.width, size_.width()), origin(in.height, size_.height()), size_.width(),
                         size_.height()};
    return geometry;
  }

 private:
  int origin(int side, int cropped) const {
    if (side < cropped) return -((cropped - side) / 2);
    return rounding_ == "even" ? static_cast<int>(std::nearbyint((side - cropped) / 2.0))
                               : (side - cropped) / 2;
  }

  SizeParameter size_;
  std::string rounding_ = "even";
  std::string small_ = "pad";
  double p_ = 1;
};

const RegisterOperator<CenterCrop> kRegistered(
    "center_crop", "Cut the middle of the image.",
    "(H, W, C) of any dtype -> (size_h, size_w, C). Pixels are moved, never changed.");

}  // namespace
}  // namespace stoker
