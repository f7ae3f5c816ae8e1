// gaussian_blur: a Gaussian of random width, as Albumentations makes it.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/filter2d.h"

namespace stoker {
namespace {

constexpr int kMaxSizePx = 999;
constexpr double kMaxSigmaPx = 100;

class GaussianBlur : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers(
        "blur_limit", blur_limit_, 1, 2, 0, kMaxSizePx, "pixels",
        "Least and greatest side of the kernel, each whole number between them equally likely, an even "
        "one counting as the next odd one; 0 takes the side from sigma. One number k means (0, k).");
    visitor.numbers("sigma_limit", sigma_limit_, 1, 2, 0, kMaxSigmaPx, "pixels",
                    "Least and greatest standard deviation; one number s means (0, s).");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (auto* list : {&blur_limit_, &sigma_limit_}) {
      if (list->size() == 1) *list = {0, (*list)[0]};
      if ((*list)[0] <= (*list)[1]) continue;
      throw ArgumentError("gaussian_blur: blur_limit and sigma_limit must be (least, greatest), got (" +
                          to_json(Value((*list)[0])) + ", " + to_json(Value((*list)[1])) + ").");
    }
    for (const double size : blur_limit_) {
      if (size == std::floor(size)) continue;
      throw ArgumentError("gaussian_blur: blur_limit must be whole pixels, got " + to_json(Value(size)) +
                          ".");
    }
  }

  std::vector<std::string_view> draw_names() const override { return {"sigma", "kernel_size"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"blur_limit", std::vector<double>{3, 7}}, {"p", 1.0}},
            {{"sigma_limit", std::vector<double>{0.05, 0.2}}, {"blur_limit", std::vector<double>{3, 3}}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("gaussian_blur", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(sigma_limit_[0], sigma_limit_[1]);
    draw->values[1] = static_cast<double>(
        rng.uniform_int(static_cast<int64_t>(blur_limit_[0]), static_cast<int64_t>(blur_limit_[1])));
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    const double sigma = draw.values[0];
    const double size = draw.values[1];
    if (sigma >= 0 && sigma <= kMaxSigmaPx && size >= 0 && size <= kMaxSizePx && size == std::floor(size))
      return;
    throw ArgumentError(
        "gaussian_blur: a drawn sigma must be 0 to 100 pixels and kernel_size 0 to 999 whole pixels, "
        "got " +
        to_json(Value(sigma)) + " and " + to_json(Value(size)) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const std::vector<double> taps = taps_of(draw);
    filter_separable(in, taps, taps, out, scratch);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const std::vector<double> taps = taps_of(draw);
    filter_separable_reference(in, taps, taps, out);
  }

 private:
  static std::vector<double> taps_of(const Draw& draw) {
    const double sigma = draw.values[0];
    auto size = static_cast<int>(draw.values[1]);
    if (size == 0) size = static_cast<int>(sigma * 3.5) * 2 + 1;
    if (size == 1 || sigma == 0) return {1.0};
    return gaussian_taps(size | 1, sigma);
  }

  std::vector<double> blur_limit_ = {0, 0};
  std::vector<double> sigma_limit_ = {0.5, 3.0};
  double p_ = 0.5;
};

const RegisterOperator<GaussianBlur> kRegistered(
    "gaussian_blur", "Blur with a Gaussian of random width.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. Pixels equal "
    "Albumentations' GaussianBlur (cv2.sepFilter2D); a sigma of 0 changes nothing.");

}  // namespace
}  // namespace stoker
