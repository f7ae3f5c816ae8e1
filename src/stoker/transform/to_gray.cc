// to_gray: colours to grey levels, in as many equal channels as asked for.

#include <algorithm>
#include <array>

#include "stoker/transform/color_lab.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/gray.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class ToGray : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kPoint; }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("num_output_channels", num_output_channels_, 0, 64, "channels",
                   "How many equal channels the result has; 0 for as many as the image.");
    visitor.choice("method", method_, {"weighted_average", "from_lab", "desaturation", "average", "max"},
                   "Weighted by how light the eye finds them, CIE lightness, mean of the greatest and least "
                   "channel, mean of all, or the greatest.");
    visitor.choice("arithmetic", arithmetic_, {"opencv", "pillow", "torch"},
                   "Whose arithmetic the weighted average follows: 'opencv' as Albumentations, 'pillow' and "
                   "'torch' as torchvision on Pillow images and on tensors.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (num_output_channels_ != static_cast<int>(num_output_channels_)) {
      throw ArgumentError("to_gray: num_output_channels must be whole, got " +
                          to_json(Value(num_output_channels_)) + ".");
    }
    if (arithmetic_ == "opencv" || method_ == "weighted_average") return;
    throw ArgumentError("to_gray: arithmetic '" + arithmetic_ +
                        "' is for method 'weighted_average' alone, got '" + method_ + "'.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    std::vector<std::map<std::string, Value>> all = {{}};
    for (const char* method : {"weighted_average", "from_lab", "desaturation", "average", "max"})
      all.push_back({{"method", std::string(method)}, {"num_output_channels", 2.0}, {"p", 1.0}});
    for (const char* arithmetic : {"pillow", "torch"}) {
      all.push_back({{"arithmetic", std::string(arithmetic)}, {"num_output_channels", 1.0}, {"p", 1.0}});
      all.push_back({{"arithmetic", std::string(arithmetic)}, {"num_output_channels", 0.0}, {"p", 1.0}});
    }
    return all;
  }

  PlannedShape plan(const PlannedShape& in) const override {
    const bool takes_any = method_ != "weighted_average" && method_ != "from_lab";
    if (takes_any) {
      check_bytes_or_floats("to_gray", in, 64);
    } else {
      check_gray_or_rgb("to_gray", in);
    }
    if (arithmetic_ != "opencv" && in.dtype != DType::kUint8) {
      throw ArgumentError("to_gray: arithmetic '" + arithmetic_ + "' works on uint8 images, got " +
                          std::string(name_of(in.dtype)) + ".");
    }
    PlannedShape out = in;
    out.channels = channels_after(in.channels);
    if (p_ < 1 && out.channels != in.channels) out.channels = 0;
    return out;
  }

  ImageShape shape_after(const Draw& draw, const ImageShape& in) const override {
    ImageShape out = in;
    if (draw.applies) out.channels = channels_after(in.channels);
    return out;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const bool is_bytes = in.shape.dtype == DType::kUint8;
    if (!is_bytes || in.channels() != 3 || (method_ != "weighted_average" && method_ != "from_lab"))
      return reference(draw, in, out);
    const auto channels = static_cast<size_t>(out.channels());
    const Arithmetic rule = arithmetic_named(arithmetic_);
    PixelPlanes planes;
    std::array<uint8_t, PixelPlanes::kMaxPixels> levels;
    for_each_stretch(in, [&](int y, size_t x, size_t count) {
      const uint8_t* from = in.row<uint8_t>(y) + 3 * x;
      uint8_t* to = out.row<uint8_t>(y) + channels * x;
      if (method_ == "from_lab") {
        rgb_to_lightness_row(from, count, levels.data());
      } else {
        part_pixels(from, count, planes);
        gray_levels(rule, planes, levels.data());
      }
      if (channels == 3) return repeat_three_times(levels.data(), count, to);
      for (size_t i = 0; i < count; ++i, to += channels) std::fill_n(to, channels, levels[i]);
    });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const bool keeps = in.channels() == 1;
    if (in.shape.dtype == DType::kUint8) {
      return each_pixel<uint8_t>(
          in, out, [&](const uint8_t* pixel) { return keeps ? pixel[0] : byte_level(pixel, in.channels()); });
    }
    each_pixel<float>(
        in, out, [&](const float* pixel) { return keeps ? pixel[0] : float_level(pixel, in.channels()); });
  }

 private:
  // A grey image stays as it is in Albumentations; torchvision repeats its channel.
  int channels_after(int channels) const {
    if (num_output_channels_ == 0 || (channels == 1 && arithmetic_ == "opencv")) return channels;
    return channels == 0 && arithmetic_ == "opencv" ? 0 : static_cast<int>(num_output_channels_);
  }

  template <class T, class Level>
  static void each_pixel(const ConstImage& in, const Image& out, Level level) {
    for (int y = 0; y < in.height(); ++y) {
      const T* from = in.row<T>(y);
      T* to = out.row<T>(y);
      for (int x = 0; x < in.width(); ++x, from += in.channels(), to += out.channels())
        std::fill_n(to, out.channels(), level(from));
    }
  }

  uint8_t byte_level(const uint8_t* pixel, int channels) const {
    const auto [least, greatest] = std::minmax_element(pixel, pixel + channels);
    if (method_ == "weighted_average")
      return gray_level(arithmetic_named(arithmetic_), pixel[0], pixel[1], pixel[2]);
    if (method_ == "from_lab") return rgb_to_lab({pixel[0], pixel[1], pixel[2]})[0];
    if (method_ == "desaturation") return static_cast<uint8_t>((*least + *greatest) / 2);
    if (method_ == "max") return *greatest;
    int sum = 0;
    for (int c = 0; c < channels; ++c) sum += pixel[c];
    return static_cast<uint8_t>(sum / channels);
  }

  float float_level(const float* pixel, int channels) const {
    const auto [least, greatest] = std::minmax_element(pixel, pixel + channels);
    if (method_ == "weighted_average") return pixel[0] * 0.299f + pixel[1] * 0.587f + pixel[2] * 0.114f;
    if (method_ == "from_lab") {
      return share_of_byte(
          rgb_to_lab({byte_of_share(pixel[0]), byte_of_share(pixel[1]), byte_of_share(pixel[2])})[0]);
    }
    if (method_ == "desaturation") return std::clamp((*least + *greatest) / 2, 0.0f, 1.0f);
    if (method_ == "max") return *greatest;
    float sum = 0;
    for (int c = 0; c < channels; ++c) sum += pixel[c];
    return sum / static_cast<float>(channels);
  }

  double num_output_channels_ = 3;
  std::string method_ = "weighted_average";
  std::string arithmetic_ = "opencv";
  double p_ = 0.5;
};

const RegisterOperator<ToGray> kRegistered(
    "to_gray", "Turn colours into grey levels.",
    "(H, W, C) uint8 or float32 -> (H, W, num_output_channels), C 1 or 3, by methods 'desaturation', "
    "'average' "
    "and 'max' any. Pixels equal Albumentations' ToGray, and torchvision's Grayscale and RandomGrayscale.");

}  // namespace
}  // namespace stoker
