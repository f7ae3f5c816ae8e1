// random_sized_crop: a window of random height and fixed aspect ratio, resized to a fixed size.

#include <algorithm>
#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class RandomSizedCrop : public Operator {
 public:
  RandomSizedCrop() { resampler_.resampler_name = "opencv"; }

  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("min_max_height", heights_, 2, 2, 1, kMaxSidePx, "pixels",
                    "Least and greatest height of the window.");
    size_.visit(visitor, "Height and width of the result; one number means a square.");
    visitor.number("w2h_ratio", ratio_, 1e-3, 1e3, "width / height", "Aspect ratio of the window.");
    resampler_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    size_.check("random_sized_crop");
    resampler_.check("random_sized_crop");
    const bool is_whole = std::all_of(heights_.begin(), heights_.end(),
                                      [](double height) { return height == std::floor(height); });
    if (is_whole && heights_[0] <= heights_[1]) return;
    throw ArgumentError("random_sized_crop: min_max_height must be (least, greatest) in whole pixels, got (" +
                        to_json(Value(heights_[0])) + ", " + to_json(Value(heights_[1])) + ").");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"min_max_height", list({1, 8})}, {"size", list({7})}, {"w2h_ratio", 2.0}},
            {{"min_max_height", list({5, 30})},
             {"size", list({9, 12})},
             {"area_for_downscale", std::string("image_mask")},
             {"p", 0.5}}};
  }

  std::vector<std::string_view> draw_names() const override { return {"x", "y", "width", "height"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    resampler_.check_dtype("random_sized_crop", in.dtype);
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    return {size_.height(), size_.width(), in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const auto drawn = static_cast<int>(
        rng.uniform_int(static_cast<int64_t>(heights_[0]), static_cast<int64_t>(heights_[1])));
    // A window that is too large is cut to the image, side by side.
    const int height = std::min(drawn, in.height);
    const int width = std::min(static_cast<int>(drawn * ratio_), in.width);
    if (draw->applies && width < 1) {
      return SampleError{SampleErrorCode::kShape, "random_sized_crop",
                         "the window of " + std::to_string(height) +
                             " rows with w2h_ratio=" + to_json(Value(ratio_)) + " has no column",
                         "raise min_max_height or w2h_ratio"};
    }
    const auto y = rng.uniform_int(0, in.height - height);
    const auto x = rng.uniform_int(0, in.width - width);
    draw->values = {static_cast<double>(x), static_cast<double>(y), static_cast<double>(width),
                    static_cast<double>(height)};
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
  std::vector<double> heights_;
  SizeParameter size_;
  double ratio_ = 1;
  ResamplerParameter resampler_;
  double p_ = 1;
};

const RegisterOperator<RandomSizedCrop> kRegistered(
    "random_sized_crop", "Cut a window of random height and resize it to a fixed size.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (size_h, size_w, C). Where the codec can, "
    "only the window is decoded. Pixels, "
    "boxes and keypoints equal Albumentations' RandomSizedCrop.");

}  // namespace
}  // namespace stoker
