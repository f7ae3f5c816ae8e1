// random_perspective: torchvision's, on PIL images.

#include <cmath>

#include "stoker/transform/perspective_matrix.h"
#include "stoker/transform/pillow_operator.h"

namespace stoker {
namespace {

class RandomPerspective : public PillowOperator {
 public:
  RandomPerspective() : PillowOperator("random_perspective", "bilinear") { p_ = 0.5; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("distortion_scale", distortion_scale_, 0, 1, "of half a side",
                   "How far inside the image its corners may go.");
    visit_reading(visitor);
    visit_arithmetic(visitor);
  }

  void check() override { check_reading(); }

  std::vector<std::string_view> draw_names() const override {
    return {"top_left_x",     "top_left_y",     "top_right_x",   "top_right_y",
            "bottom_right_x", "bottom_right_y", "bottom_left_x", "bottom_left_y"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"interpolation", std::string("nearest")}, {"fill", std::vector<double>{9}}, {"p", 0.7}},
            {{"fill", std::vector<double>{}}, {"arithmetic", std::string("torch")}, {"p", 1.0}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const auto least_x = static_cast<int64_t>(distortion_scale_ * (in.width / 2)) + 1;
    const auto least_y = static_cast<int64_t>(distortion_scale_ * (in.height / 2)) + 1;
    for (size_t corner = 0; corner < 4; ++corner) {
      const bool is_right = corner == 1 || corner == 2;
      const bool is_lower = corner >= 2;
      const auto x = rng.uniform_int(0, least_x - 1);
      const auto y = rng.uniform_int(0, least_y - 1);
      draw->values[2 * corner] = static_cast<double>(is_right ? in.width - least_x + x : x);
      draw->values[2 * corner + 1] = static_cast<double>(is_lower ? in.height - least_y + y : y);
    }
    return draw->applies ? can_place(*draw, in) : std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return;
    if (const Failure failure = can_place(draw, in))
      throw ArgumentError("random_perspective: " + failure->found);
  }

 protected:
  Placement place(const Draw& draw, const ImageShape& in) const override {
    Placement placement;
    // The library hands the coefficients on in float32.
    const auto found = coefficients(draw, in);
    for (size_t i = 0; i < 8; ++i)
      placement.coefficients[i] = static_cast<double>(static_cast<float>(found[i]));
    placement.is_affine = false;
    placement.height = in.height;
    placement.width = in.width;
    return placement;
  }

 private:
  static Failure can_place(const Draw& draw, const ImageShape& in) {
    if (coefficients(draw, in) != std::array<double, 8>{}) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "random_perspective",
                       "no map takes the corners of " + std::to_string(in.height) + " x " +
                           std::to_string(in.width) + " pixels to those drawn",
                       "use images with sides of at least 2 pixels, or a smaller distortion_scale"};
  }

  static std::array<double, 8> coefficients(const Draw& draw, const ImageShape& in) {
    const double right = in.width - 1;
    const double bottom = in.height - 1;
    std::array<std::array<double, 2>, 4> ends;
    for (size_t i = 0; i < 4; ++i) ends[i] = {draw.values[2 * i], draw.values[2 * i + 1]};
    return perspective_coefficients(ends,
                                    {std::array{0.0, 0.0}, {right, 0.0}, {right, bottom}, {0.0, bottom}});
  }

  double distortion_scale_ = 0.5;
};

const RegisterOperator<RandomPerspective> kRegistered(
    "random_perspective", "Take the image to a random quadrilateral, as torchvision does.",
    "(H, W, C) uint8, with torch's arithmetic float32 too -> the same shape. Pixels equal torchvision's "
    "RandomPerspective on Pillow 13 and torch 2.13.");

}  // namespace
}  // namespace stoker
