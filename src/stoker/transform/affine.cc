// affine: scales, shears, rotates and shifts, all about the centre, in one warp.

#include <algorithm>
#include <cmath>

#include "stoker/transform/affine_operator.h"

namespace stoker {
namespace {

// Ranges for x and y: one number for both, two for the range of both, four for each its own.
struct AxisRanges {
  std::vector<double> numbers;

  double low(int axis) const { return numbers[numbers.size() == 4 ? static_cast<size_t>(2 * axis) : 0]; }
  double high(int axis) const {
    return numbers[numbers.size() == 4 ? static_cast<size_t>(2 * axis + 1) : numbers.size() - 1];
  }
  void check(const std::string& name) const {
    const bool has_count = numbers.size() == 1 || numbers.size() == 2 || numbers.size() == 4;
    if (has_count && low(0) <= high(0) && low(1) <= high(1)) return;
    throw ArgumentError(
        "affine: " + name +
        " must be one number, (least, greatest), or (least x, greatest x, least y, greatest y), "
        "got " +
        to_json(Value(numbers)) + ".");
  }
  double draw(Rng& rng, int axis) const { return rng.uniform(low(axis), high(axis)); }
};

constexpr const char* kAxes =
    " One number for both axes, two for a range from which each axis draws, or four: the range of x, of y.";

class Affine : public AffineOperator {
 public:
  Affine() : AffineOperator("affine") {}

  void parameters(ParameterVisitor& visitor) override {
    const auto doc = [](const std::string& text) { return text + kAxes; };
    visitor.numbers("scale", scale_.numbers, 1, 4, 0.001, 1000, "", doc("Factors of size."));
    visitor.numbers("translate_percent", translate_percent_.numbers, 0, 4, -100, 100, "of the side",
                    doc("Shifts as a share of the side, cut to whole pixels. Not with translate_px."));
    visitor.numbers("translate_px", translate_px_.numbers, 1, 4, -65500, 65500, "pixels", doc("Shifts."));
    visitor.numbers("rotate", rotate_, 1, 2, -1e6, 1e6, "degrees", "Angle or range of angles.");
    visitor.numbers("shear", shear_.numbers, 1, 4, -89.9, 89.9, "degrees", doc("Angles of shear."));
    visitor.boolean("fit_output", fit_output_, "Make the result as large as the whole turned image needs.");
    visitor.boolean("keep_ratio", keep_ratio_, "Use the scale of x for y too.");
    visitor.boolean("balanced_scale", balanced_scale_,
                    "Draw scales below and above 1 equally often, if the range has both.");
    visit_rotate_method(visitor);
    visit_sampling(visitor);
  }

  void check() override {
    check_sampling();
    scale_.check("scale");
    translate_px_.check("translate_px");
    shear_.check("shear");
    make_range("rotate", rotate_, false);
    if (translate_percent_.numbers.empty()) return;
    translate_percent_.check("translate_percent");
    if (translate_px_.numbers != std::vector<double>{0}) {
      throw ArgumentError("affine: translate_percent and translate_px exclude each other; give one of them.");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"translate_x", "translate_y", "shear_x", "shear_y", "scale_x", "scale_y", "rotate"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    using List = std::vector<double>;
    return {{{"rotate", List{-180, 180}}, {"p", 1.0}},
            {{"rotate", List{-30, 30}}, {"scale", List{0.7, 1.4}}, {"p", 0.8}},
            {{"translate_percent", List{-0.3, 0.3}}, {"border_mode", std::string("reflect_101")}, {"p", 1.0}},
            {{"translate_px", List{-5, 5}}, {"border_mode", std::string("wrap")}, {"p", 1.0}},
            {{"shear", List{-30, 30}}, {"border_mode", std::string("reflect")}, {"p", 1.0}},
            {{"shear", List{-40, 40}}, {"fit_output", true}, {"fill", List{9, 200, 30}}, {"p", 1.0}},
            {{"scale", List{0.5, 2}},
             {"border_mode", std::string("replicate")},
             {"interpolation", std::string("bicubic")},
             {"p", 1.0}},
            {{"rotate", List{-90, 90}}, {"interpolation", std::string("lanczos")}, {"p", 1.0}},
            {{"rotate", List{-90, 90}}, {"interpolation", std::string("nearest")}, {"p", 1.0}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    if (translate_percent_.numbers.empty()) {
      for (const int axis : {0, 1}) {
        draw->values[static_cast<size_t>(axis)] = static_cast<double>(rng.uniform_int(
            static_cast<int64_t>(translate_px_.low(axis)), static_cast<int64_t>(translate_px_.high(axis))));
      }
    } else {
      draw->values[0] = std::trunc(translate_percent_.draw(rng, 0) * in.width);
      draw->values[1] = std::trunc(translate_percent_.draw(rng, 1) * in.height);
    }
    draw->values[2] = -shear_.draw(rng, 0);
    draw->values[3] = -shear_.draw(rng, 1);
    draw->values[4] = drawn_scale(rng, 0);
    draw->values[5] = keep_ratio_ ? draw->values[4] : drawn_scale(rng, 1);
    draw->values[6] = rng.uniform(rotate_[0], rotate_[1]);
    return draw->applies ? can_place(*draw, in) : std::nullopt;
  }

 protected:
  bool keeps_size() const override { return !fit_output_; }

  Placement place(const Draw& draw, const ImageShape& in) const override {
    const AffineParts parts{draw.values[0], draw.values[1], draw.values[2], draw.values[3],
                            draw.values[4], draw.values[5], draw.values[6]};
    const Matrix33 matrix = affine_matrix(parts, pixel_center(in));
    const Matrix33 box_matrix = affine_matrix(parts, box_center(in));
    const auto height = static_cast<double>(in.height);
    const auto width = static_cast<double>(in.width);
    if (!fit_output_) return {matrix, box_matrix, height, width, parts.scale_x, parts.scale_y};
    const FittedMatrix result = fitted(matrix, in);
    return {result.matrix, fitted(box_matrix, in).matrix, result.height, result.width, parts.scale_x,
            parts.scale_y};
  }

 private:
  double drawn_scale(Rng& rng, int axis) const {
    const double low = scale_.low(axis);
    const double high = scale_.high(axis);
    if (!balanced_scale_) return rng.uniform(low, high);
    if (low >= 1 && high <= 1) return 1;
    const bool is_below = low < 1 && (high <= 1 || rng.coin(0.5));
    return is_below ? rng.uniform(low, 1) : rng.uniform(1, high);
  }

  AxisRanges scale_{{1}};
  AxisRanges translate_percent_;
  AxisRanges translate_px_{{0}};
  std::vector<double> rotate_ = {0};
  AxisRanges shear_{{0}};
  bool fit_output_ = false;
  bool keep_ratio_ = false;
  bool balanced_scale_ = false;
};

const RegisterOperator<Affine> kRegistered(
    "affine", "Scale, shear, rotate and shift by random amounts, in one warp.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape, or what fit_output needs. Pixels, boxes "
    "and keypoints equal Albumentations' Affine on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
