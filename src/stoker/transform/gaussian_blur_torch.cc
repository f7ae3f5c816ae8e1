// gaussian_blur_torch: a Gaussian of given size and random width, as torchvision makes it.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/filter2d.h"

namespace stoker {
namespace {

constexpr int kMaxSizePx = 99;
constexpr double kMaxSigmaPx = 1000;

class GaussianBlurTorch : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("kernel_size", kernel_size_, 1, 2, 1, kMaxSizePx, "pixels",
                    "Width and height of the kernel, odd; one number means a square.");
    visitor.numbers("sigma", sigma_, 1, 2, 0.001, kMaxSigmaPx, "pixels",
                    "Least and greatest standard deviation; one number is always taken.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (kernel_size_.size() == 1) kernel_size_.push_back(kernel_size_[0]);
    if (sigma_.size() == 1) sigma_.push_back(sigma_[0]);
    for (const double size : kernel_size_) {
      if (std::fmod(size, 2) == 1) continue;
      throw ArgumentError("gaussian_blur_torch: kernel_size must be odd whole pixels, got " +
                          to_json(Value(size)) + ".");
    }
    if (sigma_[0] > sigma_[1]) {
      throw ArgumentError("gaussian_blur_torch: sigma must be (least, greatest), got (" +
                          to_json(Value(sigma_[0])) + ", " + to_json(Value(sigma_[1])) + ").");
    }
  }

  std::vector<std::string_view> draw_names() const override { return {"sigma"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"kernel_size", std::vector<double>{5}}},
            {{"kernel_size", std::vector<double>{3, 7}}, {"sigma", std::vector<double>{0.1, 5}}, {"p", 0.5}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("gaussian_blur_torch", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(sigma_[0], sigma_[1]);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    if (draw.values[0] >= 0.001 && draw.values[0] <= kMaxSigmaPx) return;
    throw ArgumentError("gaussian_blur_torch: a drawn sigma must be between 0.001 and 1000 pixels, got " +
                        to_json(Value(draw.values[0])) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    filter_2d(in, kernel_of(draw), out, scratch, FloatRange::kAny);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    filter_2d_reference(in, kernel_of(draw), out, FloatRange::kAny);
  }

 private:
  // The outer product of two float32 Gaussians, in float32.
  Kernel2d kernel_of(const Draw& draw) const {
    const auto width = static_cast<int>(kernel_size_[0]);
    const auto height = static_cast<int>(kernel_size_[1]);
    const std::vector<double> x_taps = gaussian_taps(width, draw.values[0]);
    const std::vector<double> y_taps = gaussian_taps(height, draw.values[0]);
    Kernel2d kernel{height, width, {}};
    for (const double y : y_taps) {
      for (const double x : x_taps) kernel.weights.push_back(static_cast<float>(y) * static_cast<float>(x));
    }
    return kernel;
  }

  std::vector<double> kernel_size_;
  std::vector<double> sigma_ = {0.1, 2.0};
  double p_ = 1;
};

const RegisterOperator<GaussianBlurTorch> kRegistered(
    "gaussian_blur_torch", "Blur with a Gaussian of given size and random width.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. As torchvision's GaussianBlur: one kernel "
    "over both axes, in float32, to the last bits of its weights; images smaller than the kernel reflect "
    "more "
    "than once.");

}  // namespace
}  // namespace stoker
