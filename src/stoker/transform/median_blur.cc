// median_blur: the median of a square of random side.

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/median.h"
#include "stoker/transform/quantize.h"

namespace stoker {
namespace {

class MedianBlur : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override { size_.check("median_blur"); }

  std::vector<std::string_view> draw_names() const override { return {"kernel_size"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"blur_limit", std::vector<double>{9, 17}}, {"p", 0.5}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype == DType::kUint8 || in.dtype == DType::kFloat32) return in;
    throw ArgumentError("median_blur: works on uint8 and float32 images, got " +
                        std::string(name_of(in.dtype)) + "; convert the images first.");
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = size_.draw(rng);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    size_.check_drawn("median_blur", draw.values[0]);
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    in_levels(in, out, scratch.plan, [&](const ConstImage& from, const Image& to) {
      stoker::median_blur(from, static_cast<int>(draw.values[0]), to, scratch);
    });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    ScratchBuffer levels;
    in_levels(in, out, levels, [&](const ConstImage& from, const Image& to) {
      median_blur_reference(from, static_cast<int>(draw.values[0]), to);
    });
  }

 private:
  BlurLimit size_{kMaxMedianPx};
  double p_ = 0.5;
};

const RegisterOperator<MedianBlur> kRegistered(
    "median_blur", "Replace each value by the median of a square of random side.",
    "(H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal "
    "Albumentations' MedianBlur (cv2.medianBlur).");

}  // namespace
}  // namespace stoker
