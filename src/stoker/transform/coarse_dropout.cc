// coarse_dropout: a few rectangles at random places.

#include <algorithm>
#include <cmath>

#include "stoker/transform/holes.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

class CoarseDropout : public HoleOperator {
 public:
  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("num_holes_range", counts_, 2, 2, 1, 10000, "holes",
                    "Least and greatest number of holes.");
    const char* doc =
        "Least and greatest size: shares of the image's side when hole_height_range ends below 1, else "
        "pixels.";
    visitor.numbers("hole_height_range", heights_, 2, 2, 0, kMaxSidePx, "of the height, or pixels", doc);
    visitor.numbers("hole_width_range", widths_, 2, 2, 0, kMaxSidePx, "of the width, or pixels", doc);
    visit_fill(visitor);
  }

  void check() override {
    check_order("num_holes_range", counts_);
    check_order("hole_height_range", heights_);
    check_order("hole_width_range", widths_);
    if (counts_[0] == std::floor(counts_[0]) && counts_[1] == std::floor(counts_[1])) return;
    throw ArgumentError("coarse_dropout: num_holes_range must be whole numbers, got " +
                        to_json(Value(counts_)) + ".");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"p", 1.0}, {"fill", list({7})}},
            {{"hole_height_range", list({0.3, 0.9})}, {"fill_kind", std::string("random")}},
            {{"num_holes_range", list({3, 8})},
             {"hole_height_range", list({1, 1})},
             {"hole_width_range", list({0, 1})},
             {"fill_kind", std::string("random_uniform")}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p());
    draw_seed(rng, draw);
    draw->list.clear();
    const int64_t count = rng.uniform_int(static_cast<int64_t>(counts_[0]), static_cast<int64_t>(counts_[1]));
    // The heights alone say what the numbers mean, as in the library.
    const bool in_pixels = heights_[1] >= 1;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t height = hole_side(rng, heights_, in.height, in_pixels);
      const int64_t width = hole_side(rng, widths_, in.width, in_pixels);
      if (height < 0 || height > in.height || width < 0 || width > in.width) {
        draw->list.clear();
        if (!draw->applies) return std::nullopt;
        return SampleError{SampleErrorCode::kShape, "coarse_dropout",
                           "the holes do not fit into the image of " + std::to_string(in.height) + " x " +
                               std::to_string(in.width) + " pixels",
                           "lower hole_height_range and hole_width_range, or resize first"};
      }
      const int64_t top = rng.uniform_int(0, in.height - height);
      const int64_t left = rng.uniform_int(0, in.width - width);
      add_hole(left, top, width, height, draw);
    }
    return std::nullopt;
  }

 private:
  std::string_view owner() const override { return "coarse_dropout"; }

  static void check_order(const std::string& name, const std::vector<double>& range) {
    if (range[0] <= range[1]) return;
    throw ArgumentError("coarse_dropout: " + name + " must be (least, greatest), got " +
                        to_json(Value(range)) + ".");
  }

  // -1 where the range holds no size for this image.
  static int64_t hole_side(Rng& rng, const std::vector<double>& range, int side, bool in_pixels) {
    if (!in_pixels) return static_cast<int64_t>(side * rng.uniform(range[0], range[1]));
    const auto least = static_cast<int64_t>(range[0]);
    const auto greatest = static_cast<int64_t>(std::min<double>(range[1], side) + 1) - 1;
    return least > greatest ? -1 : rng.uniform_int(least, greatest);
  }

  std::vector<double> counts_ = {1, 2};
  std::vector<double> heights_ = {0.1, 0.2};
  std::vector<double> widths_ = {0.1, 0.2};
};

const RegisterOperator<CoarseDropout> kRegistered(
    "coarse_dropout", "Blot out a few rectangles at random places.",
    "(H, W, C) of any dtype -> the same shape. Boxes shrink to what stays visible. Pixels (random fill "
    "apart), "
    "boxes and keypoints equal Albumentations' CoarseDropout. Source: DeVries and Taylor 2017, \"Improved "
    "Regularization of Convolutional Neural Networks with Cutout\".");

}  // namespace
}  // namespace stoker
