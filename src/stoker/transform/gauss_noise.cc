// gauss_noise: adds normally distributed noise of random strength.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/noise.h"

namespace stoker {
namespace {

// Places in a Draw.
constexpr size_t kMean = 0;
constexpr size_t kStd = 1;
constexpr size_t kSeed = 2;

constexpr double kMostRanges = 100;

class GaussNoise : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNoise; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("std_range", std_range_, 2, 2, 0, kMostRanges, "of the full range",
                    "Least and greatest standard deviation.");
    visitor.numbers("mean_range", mean_range_, 2, 2, -kMostRanges, kMostRanges, "of the full range",
                    "Least and greatest mean.");
    visitor.boolean("per_channel", per_channel_,
                    "Noise of its own for each channel, instead of one for all.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto* range : {&std_range_, &mean_range_}) {
      if ((*range)[0] <= (*range)[1]) continue;
      throw ArgumentError("gauss_noise: std_range and mean_range must be (least, greatest), got (" +
                          to_json(Value((*range)[0])) + ", " + to_json(Value((*range)[1])) + ").");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"mean", "std", "seed_low", "seed_middle", "seed_high"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"per_channel", false}, {"mean_range", std::vector<double>{-0.1, 0.1}}, {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("gauss_noise", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[kStd] = rng.uniform(std_range_[0], std_range_[1]);
    draw->values[kMean] = rng.uniform(mean_range_[0], mean_range_[1]);
    draw_seed(rng, &draw->values[kSeed]);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    check_seed("gauss_noise", &draw.values[kSeed]);
    if (std::abs(draw.values[kMean]) <= kMostRanges && draw.values[kStd] >= 0 &&
        draw.values[kStd] <= kMostRanges)
      return;
    throw ArgumentError(
        "gauss_noise: a drawn mean must be between -100 and 100 and std between 0 and 100, got " +
        to_json(Value(draw.values[kMean])) + " and " + to_json(Value(draw.values[kStd])) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const auto width = static_cast<size_t>(in.width());
    const auto channels = static_cast<size_t>(in.channels());
    const size_t count = width * channels;
    const size_t drawn = per_channel_ ? count : width;
    auto* const noise =
        reinterpret_cast<float*>(scratch.rows.reserve((noise_floats(drawn) + count) * sizeof(float)));
    float* const spread = noise + noise_floats(drawn);
    for (int y = 0; y < in.height(); ++y) {
      normal_row(row_of(draw, y), drawn, noise);
      scale_row(draw, in.shape.dtype, drawn, noise);
      if (!per_channel_) spread_row(noise, width, channels, spread);
      add_row(in.row<uint8_t>(y), per_channel_ ? noise : spread, count, in.shape.dtype, out.row<uint8_t>(y));
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    if (in.shape.dtype == DType::kUint8) return add_plainly<uint8_t>(draw, in, out);
    if (in.shape.dtype == DType::kUint16) return add_plainly<uint16_t>(draw, in, out);
    if (in.shape.dtype == DType::kInt16) return add_plainly<int16_t>(draw, in, out);
    add_plainly<float>(draw, in, out);
  }

 private:
  static NoiseRow row_of(const Draw& draw, int y) {
    return {seed_from(&draw.values[kSeed]), static_cast<uint32_t>(y), 0};
  }

  // Standard normals to levels; both libraries cut the noise, not the sum, to whole levels.
  static void scale_row(const Draw& draw, DType dtype, size_t count, float* noise) {
    const float range = full_range(dtype);
    const auto mean = static_cast<float>(draw.values[kMean]);
    const auto std = static_cast<float>(draw.values[kStd]);
    for (size_t i = 0; i < count; ++i) noise[i] = (mean + std * noise[i]) * range;
    if (dtype == DType::kFloat32) return;
    for (size_t i = 0; i < count; ++i) noise[i] = static_cast<float>(static_cast<int32_t>(noise[i]));
  }

  template <class T>
  void add_plainly(const Draw& draw, const ConstImage& in, const Image& out) const {
    for (int y = 0; y < in.height(); ++y) {
      for (int x = 0; x < in.width(); ++x) {
        for (int c = 0; c < in.channels(); ++c) {
          const int at = x * in.channels() + c;
          float noise = normal_at(row_of(draw, y), static_cast<size_t>(per_channel_ ? at : x));
          scale_row(draw, in.shape.dtype, 1, &noise);
          out.row<T>(y)[at] = cut<T>(static_cast<float>(in.row<T>(y)[at]) + noise);
        }
      }
    }
  }

  std::vector<double> std_range_ = {0.2, 0.44};
  std::vector<double> mean_range_ = {0, 0};
  bool per_channel_ = true;
  double p_ = 0.5;
};

const RegisterOperator<GaussNoise> kRegistered(
    "gauss_noise", "Add normally distributed noise of random strength.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. Noise is "
    "distributed "
    "as that of Albumentations' GaussNoise and torchvision's GaussianNoise, cut to whole levels towards "
    "zero, and made "
    "from the drawn seed by Philox 4x32-10 and Box and Muller's method.");

}  // namespace
}  // namespace stoker
