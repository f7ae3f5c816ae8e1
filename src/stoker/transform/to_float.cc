// to_float: levels 0..255 to 0..1.

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
                   "scale=True; the two differ in the last bit of some values. 'cast' keeps 0..255.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8) {
      throw ArgumentError("to_float: works on uint8 images, got " + std::string(name_of(in.dtype)) + ".");
    }
    PlannedShape out = in;
    out.dtype = DType::kFloat32;
    return out;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    reference(draw, in, out);
  }

  void reference(const Draw&, const ConstImage& in, const Image& out) const override {
    const bool divides = arithmetic_ == "divide";
    const float factor = arithmetic_ == "multiply" ? static_cast<float>(1.0 / 255.0) : 1.0f;
    map_values<uint8_t, float>(in, out, [divides, factor](uint8_t value, int) {
      return divides ? static_cast<float>(value) / 255.0f : static_cast<float>(value) * factor;
    });
  }

 private:
  std::string arithmetic_ = "divide";
};

const RegisterOperator<ToFloat> kRegistered("to_float", "Map levels 0..255 to the range 0..1.",
                                            "(H, W, C) uint8 -> (H, W, C) float32.");

}  // namespace
}  // namespace stoker
