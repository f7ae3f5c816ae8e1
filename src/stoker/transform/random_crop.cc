// random_crop: a window of fixed size at a random place, after padding if asked.

#include <algorithm>
#include <cmath>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class RandomCrop : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor, "Height and width of the result; one number means a square.");
    visitor.numbers(
        "padding", padding_, 1, 4, 0, kMaxSidePx, "pixels",
        "Added before the crop: one number for all sides, two for (left and right, top and bottom), "
        "four for (left, top, right, bottom).");
    visitor.boolean(
        "pad_if_needed", pad_if_needed_,
        "Pad an image that is smaller than the crop on both sides, instead of an error of the sample.");
    visitor.numbers("fill", fill_, 1, 4, 0, 255, "levels", "Value of padding, one or one a channel.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    size_.check("random_crop");
    if (padding_.size() == 3) {
      throw ArgumentError("random_crop: padding must be 1, 2 or 4 numbers of pixels, got 3.");
    }
    for (const auto* list : {&padding_, &fill_}) {
      for (const double number : *list) {
        if (number == std::floor(number)) continue;
        throw ArgumentError("random_crop: padding and fill must be whole numbers, got " +
                            to_json(Value(number)) + ".");
      }
    }
  }

  std::vector<std::string_view> draw_names() const override { return {"x", "y"}; }

  PlannedShape plan(const PlannedShape& in) const override {
    const bool is_half = in.dtype == DType::kFloat16 || in.dtype == DType::kBfloat16;
    if (is_half && std::any_of(fill_.begin(), fill_.end(), [](double level) { return level != 0; })) {
      throw ArgumentError("random_crop: fill must be 0 on " + std::string(name_of(in.dtype)) +
                          " images; pad before the images become half floats.");
    }
    if (fill_.size() > 1 && in.channels > 0 && fill_.size() != static_cast<size_t>(in.channels)) {
      throw ArgumentError("random_crop: fill is for " + std::to_string(fill_.size()) +
                          " channels, the images have " + std::to_string(in.channels) +
                          "; give one number for all channels or one a channel.");
    }
    if (p_ < 1) return {0, 0, in.channels, in.dtype};
    return {size_.height(), size_.width(), in.channels, in.dtype};
  }

  bool reads_outside(const PlannedShape&) const override {
    return pad_if_needed_ ||
           std::any_of(padding_.begin(), padding_.end(), [](double side) { return side > 0; });
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    int left = pad(0);
    int top = pad(1);
    int width = in.width + left + pad(2);
    int height = in.height + top + pad(3);
    if (pad_if_needed_ && width < size_.width()) {
      const int missing = size_.width() - width;
      left += missing;
      width += 2 * missing;
    }
    if (pad_if_needed_ && height < size_.height()) {
      const int missing = size_.height() - height;
      top += missing;
      height += 2 * missing;
    }
    if (draw->applies && (height < size_.height() || width < size_.width())) {
      return SampleError{SampleErrorCode::kShape, "random_crop",
                         "the image is " + std::to_string(height) + " x " + std::to_string(width) +
                             " pixels with its padding, smaller than the crop of " +
                             std::to_string(size_.height()) + " x " + std::to_string(size_.width()),
                         "resize before the crop, or set pad_if_needed=True"};
    }
    const auto y = rng.uniform_int(0, std::max(0, height - size_.height()));
    const auto x = rng.uniform_int(0, std::max(0, width - size_.width()));
    draw->values[0] = static_cast<double>(x - left);
    draw->values[1] = static_cast<double>(y - top);
    return std::nullopt;
  }

  Geometry geometry(const Draw& draw, const ImageShape&) const override {
    if (!draw.applies) return {};
    Geometry geometry;
    geometry.crop = Rect{static_cast<int>(draw.values[0]), static_cast<int>(draw.values[1]), size_.width(),
                         size_.height()};
    for (size_t c = 0; c < geometry.fill.size(); ++c) {
      geometry.fill[c] = static_cast<uint8_t>(fill_[fill_.size() == 1 ? 0 : std::min(c, fill_.size() - 1)]);
    }
    return geometry;
  }

 private:
  // side: 0 left, 1 top, 2 right, 3 bottom.
  int pad(size_t side) const { return static_cast<int>(padding_[side % padding_.size()]); }

  SizeParameter size_;
  std::vector<double> padding_ = {0};
  bool pad_if_needed_ = false;
  std::vector<double> fill_ = {0};
  double p_ = 1;
};

const RegisterOperator<RandomCrop> kRegistered("random_crop", "Cut a window of fixed size at a random place.",
                                               "(H, W, C) of any dtype -> (size_h, size_w, C). Drawn values "
                                               "are the window's corner in the unpadded image.");

}  // namespace
}  // namespace stoker
