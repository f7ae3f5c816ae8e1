#include "stoker/transform/warp_operator.h"

namespace stoker {
namespace {

constexpr double kMostFill = 65535;

}  // namespace

void WarpOperator::visit_sampling(ParameterVisitor& visitor) {
  const std::vector<std::string> interpolations = {"nearest", "bilinear", "bicubic", "lanczos"};
  visitor.choice("interpolation", interpolation_, interpolations,
                 "How image pixels are read between the source's.");
  visitor.choice("mask_interpolation", mask_interpolation_, interpolations,
                 "How mask pixels are read between the source's.");
  visitor.choice("border_mode", border_mode_, {"constant", "replicate", "reflect", "reflect_101", "wrap"},
                 "What stands outside the image: the fill, its edge, its mirror image (with the edge doubled "
                 "or not), or its other side.");
  visitor.numbers(
      "fill", fill_, 1, 4, -kMostFill, kMostFill, "levels",
      "Value outside the image with border_mode 'constant': one for all channels, or one for each "
      "channel of a group of four, 0 for those not given.");
  visitor.numbers("fill_mask", fill_mask_, 1, 4, -kMostFill, kMostFill, "levels", "The same for masks.");
  visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
}

void WarpOperator::check_sampling() {
  const WarpBorder border = warp_border_from_name(border_mode_);
  image_sampling_ = {interpolation_from_name(interpolation_), border, fill_};
  mask_sampling_ = {interpolation_from_name(mask_interpolation_), border, fill_mask_};
}

void WarpOperator::make_range(const std::string& parameter, std::vector<double>& bounds, bool mirrors) const {
  if (bounds.size() == 1) bounds = {mirrors ? -bounds[0] : bounds[0], bounds[0]};
  if (bounds[0] <= bounds[1]) return;
  throw ArgumentError(name_ + ": " + parameter + " must be (least, greatest)" +
                      (mirrors ? " or one number of at least 0" : "") + ", got (" +
                      to_json(Value(bounds[0])) + ", " + to_json(Value(bounds[1])) + ").");
}

PlannedShape WarpOperator::plan(const PlannedShape& in) const {
  const bool is_known = in.dtype == DType::kUint8 || in.dtype == DType::kUint16 ||
                        in.dtype == DType::kInt16 || in.dtype == DType::kFloat32;
  if (!is_known) {
    throw ArgumentError(name_ + ": works on uint8, uint16, int16 and float32 images, got " +
                        std::string(name_of(in.dtype)) +
                        "; put it before the operators that change the type.");
  }
  if (keeps_size()) return in;
  return {0, 0, in.channels, in.dtype};
}

ImageShape WarpOperator::shape_after(const Draw& draw, const ImageShape& in) const {
  if (!draw.applies) return in;
  const auto [height, width] = size_after(draw, in);
  return {height, width, in.channels, in.dtype};
}

void WarpOperator::apply(const Draw& draw, const ConstImage& in, const Image& out,
                         ResizeScratch& scratch) const {
  const auto from = draw.applies ? map(draw, in.shape) : nullptr;
  if (from == nullptr) return copy_pixels(in, out);
  warp(*from, image_sampling_, in, out, scratch);
}

void WarpOperator::apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                              ResizeScratch& scratch) const {
  if (!can_warp(in.shape.dtype, mask_sampling_.interpolation)) {
    throw ArgumentError(name_ + ": mask_interpolation '" + mask_interpolation_ +
                        "' works on masks of uint8, uint16, int16 and float32, got " +
                        std::string(name_of(in.shape.dtype)) + "; use 'nearest'.");
  }
  const auto from = draw.applies ? map(draw, in.shape) : nullptr;
  if (from == nullptr) return copy_pixels(in, out);
  warp(*from, mask_sampling_, in, out, scratch);
}

void WarpOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  const auto from = draw.applies ? map(draw, in.shape) : nullptr;
  if (from == nullptr) return copy_pixels(in, out);
  warp_reference(*from, image_sampling_, in, out);
}

}  // namespace stoker
