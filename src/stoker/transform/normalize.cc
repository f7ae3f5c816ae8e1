// normalize: to zero mean and unit deviation, channel by channel.

#include <algorithm>
#include <array>

#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

class Normalize : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kTable; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("mean", mean_, 1, 64, -1e9, 1e9, "of max_value",
                    "Mean of each channel, or one for all, as a share of max_value.");
    visitor.numbers("std", std_, 1, 64, 1e-12, 1e9, "of max_value",
                    "Standard deviation of each channel, or one for all, as a share of max_value.");
    visitor.number("max_value", max_value_, 1e-12, 1e9, "levels",
                   "What counts as 1 in integer images; float32 images are taken as they are.");
  }

  void check() override {
    if (mean_.size() == std_.size() || mean_.size() == 1 || std_.size() == 1) return;
    throw ArgumentError("normalize: mean has " + std::to_string(mean_.size()) + " channels and std " +
                        std::to_string(std_.size()) + "; give both for the same channels.");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8 && in.dtype != DType::kUint16 && in.dtype != DType::kInt16 &&
        in.dtype != DType::kFloat32) {
      throw ArgumentError("normalize: works on uint8, uint16, int16 and float32 images, got " +
                          std::string(name_of(in.dtype)) + ".");
    }
    const size_t channels = std::max(mean_.size(), std_.size());
    if (channels > 1 && in.channels > 0 && channels != static_cast<size_t>(in.channels)) {
      throw ArgumentError("normalize: mean and std are for " + std::to_string(channels) +
                          " channels, the images have " + std::to_string(in.channels) +
                          "; give one number for all channels or one a channel.");
    }
    PlannedShape out = in;
    out.dtype = DType::kFloat32;
    return out;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    reference(draw, in, out);
  }

  // Two rules, each in float32 with every step rounded. Integers: (v - mean max) * (1 / (std max)), as
  // Albumentations' table is made. float32: (v - mean) / std, as torchvision does.
  void reference(const Draw&, const ConstImage& in, const Image& out) const override {
    const Constants constants = constants_for(in.shape);
    const auto from_integer = [&constants](auto value, int c) {
      const float centred = static_cast<float>(value) - constants.mean[static_cast<size_t>(c)];
      return centred * constants.factor[static_cast<size_t>(c)];
    };
    switch (in.shape.dtype) {
      case DType::kUint8:
        return map_values<uint8_t, float>(in, out, from_integer);
      case DType::kUint16:
        return map_values<uint16_t, float>(in, out, from_integer);
      case DType::kInt16:
        return map_values<int16_t, float>(in, out, from_integer);
      default:
        return map_values<float, float>(in, out, [&constants](float value, int c) {
          const float centred = value - constants.mean[static_cast<size_t>(c)];
          return centred / constants.factor[static_cast<size_t>(c)];
        });
    }
  }

 private:
  static constexpr size_t kMaxChannels = 64;

  // Of each channel: what is subtracted, and what is multiplied by (integers) or divided by (floats).
  struct Constants {
    std::array<float, kMaxChannels> mean;
    std::array<float, kMaxChannels> factor;
  };

  Constants constants_for(const ImageShape& shape) const {
    Constants constants;
    const auto max_value = static_cast<float>(max_value_);
    const bool is_float = shape.dtype == DType::kFloat32;
    for (int c = 0; c < shape.channels; ++c) {
      const auto mean = static_cast<float>(for_channel(mean_, c));
      const auto deviation = static_cast<float>(for_channel(std_, c));
      constants.mean[static_cast<size_t>(c)] = is_float ? mean : mean * max_value;
      constants.factor[static_cast<size_t>(c)] = is_float ? deviation : 1.0f / (deviation * max_value);
    }
    return constants;
  }

  std::vector<double> mean_;
  std::vector<double> std_;
  double max_value_ = 255;
};

const RegisterOperator<Normalize> kRegistered(
    "normalize", "Subtract the mean and divide by the standard deviation of each channel.",
    "(H, W, C) uint8, uint16, int16 or float32 -> (H, W, C) float32. On uint8 the result equals "
    "Albumentations' Normalize, "
    "on "
    "float32 (after to_float) torchvision's, bit for bit.");

}  // namespace
}  // namespace stoker
