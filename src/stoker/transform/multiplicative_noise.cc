// multiplicative_noise: multiplies by random factors: one, one a channel, or one a value.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/noise.h"

namespace stoker {
namespace {

constexpr double kMostFactor = 1000;

class MultiplicativeNoise : public Operator {
 public:
  OperatorClass operator_class() const override {
    return elementwise_ ? OperatorClass::kNoise : OperatorClass::kTable;
  }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("multiplier", multiplier_, 2, 2, 0, kMostFactor, "", "Least and greatest factor.");
    visitor.boolean("per_channel", per_channel_, "A factor of its own for each channel.");
    visitor.boolean("elementwise", elementwise_, "A factor of its own for each pixel.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (multiplier_[0] <= multiplier_[1]) return;
    throw ArgumentError("multiplicative_noise: multiplier must be (least, greatest), got (" +
                        to_json(Value(multiplier_[0])) + ", " + to_json(Value(multiplier_[1])) + ").");
  }

  std::vector<std::string_view> draw_names() const override {
    if (!elementwise_) return {};
    return {"seed_low", "seed_middle", "seed_high"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"per_channel", true}, {"multiplier", std::vector<double>{0, 3}}},
            {{"elementwise", true}, {"p", 1.0}},
            {{"elementwise", true},
             {"per_channel", true},
             {"multiplier", std::vector<double>{0.5, 2}},
             {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("multiplicative_noise", in);
    return in;
  }

  // Without elementwise, the draw's list holds one factor, or one a channel.
  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    if (elementwise_) {
      draw_seed(rng, draw->values.data());
      return std::nullopt;
    }
    const int count = per_channel_ ? in.channels : 1;
    for (int i = 0; i < count; ++i) draw->list.push_back(rng.uniform(multiplier_[0], multiplier_[1]));
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (elementwise_) return check_seed("multiplicative_noise", draw.values.data());
    if (draw.list.size() == 1 || draw.list.size() == static_cast<size_t>(in.channels)) return;
    throw ArgumentError("multiplicative_noise: a draw's list must hold one factor or one for each of " +
                        std::to_string(in.channels) + " channels, got " + std::to_string(draw.list.size()) +
                        ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const auto width = static_cast<size_t>(in.width());
    const auto channels = static_cast<size_t>(in.channels());
    const size_t count = width * channels;
    const size_t drawn = per_channel_ ? count : width;
    auto* const factors =
        reinterpret_cast<float*>(scratch.rows.reserve((noise_floats(drawn) + count) * sizeof(float)));
    float* const spread = factors + noise_floats(drawn);
    if (!elementwise_) {
      for (size_t i = 0; i < count; ++i) spread[i] = factor_of(draw, i % channels);
    }
    for (int y = 0; y < in.height(); ++y) {
      if (elementwise_) {
        uniform_row(row_of(draw, y), drawn, factors);
        for (size_t i = 0; i < drawn; ++i) factors[i] = stretch(factors[i]);
        if (!per_channel_) spread_row(factors, width, channels, spread);
      }
      const float* by = elementwise_ && per_channel_ ? factors : spread;
      multiply_row(in.row<uint8_t>(y), by, count, in.shape.dtype, out.row<uint8_t>(y));
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    if (in.shape.dtype == DType::kUint8) return multiply_plainly<uint8_t>(draw, in, out);
    if (in.shape.dtype == DType::kUint16) return multiply_plainly<uint16_t>(draw, in, out);
    if (in.shape.dtype == DType::kInt16) return multiply_plainly<int16_t>(draw, in, out);
    multiply_plainly<float>(draw, in, out);
  }

 private:
  static NoiseRow row_of(const Draw& draw, int y) {
    return {seed_from(draw.values.data()), static_cast<uint32_t>(y), 0};
  }

  static float factor_of(const Draw& draw, size_t c) {
    return static_cast<float>(draw.list[draw.list.size() == 1 ? 0 : c]);
  }

  float stretch(float uniform) const {
    const auto low = static_cast<float>(multiplier_[0]);
    return low + static_cast<float>(multiplier_[1] - multiplier_[0]) * uniform;
  }

  template <class T>
  void multiply_plainly(const Draw& draw, const ConstImage& in, const Image& out) const {
    for (int y = 0; y < in.height(); ++y) {
      for (int x = 0; x < in.width(); ++x) {
        for (int c = 0; c < in.channels(); ++c) {
          const int at = x * in.channels() + c;
          const auto drawn = static_cast<size_t>(per_channel_ ? at : x);
          const float factor = elementwise_ ? stretch(uniform_at(row_of(draw, y), drawn))
                                            : factor_of(draw, static_cast<size_t>(c));
          out.row<T>(y)[at] = cut<T>(static_cast<float>(in.row<T>(y)[at]) * factor);
        }
      }
    }
  }

  std::vector<double> multiplier_ = {0.9, 1.1};
  bool per_channel_ = false;
  bool elementwise_ = false;
  double p_ = 0.5;
};

const RegisterOperator<MultiplicativeNoise> kRegistered(
    "multiplicative_noise", "Multiply by random factors.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape; integers are cut, float32 is clipped to "
    "[0, 1]. "
    "Without elementwise the draw's list holds the factors, and pixels equal Albumentations' "
    "MultiplicativeNoise; with "
    "it, factors come from the drawn seed by Philox 4x32-10.");

}  // namespace
}  // namespace stoker
