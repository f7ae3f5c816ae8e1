// blur: the mean of a square of random side.

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/box_blur.h"

namespace stoker {
namespace {

class Blur : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override { size_.check("blur"); }

  std::vector<std::string_view> draw_names() const override { return {"kernel_size"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"blur_limit", std::vector<double>{13, 19}}, {"p", 0.5}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("blur", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = size_.draw(rng);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    size_.check_drawn("blur", draw.values[0]);
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    box_blur(in, static_cast<int>(draw.values[0]), out, scratch);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    box_blur_reference(in, static_cast<int>(draw.values[0]), out);
  }

 private:
  BlurLimit size_{kMaxBoxPx};
  double p_ = 0.5;
};

const RegisterOperator<Blur> kRegistered("blur", "Blur with the mean of a square of random side.",
                                         "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. "
                                         "Pixels equal Albumentations' Blur (cv2.blur).");

}  // namespace
}  // namespace stoker
