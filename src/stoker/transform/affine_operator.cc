#include "stoker/transform/affine_operator.h"

#include <string>

namespace stoker {

void AffineOperator::visit_rotate_method(ParameterVisitor& visitor) {
  visitor.choice("rotate_method", rotate_method_, {"largest_box", "ellipse"},
                 "What of a box is turned before it is bounded anew: its corners, or the ellipse in it.");
}

Failure AffineOperator::can_place(const Draw& draw, const ImageShape& in) const {
  const Placement placement = place(draw, in);
  const bool fits = placement.height >= 1 && placement.width >= 1 && placement.height <= kMaxWarpedSidePx &&
                    placement.width <= kMaxWarpedSidePx &&
                    placement.height * placement.width <= kMaxWarpedPixels;
  if (!fits) {
    return SampleError{SampleErrorCode::kShape, name(),
                       "the result would be " + to_json(Value(placement.height)) + " x " +
                           to_json(Value(placement.width)) +
                           " pixels, allowed are sides of 1 to 65500 and 120 million pixels in all",
                       "narrow the ranges that are drawn from, or set fit_output=False"};
  }
  const bool reflects = border() == WarpBorder::kReflect || border() == WarpBorder::kReflect101;
  if (reflects && !(tiles_of(placement.box_matrix, in).count() <= kMaxTiles)) {
    return SampleError{SampleErrorCode::kShape, name(),
                       "the result would show more than 65536 mirrored copies of the image",
                       "draw a greater scale, or use another border_mode"};
  }
  return std::nullopt;
}

void AffineOperator::check_draw(const Draw& draw, const ImageShape& in) const {
  if (!draw.applies) return;
  if (const Failure failure = can_place(draw, in)) throw ArgumentError(failure->step + ": " + failure->found);
}

std::unique_ptr<PixelMap> AffineOperator::map(const Draw& draw, const ImageShape& in) const {
  const Placement placement = place(draw, in);
  if (is_identity(placement.matrix)) return nullptr;
  const auto [height, width] = size_after(draw, in);
  return std::make_unique<AffineMap>(inverted(upper_rows(placement.matrix)), width, height);
}

std::array<int, 2> AffineOperator::size_after(const Draw& draw, const ImageShape& in) const {
  const Placement placement = place(draw, in);
  if (is_identity(placement.matrix)) return {in.height, in.width};
  return {static_cast<int>(placement.height), static_cast<int>(placement.width)};
}

void AffineOperator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (!draw.applies) return;
  const Placement placement = place(draw, in);
  stoker::move_boxes(placement.box_matrix, box_method(), in, border(), static_cast<int>(placement.height),
                     static_cast<int>(placement.width), boxes);
}

void AffineOperator::move_keypoints(const Draw& draw, const ImageShape& in,
                                    std::vector<Keypoint>& keypoints) const {
  if (!draw.applies) return;
  const Placement placement = place(draw, in);
  stoker::move_keypoints(placement.matrix, in, placement.scale_x, placement.scale_y, border(), keypoints);
}

}  // namespace stoker
