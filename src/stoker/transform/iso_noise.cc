// iso_noise: the noise of a camera at a high sensitivity, in hue and lightness.

#include <algorithm>
#include <cmath>

#include "stoker/transform/hls.h"
#include "stoker/transform/noise.h"
#include "stoker/transform/quantize.h"

namespace stoker {
namespace {

// Places in a Draw.
constexpr size_t kColorShift = 0;
constexpr size_t kIntensity = 1;
constexpr size_t kSeed = 2;

constexpr double kMostIntensity = 100;
constexpr double kMostExpected = 50;  // deviations of lightness in [0, 1] are at most 0.5

constexpr uint32_t kHueStream = 0;
constexpr uint32_t kLightStream = 1;

float lightness_of(float red, float green, float blue) {
  return (std::max({red, green, blue}) + std::min({red, green, blue})) * 0.5f;
}

float unit_value(const ConstImage& in, int y, int at) {
  return in.shape.dtype == DType::kUint8 ? value_of(in.row<uint8_t>(y)[at]) : in.row<float>(y)[at];
}

// The standard deviation of lightness over the image.
double lightness_deviation(const ConstImage& in) {
  double sum = 0;
  double squares = 0;
  const auto add = [&](double lightness) {
    sum += lightness;
    squares += lightness * lightness;
  };
  for (int y = 0; y < in.height(); ++y) {
    if (in.shape.dtype == DType::kUint8) {
      const uint8_t* pixel = in.row<uint8_t>(y);
      uint64_t row_sum = 0;
      uint64_t row_squares = 0;
      for (int x = 0; x < in.width(); ++x, pixel += 3) {
        const uint32_t twice = uint32_t{std::max(pixel[0], std::max(pixel[1], pixel[2]))} +
                               std::min(pixel[0], std::min(pixel[1], pixel[2]));
        row_sum += twice;
        row_squares += uint64_t{twice} * twice;
      }
      sum += static_cast<double>(row_sum) / 510;
      squares += static_cast<double>(row_squares) / (510.0 * 510.0);
    } else {
      const auto* pixel = in.row<float>(y);
      for (int x = 0; x < in.width(); ++x, pixel += 3) add(lightness_of(pixel[0], pixel[1], pixel[2]));
    }
  }
  const double count = static_cast<double>(in.height()) * in.width();
  const double mean = sum / count;
  return std::sqrt(std::max(0.0, squares / count - mean * mean));
}

// Word values from which a Poisson variable is at least 1, 2, ...
std::vector<uint32_t> poisson_thresholds(double expected) {
  std::vector<uint32_t> thresholds;
  if (!(expected > 0)) return thresholds;
  double probability = std::exp(-std::min(expected, kMostExpected));
  double below = 0;
  for (int count = 1; count < 1000; ++count) {
    below += probability;
    const double threshold = std::ceil(below * 4294967296.0);
    if (threshold > 4294967295.0) break;
    thresholds.push_back(static_cast<uint32_t>(threshold));
    probability *= std::min(expected, kMostExpected) / count;
  }
  return thresholds;
}

class IsoNoise : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNoise; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("color_shift", color_shift_, 2, 2, 0, 1, "of the intensity, in degrees",
                    "Least and greatest standard deviation of the hue.");
    visitor.numbers("intensity", intensity_, 2, 2, 0, kMostIntensity, "",
                    "Least and greatest strength of both noises.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto* range : {&color_shift_, &intensity_}) {
      if ((*range)[0] <= (*range)[1]) continue;
      throw ArgumentError("iso_noise: color_shift and intensity must be (least, greatest), got (" +
                          to_json(Value((*range)[0])) + ", " + to_json(Value((*range)[1])) + ").");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"color_shift", "intensity", "seed_low", "seed_middle", "seed_high"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"color_shift", std::vector<double>{0.5, 1}},
             {"intensity", std::vector<double>{1, 20}},
             {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    const bool is_known = in.dtype == DType::kUint8 || in.dtype == DType::kFloat32;
    if (is_known && (in.channels == 3 || in.channels == 0)) return in;
    throw ArgumentError("iso_noise: works on uint8 and float32 images of 3 channels, got " +
                        std::string(name_of(in.dtype)) + " with " + std::to_string(in.channels) + ".");
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[kColorShift] = rng.uniform(color_shift_[0], color_shift_[1]);
    draw->values[kIntensity] = rng.uniform(intensity_[0], intensity_[1]);
    draw_seed(rng, &draw->values[kSeed]);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    check_seed("iso_noise", &draw.values[kSeed]);
    const double shift = draw.values[kColorShift];
    const double intensity = draw.values[kIntensity];
    if (shift >= 0 && shift <= 1 && intensity >= 0 && intensity <= kMostIntensity) return;
    throw ArgumentError(
        "iso_noise: a drawn color_shift must be between 0 and 1 and intensity between 0 and 100, got " +
        to_json(Value(shift)) + " and " + to_json(Value(intensity)) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const HlsNoise how = noise_of(draw, in);
    const auto width = static_cast<size_t>(in.width());
    const size_t row_floats = noise_floats(width);  // a whole number of vectors
    auto* const rows = reinterpret_cast<float*>(scratch.rows.reserve(5 * row_floats * sizeof(float)));
    float* const red = rows;
    float* const green = red + row_floats;
    float* const blue = green + row_floats;
    float* const noise = blue + row_floats;
    auto* const words = reinterpret_cast<uint32_t*>(noise + row_floats);
    std::fill_n(rows, 3 * row_floats, 0.0f);
    for (int y = 0; y < in.height(); ++y) {
      for (size_t x = 0; x < width; ++x) {
        const auto at = static_cast<int>(3 * x);
        red[x] = unit_value(in, y, at);
        green[x] = unit_value(in, y, at + 1);
        blue[x] = unit_value(in, y, at + 2);
      }
      normal_row(row_of(draw, y, kHueStream), width, noise);
      word_row(row_of(draw, y, kLightStream), width, words);
      add_hls_noise(how, noise, words, width, red, green, blue);
      for (size_t x = 0; x < width; ++x) store(out, y, static_cast<int>(x), red[x], green[x], blue[x]);
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const HlsNoise how = noise_of(draw, in);
    for (int y = 0; y < in.height(); ++y) {
      for (int x = 0; x < in.width(); ++x) {
        float red = unit_value(in, y, 3 * x);
        float green = unit_value(in, y, 3 * x + 1);
        float blue = unit_value(in, y, 3 * x + 2);
        const auto at = static_cast<size_t>(x);
        add_hls_noise_plainly(how, normal_at(row_of(draw, y, kHueStream), at),
                              word_at(row_of(draw, y, kLightStream), at), red, green, blue);
        store(out, y, x, red, green, blue);
      }
    }
  }

 private:
  static NoiseRow row_of(const Draw& draw, int y, uint32_t stream) {
    return {seed_from(&draw.values[kSeed]), static_cast<uint32_t>(y), stream};
  }

  static HlsNoise noise_of(const Draw& draw, const ConstImage& in) {
    const double intensity = draw.values[kIntensity];
    return {static_cast<float>(draw.values[kColorShift] * intensity), static_cast<float>(intensity),
            poisson_thresholds(lightness_deviation(in) * intensity)};
  }

  static void store(const Image& out, int y, int x, float red, float green, float blue) {
    if (out.shape.dtype == DType::kUint8) {
      uint8_t* const to = out.row<uint8_t>(y) + 3 * x;
      to[0] = level_of(red);
      to[1] = level_of(green);
      to[2] = level_of(blue);
    } else {
      float* const to = out.row<float>(y) + 3 * x;
      to[0] = cut<float>(red);
      to[1] = cut<float>(green);
      to[2] = cut<float>(blue);
    }
  }

  std::vector<double> color_shift_ = {0.01, 0.05};
  std::vector<double> intensity_ = {0.1, 0.5};
  double p_ = 0.5;
};

const RegisterOperator<IsoNoise> kRegistered("iso_noise", "Add camera noise to hue and lightness.",
                                             "(H, W, 3) uint8 or float32 -> the same shape; float32 is "
                                             "clipped to [0, 1]. Distributed as Albumentations' "
                                             "ISONoise: lightness gets Poisson noise whose mean is the "
                                             "image's own deviation of lightness times the intensity, "
                                             "hue gets normal noise.");

}  // namespace
}  // namespace stoker
