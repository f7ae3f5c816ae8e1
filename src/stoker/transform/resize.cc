// resize: to a fixed size, or to a shorter side with the aspect ratio kept.

#include <algorithm>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class ResizeOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor,
                "Height and width of the result; one number is the shorter side, the aspect ratio kept.");
    visitor.number("max_size", max_size_, 0, kMaxSidePx, "pixels",
                   "With one number as size: the longer side is held to this; 0 for no bound.");
    resampler_.visit(visitor);
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    size_.check("resize");
    resampler_.check("resize");
    if (max_size_ == 0) return;
    if (keeps_ratio() && max_size_ <= size_.height()) {
      throw ArgumentError("resize: max_size must be above size, got size=" + std::to_string(size_.height()) +
                          " and max_size=" + to_json(Value(max_size_)) + " pixels.");
    }
    if (!keeps_ratio()) {
      throw ArgumentError("resize: max_size needs size as one number (the shorter side), got two.");
    }
  }

  PlannedShape plan(const PlannedShape& in) const override {
    resampler_.check_dtype("resize", in.dtype);
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    if (keeps_ratio() && (in.height == 0 || in.width == 0)) return {0, 0, in.channels, in.dtype};
    const auto [height, width] = target_size(in.height, in.width);
    return {height, width, in.channels, in.dtype};
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  Geometry geometry(const Draw& draw, const ImageShape& in) const override {
    const auto [height, width] = target_size(in.height, in.width);
    if (!draw.applies || (height == in.height && width == in.width)) return {};
    Geometry geometry;
    const bool shrinks = height < in.height || width < in.width;
    geometry.resize = resampler_.target(height, width, shrinks, shrinks);
    return geometry;
  }

 private:
  bool keeps_ratio() const { return size_.values.size() == 1; }

  // The longer side is cut off, not rounded, as torchvision does.
  std::array<int, 2> target_size(int height, int width) const {
    if (!keeps_ratio()) return {size_.height(), size_.width()};
    const int64_t shorter = std::min(height, width);
    const int64_t longer = std::max(height, width);
    int64_t new_shorter = size_.height();
    int64_t new_longer = new_shorter * longer / shorter;
    if (max_size_ > 0 && new_longer > static_cast<int64_t>(max_size_)) {
      new_shorter = static_cast<int64_t>(max_size_) * new_shorter / new_longer;
      new_longer = static_cast<int64_t>(max_size_);
    }
    const int small = static_cast<int>(std::max<int64_t>(1, new_shorter));
    const int large = static_cast<int>(std::min<int64_t>(new_longer, 1 << 30));
    return height <= width ? std::array<int, 2>{small, large} : std::array<int, 2>{large, small};
  }

  SizeParameter size_;
  double max_size_ = 0;
  ResamplerParameter resampler_;
  double p_ = 1;
};

const RegisterOperator<ResizeOperator> kRegistered(
    "resize", "Resize to a fixed size, or to a shorter side.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32, by torch float32 -> (h, w, C). Pixels equal "
    "Pillow "
    "13's Image.resize, OpenCV 4.11's cv2.resize or torch 2.13's antialiased interpolate. A crop that "
    "follows is "
    "computed alone, from the part of the image that it needs.");

}  // namespace
}  // namespace stoker
