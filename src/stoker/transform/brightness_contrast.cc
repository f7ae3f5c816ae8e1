// brightness_contrast: value * contrast + brightness, by random amounts.

#include <algorithm>

#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

class BrightnessContrast : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kTable; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("brightness", brightness_, 1, 2, -1, 1, "of the full range",
                    "Least and greatest shift; one number b means (-b, b).");
    visitor.numbers("contrast", contrast_, 1, 2, -1, 100, "added to a factor of 1",
                    "Least and greatest change of the factor; one number c means (-c, c).");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    make_range("brightness", brightness_);
    make_range("contrast", contrast_);
  }

  std::vector<std::string_view> draw_names() const override { return {"alpha", "beta"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8) {
      throw ArgumentError("brightness_contrast: works on uint8 images, got " +
                          std::string(name_of(in.dtype)) + "; put it before normalize.");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = 1.0 + rng.uniform(contrast_[0], contrast_[1]);
    draw->values[1] = 255.0 * rng.uniform(brightness_[0], brightness_[1]);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    reference(draw, in, out);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    // Two roundings to float32 and a cut to an integer, as albucore's table is made.
    const auto alpha = static_cast<float>(draw.values[0]);
    const auto beta = static_cast<float>(draw.values[1]);
    map_values<uint8_t, uint8_t>(in, out, [alpha, beta](uint8_t value, int) {
      const float scaled = static_cast<float>(value) * alpha;
      return static_cast<uint8_t>(std::clamp(scaled + beta, 0.0f, 255.0f));
    });
  }

 private:
  static void make_range(const std::string& name, std::vector<double>& bounds) {
    if (bounds.size() == 1) bounds = {-bounds[0], bounds[0]};
    if (bounds[0] <= bounds[1]) return;
    throw ArgumentError("brightness_contrast: " + name +
                        " must be (least, greatest) or one number of at least 0, "
                        "got (" +
                        to_json(Value(bounds[0])) + ", " + to_json(Value(bounds[1])) + ").");
  }

  std::vector<double> brightness_ = {-0.2, 0.2};
  std::vector<double> contrast_ = {-0.2, 0.2};
  double p_ = 0.5;
};

const RegisterOperator<BrightnessContrast> kRegistered(
    "brightness_contrast", "Multiply by a random contrast and add a random brightness.",
    "(H, W, C) uint8 -> the same shape: min(max(value * alpha + beta, 0), 255), cut to an integer. Pixels "
    "equal "
    "Albumentations' RandomBrightnessContrast.");

}  // namespace
}  // namespace stoker
