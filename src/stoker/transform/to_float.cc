// to_float: integer levels to the range 0..1.

#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

class ToFloat : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kTable; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("arithmetic", arithmetic_, {"divide", "multiply", "cast"},
                   "How 1/255 is applied: 'divide' as torchvision's ToTensor, 'multiply' as its ToDtype with "
                   "scale=True; the two differ in the last bit of some values. 'cast' keeps the levels.");
    visitor.number("max_value", max_value_, 0, 1e9, "levels",
                   "What becomes 1; 0 for the greatest level of the image's type.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8 && in.dtype != DType::kUint16) {
      throw ArgumentError("to_float: works on uint8 and uint16 images, got " +
                          std::string(name_of(in.dtype)) + ".");
    }
    PlannedShape out = in;
    out.dtype = DType::kFloat32;
    return out;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    const auto most = static_cast<float>(most_of(in.shape.dtype));
    const auto factor = factor_for(in.shape.dtype);
    if (in.shape.dtype != DType::kUint8) return reference(draw, in, out);
    if (arithmetic_ == "divide")
      return map_values_alike<uint8_t, float>(
          in, out, [most](uint8_t value) { return static_cast<float>(value) / most; });
    map_values_alike<uint8_t, float>(in, out,
                                     [factor](uint8_t value) { return static_cast<float>(value) * factor; });
  }

  void reference(const Draw&, const ConstImage& in, const Image& out) const override {
    const double most = most_of(in.shape.dtype);
    const float factor = factor_for(in.shape.dtype);
    const bool divides = arithmetic_ == "divide";
    if (in.shape.dtype == DType::kUint8) {
      return map_values<uint8_t, float>(in, out, [=](uint8_t value, int) {
        return divides ? static_cast<float>(value) / static_cast<float>(most)
                       : static_cast<float>(value) * factor;
      });
    }
    // Albumentations divides 16 bits in float64.
    map_values<uint16_t, float>(in, out, [=](uint16_t value, int) {
      return divides ? static_cast<float>(value / most) : static_cast<float>(value) * factor;
    });
  }

 private:
  double most_of(DType dtype) const {
    if (max_value_ > 0) return max_value_;
    return dtype == DType::kUint8 ? 255.0 : 65535.0;
  }
  float factor_for(DType dtype) const {
    return arithmetic_ == "multiply" ? static_cast<float>(1.0 / most_of(dtype)) : 1.0f;
  }

  std::string arithmetic_ = "divide";
  double max_value_ = 0;
};

const RegisterOperator<ToFloat> kRegistered(
    "to_float", "Map integer levels to the range 0..1.",
    "(H, W, C) uint8 or uint16 -> (H, W, C) float32. Equal to Albumentations' "
    "ToFloat and torchvision's ToTensor and ToDtype.");

}  // namespace
}  // namespace stoker
