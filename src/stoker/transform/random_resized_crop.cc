// random_resized_crop: cuts a random rectangle and resizes it to a fixed size.

#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

constexpr int kAttempts = 10;

class RandomResizedCrop : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor, "Height and width of the result; one number means a square.");
    visitor.numbers("scale", scale_, 2, 2, 1e-6, 1, "of the image's area",
                    "Least and greatest share of the image that the rectangle covers.");
    visitor.numbers("ratio", ratio_, 2, 2, 1e-3, 1e3, "width / height",
                    "Least and greatest aspect ratio of the rectangle, drawn evenly in its logarithm.");
    resampler_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    size_.check("random_resized_crop");
    resampler_.check("random_resized_crop");
    check_order("scale", scale_);
    check_order("ratio", ratio_);
  }

  std::vector<std::string_view> draw_names() const override { return {"x", "y", "width", "height"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    resampler_.check_dtype("random_resized_crop", in.dtype);
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    return {size_.height(), size_.width(), in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    Rect rect;
    if (!try_rectangles(rng, in, &rect)) rect = centre_rectangle(in);
    draw->values = {static_cast<double>(rect.x), static_cast<double>(rect.y), static_cast<double>(rect.width),
                    static_cast<double>(rect.height)};
    return std::nullopt;
  }

  Geometry geometry(const Draw& draw, const ImageShape&) const override {
    if (!draw.applies) return {};
    Geometry geometry;
    geometry.crop = Rect{static_cast<int>(draw.values[0]), static_cast<int>(draw.values[1]),
                         static_cast<int>(draw.values[2]), static_cast<int>(draw.values[3])};
    geometry.resize = resampler_.target_of_crop(*geometry.crop, size_.height(), size_.width());
    return geometry;
  }

 private:
  static void check_order(const std::string& name, const std::vector<double>& bounds) {
    if (bounds[0] <= bounds[1]) return;
    throw ArgumentError("random_resized_crop: " + name + " must be (least, greatest), got (" +
                        to_json(Value(bounds[0])) + ", " + to_json(Value(bounds[1])) + ").");
  }

  bool try_rectangles(Rng& rng, const ImageShape& in, Rect* rect) const {
    const double area = static_cast<double>(in.height) * in.width;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const double wanted_area = area * rng.uniform(scale_[0], scale_[1]);
      const double ratio = std::exp(rng.uniform(std::log(ratio_[0]), std::log(ratio_[1])));
      // nearbyint rounds halves to even, as Python's round() does.
      const int width = static_cast<int>(std::nearbyint(std::sqrt(wanted_area * ratio)));
      const int height = static_cast<int>(std::nearbyint(std::sqrt(wanted_area / ratio)));
      if (width <= 0 || height <= 0 || width > in.width || height > in.height) continue;
      rect->width = width;
      rect->height = height;
      rect->y = static_cast<int>(rng.uniform_int(0, in.height - height));
      rect->x = static_cast<int>(rng.uniform_int(0, in.width - width));
      return true;
    }
    return false;
  }

  // The largest centred rectangle whose aspect ratio is allowed.
  Rect centre_rectangle(const ImageShape& in) const {
    Rect rect{0, 0, in.width, in.height};
    const double in_ratio = static_cast<double>(in.width) / in.height;
    if (in_ratio < ratio_[0]) {
      rect.height = static_cast<int>(std::nearbyint(in.width / ratio_[0]));
    } else if (in_ratio > ratio_[1]) {
      rect.width = static_cast<int>(std::nearbyint(in.height * ratio_[1]));
    }
    rect.height = std::max(1, std::min(rect.height, in.height));
    rect.width = std::max(1, std::min(rect.width, in.width));
    rect.y = (in.height - rect.height) / 2;
    rect.x = (in.width - rect.width) / 2;
    return rect;
  }

  SizeParameter size_;
  std::vector<double> scale_ = {0.08, 1.0};
  std::vector<double> ratio_ = {3.0 / 4.0, 4.0 / 3.0};
  ResamplerParameter resampler_;
  double p_ = 1;
};

const RegisterOperator<RandomResizedCrop> kRegistered(
    "random_resized_crop", "Cut a random rectangle and resize it to a fixed size.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (size_h, size_w, C). Where the codec can, "
    "only the rectangle is decoded. After "
    "ten "
    "rectangles that do not fit, the largest centred one of an allowed aspect ratio is taken. Source: "
    "Szegedy et "
    "al. 2015, \"Going Deeper with Convolutions\", section 6.");

}  // namespace
}  // namespace stoker
