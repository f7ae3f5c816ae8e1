#include "stoker/transform/scale_operator.h"

#include <algorithm>
#include <cmath>

#include "stoker/transform/geometry.h"

namespace stoker {
namespace {

constexpr double kMaxScaledSidePx = 65500;

}  // namespace

std::optional<std::array<int, 2>> ScaleOperator::sides(double scale, const ImageShape& in) const {
  const double height = scaled(in.height, scale);
  const double width = scaled(in.width, scale);
  const auto fits = [](double side) { return side >= 1 && side <= kMaxScaledSidePx; };
  if (!fits(height) || !fits(width)) return std::nullopt;
  return std::array<int, 2>{static_cast<int>(height), static_cast<int>(width)};
}

std::string ScaleOperator::problem(double scale, const ImageShape& in) const {
  return "a factor of " + to_json(Value(scale)) + " makes " + to_json(Value(scaled(in.height, scale))) +
         " x " + to_json(Value(scaled(in.width, scale))) + " pixels of the image of " +
         std::to_string(in.height) + " x " + std::to_string(in.width) +
         ", allowed are sides of 1 to 65500 pixels";
}

void ScaleOperator::check_draw(const Draw& draw, const ImageShape& in) const {
  if (draw.values[0] > 0 && sides(draw.values[0], in)) return;
  throw ArgumentError(std::string(owner()) + ": " + problem(draw.values[0], in) + ".");
}

Failure ScaleOperator::set_draw(double scale, const ImageShape& in, Draw* draw) const {
  draw->values[0] = scale;
  if (!draw->applies || sides(scale, in)) return std::nullopt;
  return SampleError{SampleErrorCode::kShape, std::string(owner()), problem(scale, in),
                     "leave the image out, or choose other sizes"};
}

Geometry ScaleOperator::geometry(const Draw& draw, const ImageShape& in) const {
  Geometry geometry;
  if (!draw.applies) return geometry;
  const auto size = sides(draw.values[0], in);
  if (!size || *size == std::array<int, 2>{in.height, in.width}) return geometry;
  const bool shrinks = draw.values[0] < 1;
  geometry.resize = resampler_.target((*size)[0], (*size)[1], shrinks, shrinks);
  return geometry;
}

void ScaleOperator::move_keypoints(const Draw& draw, const ImageShape&,
                                   std::vector<Keypoint>& keypoints) const {
  if (!draw.applies) return;
  for (Keypoint& point : keypoints) scale_keypoint(draw.values[0], draw.values[0], &point);
}

void MaxSizeOperator::parameters(ParameterVisitor& visitor) {
  visitor.numbers("max_size", max_size_, 0, 64, 1, kMaxSidePx, "pixels",
                  "What the side is brought to; of several numbers one is drawn. None where max_size_hw is "
                  "given.");
  visitor.numbers("max_size_hw", max_size_hw_, 0, 2, 0, kMaxSidePx, "pixels",
                  "Bounds of height and width instead; 0 for no bound.");
  resampler_.visit(visitor);
  visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
}

void MaxSizeOperator::check() {
  const std::string name(owner());
  resampler_.check(owner());
  if (max_size_.empty() == max_size_hw_.empty()) {
    throw ArgumentError(name + ": exactly one of max_size and max_size_hw must be given, got " +
                        (max_size_.empty() ? "neither." : "both."));
  }
  for (const auto* list : {&max_size_, &max_size_hw_}) {
    for (const double side : *list) {
      if (side == std::floor(side)) continue;
      throw ArgumentError(name + ": sizes must be whole pixels, got " + to_json(Value(side)) + ".");
    }
  }
  const bool has_bound =
      std::any_of(max_size_hw_.begin(), max_size_hw_.end(), [](double s) { return s > 0; });
  if (!max_size_hw_.empty() && (max_size_hw_.size() != 2 || !has_bound)) {
    throw ArgumentError(name +
                        ": max_size_hw must be (height, width) with at least one above 0 pixels, got " +
                        to_json(Value(max_size_hw_)) + ".");
  }
}

std::vector<std::map<std::string, Value>> MaxSizeOperator::examples() const {
  const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
  return {{{"max_size", list({20})}},
          {{"max_size", list({9, 40})}, {"area_for_downscale", std::string("image")}, {"p", 0.5}},
          {{"max_size_hw", list({0, 12})}},
          {{"max_size_hw", list({15, 24})}, {"interpolation", std::string("bicubic")}}};
}

PlannedShape MaxSizeOperator::plan(const PlannedShape& in) const {
  resampler_.check_dtype(owner(), in.dtype);
  return {0, 0, in.channels, in.dtype};
}

Failure MaxSizeOperator::draw(Rng& rng, const ImageShape& in, Draw* draw) const {
  draw->applies = rng.coin(p_);
  double scale = 1;
  if (!max_size_.empty()) {
    const auto at = rng.uniform_int(0, static_cast<int64_t>(max_size_.size()) - 1);
    scale = max_size_[static_cast<size_t>(at)] / measured(in.height, in.width);
  } else {
    const double height_scale = max_size_hw_[0] / in.height;
    const double width_scale = max_size_hw_[1] / in.width;
    scale = max_size_hw_[0] == 0   ? width_scale
            : max_size_hw_[1] == 0 ? height_scale
                                   : chosen(height_scale, width_scale);
  }
  return set_draw(scale, in, draw);
}

// Halves to even, as Python's round().
double MaxSizeOperator::scaled(int side, double scale) const {
  return std::max(1.0, std::nearbyint(side * scale));
}

}  // namespace stoker
