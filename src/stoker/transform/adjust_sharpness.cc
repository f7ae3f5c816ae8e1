// adjust_sharpness: away from a slightly blurred image, or towards it.

#include <algorithm>
#include <cmath>

#include "stoker/transform/gray.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class AdjustSharpness : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("sharpness_factor", factor_, 0, 1e6, "",
                   "0 gives the blurred image, 1 the image itself, 2 doubles what the blur takes away.");
    visitor.choice("arithmetic", arithmetic_, {"pillow", "torch"},
                   "Whose arithmetic: as torchvision on Pillow images or on uint8 tensors.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{},
            {{"sharpness_factor", 0.3}, {"p", 1.0}},
            {{"sharpness_factor", 2.7}, {"arithmetic", std::string("torch")}, {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype == DType::kUint8 && (in.channels == 0 || in.channels == 1 || in.channels == 3)) return in;
    throw ArgumentError("adjust_sharpness: works on uint8 images of 1 or 3 channels, got " +
                        std::string(name_of(in.dtype)) + " of " + std::to_string(in.channels) + ".");
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies || in.height() < 3 || in.width() < 3) return copy_pixels(in, out);
    const auto count = static_cast<size_t>(in.width()) * static_cast<size_t>(in.channels());
    const auto step = static_cast<size_t>(in.channels());
    std::vector<uint16_t> column(count);
    const auto factor = static_cast<float>(factor_);
    const auto other = static_cast<float>(1.0 - factor_);
    const bool is_torch = arithmetic_ == "torch";
    for (int y = 0; y < in.height(); ++y) {
      const auto* row = in.row<uint8_t>(y);
      auto* to = out.row<uint8_t>(y);
      if (y == 0 || y + 1 == in.height()) {
        std::copy_n(row, count, to);
        continue;
      }
      const auto* above = in.row<uint8_t>(y - 1);
      const auto* below = in.row<uint8_t>(y + 1);
      for (size_t i = 0; i < count; ++i) column[i] = static_cast<uint16_t>(above[i] + row[i] + below[i]);
      std::copy_n(row, step, to);
      for (size_t i = step; i + step < count; ++i) {
        const int sum = column[i - step] + column[i] + column[i + step] + 4 * row[i];
        const auto blurred = static_cast<float>((2 * sum + 13) / 26);
        const auto own = static_cast<float>(row[i]);
        const float level =
            is_torch ? std::fma(blurred - own, other, own) : blurred + factor * (own - blurred);
        to[i] = static_cast<uint8_t>(std::clamp(level, 0.0f, 255.0f));
      }
      std::copy_n(row + count - step, step, to + count - step);
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    copy_pixels(in, out);
    if (!draw.applies || in.height() < 3 || in.width() < 3) return;
    for (int y = 1; y + 1 < in.height(); ++y) {
      for (int i = in.channels(); i < (in.width() - 1) * in.channels(); ++i) {
        double sum = 4.0 * in.row<uint8_t>(y)[i];
        for (int down = -1; down <= 1; ++down) {
          for (int across = -1; across <= 1; ++across)
            sum += in.row<uint8_t>(y + down)[i + across * in.channels()];
        }
        const auto blurred = static_cast<uint8_t>(std::floor(sum / 13 + 0.5));
        out.row<uint8_t>(y)[i] = level_of(in.row<uint8_t>(y)[i], blurred);
      }
    }
  }

 private:
  uint8_t level_of(uint8_t own, uint8_t blurred) const {
    if (arithmetic_ == "pillow") return mixed(Arithmetic::kPillow, own, blurred, factor_);
    const auto difference = static_cast<float>(blurred - own);
    return cut_to_byte(std::fma(difference, static_cast<float>(1.0 - factor_), static_cast<float>(own)));
  }

  double factor_ = 2;
  std::string arithmetic_ = "pillow";
  double p_ = 0.5;
};

const RegisterOperator<AdjustSharpness> kRegistered(
    "adjust_sharpness", "Mix the image with a blurred one to sharpen or soften it.",
    "(H, W, C) uint8 -> the same shape, C 1 or 3; the outermost pixels stay. Pixels equal torchvision's "
    "RandomAdjustSharpness.");

}  // namespace
}  // namespace stoker
