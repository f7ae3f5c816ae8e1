// color_jitter: random brightness and contrast as torchvision applies them to Pillow images.

#include <algorithm>
#include <array>
#include <cmath>

#include "stoker/transform/gray_sum.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

// Places in a Draw.
constexpr size_t kBrightness = 0;
constexpr size_t kContrast = 1;
constexpr size_t kContrastFirst = 2;
constexpr size_t kGrayMean = 3;

// Pillow's blend of `from` and `to`: float32, cut to an integer, clipped.
uint8_t blend(int from, int to, float factor) {
  const float mixed = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<uint8_t>(std::clamp(mixed, 0.0f, 255.0f));
}

class ColorJitter : public Operator {
 public:
  OperatorClass operator_class() const override {
    return changes(contrast_) ? OperatorClass::kReducedTable : OperatorClass::kTable;
  }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("brightness", brightness_, 2, 2, 0, 1e6, "as a factor",
                    "Least and greatest factor; (1, 1) for none.");
    visitor.numbers("contrast", contrast_, 2, 2, 0, 1e6, "as a factor",
                    "Least and greatest factor; (1, 1) for none.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto* bounds : {&brightness_, &contrast_}) {
      if ((*bounds)[0] <= (*bounds)[1]) continue;
      throw ArgumentError("color_jitter: a range must be (least, greatest), got (" +
                          to_json(Value((*bounds)[0])) + ", " + to_json(Value((*bounds)[1])) + ").");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"brightness", "contrast", "contrast_first", "gray_mean"};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8 || (in.channels != 0 && in.channels != 1 && in.channels != 3)) {
      throw ArgumentError("color_jitter: works on uint8 images of 1 or 3 channels, got " +
                          std::string(name_of(in.dtype)) + " of " + std::to_string(in.channels) + ".");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[kContrastFirst] = rng.coin(0.5) ? 1 : 0;
    draw->values[kBrightness] = rng.uniform(brightness_[0], brightness_[1]);
    draw->values[kContrast] = rng.uniform(contrast_[0], contrast_[1]);
    return std::nullopt;
  }

  // The mean of Pillow's grey image, as the contrast step will see it.
  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    if (!draw->applies || !changes(contrast_)) return;
    const bool brightens_before = draw->values[kContrastFirst] == 0 && changes(brightness_);
    const auto factor = static_cast<float>(draw->values[kBrightness]);
    const double count = static_cast<double>(in.height()) * in.width();
    if (in.channels() == 3 && table == nullptr) {
      uint64_t sum = 0;
      for (int y = 0; y < in.height(); ++y) {
        sum +=
            gray_sum(in.row<uint8_t>(y), static_cast<size_t>(in.width()), brightens_before ? factor : 1.0f);
      }
      draw->values[kGrayMean] = std::floor(static_cast<double>(sum) / count + 0.5);
      return;
    }
    const int channels = in.channels();
    std::array<std::array<uint32_t, 256>, 3> weighted{};  // each value's part of the grey level, Q16
    constexpr std::array<uint32_t, 3> kWeights = {19595, 38470, 7471};
    for (int c = 0; c < channels; ++c) {
      for (int value = 0; value < 256; ++value) {
        int seen = table == nullptr ? value : table->row<uint8_t>(0)[value * channels + c];
        if (brightens_before) seen = blend(0, seen, factor);
        weighted[static_cast<size_t>(c)][static_cast<size_t>(value)] =
            channels == 1 ? static_cast<uint32_t>(seen) << 16
                          : static_cast<uint32_t>(seen) * kWeights[static_cast<size_t>(c)];
      }
    }
    uint64_t sum = 0;
    for (int y = 0; y < in.height(); ++y) {
      const uint8_t* from = in.row<uint8_t>(y);
      uint32_t row_sum = 0;
      for (int x = 0; x < in.width(); ++x, from += channels) {
        row_sum += channels == 1
                       ? weighted[0][from[0]] >> 16
                       : (weighted[0][from[0]] + weighted[1][from[1]] + weighted[2][from[2]] + 0x8000) >> 16;
      }
      sum += row_sum;
    }
    draw->values[kGrayMean] = std::floor(static_cast<double>(sum) / count + 0.5);
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    reference(draw, in, out);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const auto brightness = static_cast<float>(draw.values[kBrightness]);
    const auto contrast = static_cast<float>(draw.values[kContrast]);
    const int mean = static_cast<int>(draw.values[kGrayMean]);
    const bool contrast_first = draw.values[kContrastFirst] != 0;
    const bool brightens = changes(brightness_);
    const bool contrasts = changes(contrast_);
    map_values<uint8_t, uint8_t>(in, out, [=](uint8_t value, int) {
      if (contrasts && contrast_first) value = blend(mean, value, contrast);
      if (brightens) value = blend(0, value, brightness);
      if (contrasts && !contrast_first) value = blend(mean, value, contrast);
      return value;
    });
  }

 private:
  static bool changes(const std::vector<double>& bounds) { return bounds[0] != 1 || bounds[1] != 1; }

  std::vector<double> brightness_ = {0.8, 1.2};
  std::vector<double> contrast_ = {0.8, 1.2};
  double p_ = 1;
};

const RegisterOperator<ColorJitter> kRegistered(
    "color_jitter", "Change brightness and contrast by random factors, in random order.",
    "(H, W, C) uint8 -> the same shape, C 1 or 3. Contrast is around the image's mean grey level, so the "
    "image is "
    "read once more. Pixels equal torchvision's ColorJitter on Pillow images.");

}  // namespace
}  // namespace stoker
