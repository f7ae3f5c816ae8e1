// invert_img: the full range minus each value.

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class InvertImg : public ValueOperator {
 public:
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("invert_img", in, 64);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies || in.shape.dtype != DType::kUint8) return ValueOperator::apply(draw, in, out, scratch);
    const size_t count = in.shape.row_bytes();
    for (int y = 0; y < in.height(); ++y) {
      const auto* from = in.row<uint8_t>(y);
      auto* to = out.row<uint8_t>(y);
      for (size_t i = 0; i < count; ++i) to[i] = static_cast<uint8_t>(~from[i]);
    }
  }

 protected:
  uint8_t byte_of(const Draw&, uint8_t value, int) const override {
    return static_cast<uint8_t>(255 - value);
  }

  float share_of(const Draw&, float share, int) const override { return 1.0f - share; }

 private:
  double p_ = 0.5;
};

const RegisterOperator<InvertImg> kRegistered(
    "invert_img", "Subtract each value from the greatest one.",
    "(H, W, C) uint8 or float32 (0 to 1) -> the same shape. Pixels equal Albumentations' InvertImg and "
    "torchvision's RandomInvert.");

}  // namespace
}  // namespace stoker
