// from_float: values 0 to 1 to the levels of an integer type.

#include <algorithm>
#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

class FromFloat : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kTable; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("dtype", dtype_, {"uint8", "uint16"}, "The integer type of the result.");
    visitor.number("max_value", max_value_, 0, 65535, "levels",
                   "What 1 becomes; 0 for the greatest level of the type.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{}, {{"dtype", std::string("uint16")}}, {{"max_value", 100.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kFloat32) {
      throw ArgumentError("from_float: works on float32 images, got " + std::string(name_of(in.dtype)) + ".");
    }
    PlannedShape out = in;
    out.dtype = dtype_ == "uint8" ? DType::kUint8 : DType::kUint16;
    return out;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    reference(draw, in, out);
  }

  void reference(const Draw&, const ConstImage& in, const Image& out) const override {
    const float most = dtype_ == "uint8" ? 255.0f : 65535.0f;
    const float scale = max_value_ == 0 ? most : static_cast<float>(max_value_);
    const auto level = [=](float value) {
      const float scaled = std::nearbyint(value * scale);
      return scaled > 0 ? std::min(scaled, most) : 0.0f;  // not a number is 0
    };
    if (dtype_ == "uint8") {
      return map_values<float, uint8_t>(in, out,
                                        [&](float value, int) { return static_cast<uint8_t>(level(value)); });
    }
    map_values<float, uint16_t>(in, out,
                                [&](float value, int) { return static_cast<uint16_t>(level(value)); });
  }

 private:
  std::string dtype_ = "uint8";
  double max_value_ = 0;
};

const RegisterOperator<FromFloat> kRegistered(
    "from_float", "Map the range 0..1 to the levels of an integer type, rounding to the nearest.",
    "(H, W, C) float32 -> (H, W, C) uint8 or uint16. Pixels equal Albumentations' FromFloat.");

}  // namespace
}  // namespace stoker
