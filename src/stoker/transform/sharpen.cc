// sharpen: the image with more of what a blur would take away.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/filter2d.h"

namespace stoker {
namespace {

constexpr int kMaxSizePx = 99;

template <class T>
T sharper(T value, T blurred, double alpha);

// As NumPy computes it: the difference wraps around in 8 bits, and the sum is cut to an integer.
template <>
uint8_t sharper(uint8_t value, uint8_t blurred, double alpha) {
  const auto difference = static_cast<uint8_t>(value - blurred);
  return static_cast<uint8_t>(std::clamp(value + alpha * difference, 0.0, 255.0));
}

template <>
float sharper(float value, float blurred, double alpha) {
  const float sum = value + static_cast<float>(alpha) * (value - blurred);
  return std::isnan(sum) ? std::numeric_limits<float>::quiet_NaN() : sum > 0 ? std::min(sum, 1.0f) : 0.0f;
}

template <class T>
void sharpen_with(const ConstImage& in, const Image& blurred, double alpha) {
  const size_t count = static_cast<size_t>(in.width()) * static_cast<size_t>(in.channels());
  for (int y = 0; y < in.height(); ++y) {
    const T* from = in.row<T>(y);
    T* to = blurred.row<T>(y);
    for (size_t i = 0; i < count; ++i) to[i] = sharper<T>(from[i], to[i], alpha);
  }
}

// The same through a table of all sums, for 8 bits.
void sharpen_bytes(const ConstImage& in, const Image& blurred, double alpha) {
  std::array<double, 256> added{};
  for (size_t i = 0; i < added.size(); ++i) added[i] = alpha * static_cast<double>(i);
  const size_t count = static_cast<size_t>(in.width()) * static_cast<size_t>(in.channels());
  for (int y = 0; y < in.height(); ++y) {
    const uint8_t* from = in.row<uint8_t>(y);
    uint8_t* to = blurred.row<uint8_t>(y);
    for (size_t i = 0; i < count; ++i) {
      const double sum = from[i] + added[static_cast<uint8_t>(from[i] - to[i])];
      to[i] = static_cast<uint8_t>(std::min(sum, 255.0));  // alpha is never negative
    }
  }
}

class Sharpen : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("alpha", alpha_, 2, 2, 0, 1, "", "Least and greatest visibility of the sharpened image.");
    visitor.numbers("lightness", lightness_, 2, 2, 0, 1e6, "",
                    "Least and greatest lightness of the sharpened image; method 'kernel' only.");
    visitor.choice("method", method_, {"kernel", "gaussian"},
                   "'kernel' is one 3 x 3 kernel; 'gaussian' adds the difference to a Gaussian blur.");
    visitor.number("kernel_size", kernel_size_, 3, kMaxSizePx, "pixels",
                   "Side of the Gaussian, odd; method 'gaussian' only.");
    visitor.number("sigma", sigma_, 0.001, 1000, "pixels",
                   "Standard deviation of the Gaussian; method 'gaussian' only.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto* range : {&alpha_, &lightness_}) {
      if ((*range)[0] <= (*range)[1]) continue;
      throw ArgumentError("sharpen: alpha and lightness must be (least, greatest), got (" +
                          to_json(Value((*range)[0])) + ", " + to_json(Value((*range)[1])) + ").");
    }
    if (std::fmod(kernel_size_, 2) != 1) {
      throw ArgumentError("sharpen: kernel_size must be an odd whole number of pixels, got " +
                          to_json(Value(kernel_size_)) + ".");
    }
  }

  std::vector<std::string_view> draw_names() const override { return {"alpha", "lightness"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"method", std::string("gaussian")}, {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("sharpen", in);
    if (method_ == "gaussian" && in.dtype != DType::kUint8 && in.dtype != DType::kFloat32) {
      throw ArgumentError("sharpen: method 'gaussian' works on uint8 and float32 images, got " +
                          std::string(name_of(in.dtype)) + "; take method 'kernel'.");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(alpha_[0], alpha_[1]);
    if (method_ == "kernel") draw->values[1] = rng.uniform(lightness_[0], lightness_[1]);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    if (draw.values[0] >= 0 && draw.values[0] <= 1 && draw.values[1] >= 0) return;
    throw ArgumentError("sharpen: a drawn alpha must be between 0 and 1 and lightness at least 0, got " +
                        to_json(Value(draw.values[0])) + " and " + to_json(Value(draw.values[1])) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    if (method_ == "kernel") return filter_2d(in, kernel_of(draw), out, scratch);
    gaussian_blur_opencv(in, static_cast<int>(kernel_size_), sigma_, out, scratch);
    if (in.shape.dtype == DType::kUint8) return sharpen_bytes(in, out, draw.values[0]);
    sharpen_with<float>(in, out, draw.values[0]);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    if (method_ == "kernel") return filter_2d_reference(in, kernel_of(draw), out);
    gaussian_blur_opencv_reference(in, static_cast<int>(kernel_size_), sigma_, out);
    if (in.shape.dtype == DType::kUint8) return sharpen_with<uint8_t>(in, out, draw.values[0]);
    sharpen_with<float>(in, out, draw.values[0]);
  }

 private:
  static Kernel2d kernel_of(const Draw& draw) {
    const auto alpha = static_cast<float>(draw.values[0]);
    Kernel2d kernel{3, 3, std::vector<float>(9, -alpha)};
    kernel.weights[4] =
        static_cast<float>(1 - draw.values[0]) + alpha * static_cast<float>(8 + draw.values[1]);
    return kernel;
  }

  std::vector<double> alpha_ = {0.2, 0.5};
  std::vector<double> lightness_ = {0.5, 1.0};
  std::string method_ = "kernel";
  double kernel_size_ = 5;
  double sigma_ = 1;
  double p_ = 0.5;
};

const RegisterOperator<Sharpen> kRegistered("sharpen", "Sharpen by a random amount.",
                                            "(H, W, C) uint8 or float32, and with method 'kernel' uint16 or "
                                            "int16 -> the same shape; float32 is clipped to "
                                            "[0, 1]. Pixels equal Albumentations' Sharpen, whose method "
                                            "'gaussian' wraps negative differences of 8 bits "
                                            "around.");

}  // namespace
}  // namespace stoker
