#include "stoker/transform/operator.h"

#include <algorithm>

#include "stoker/transform/geometry.h"

namespace stoker {

std::string_view name_of(OperatorClass operator_class) {
  constexpr std::array<std::string_view, 7> kNames = {"table",    "reduced table", "point", "index map",
                                                      "resample", "neighbourhood", "noise"};
  return kNames[static_cast<size_t>(operator_class)];
}

Failure Operator::draw(Rng&, const ImageShape&, Draw*) const { return std::nullopt; }

ImageShape Operator::shape_after(const Draw& draw, const ImageShape& in) const {
  if (!draw.applies) return in;
  if (has_geometry()) {
    return shape_of(geometry(draw, in), in);
  }
  const PlannedShape planned = plan({in.height, in.width, in.channels, in.dtype});
  return {planned.height, planned.width, planned.channels, planned.dtype};
}

bool Operator::has_geometry() const {
  return operator_class() == OperatorClass::kIndexMap || operator_class() == OperatorClass::kResample;
}

bool Operator::moves_pixels() const {
  return operator_class() == OperatorClass::kIndexMap || operator_class() == OperatorClass::kResample;
}

Geometry Operator::geometry(const Draw&, const ImageShape&) const { return {}; }

void Operator::observe(const ConstImage&, const ConstImage*, Draw*) const {}

void Operator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const {
  if (!draw.applies) return copy_pixels(in, out);
  apply_geometry(geometry(draw, in.shape), in, out, scratch);
}

void Operator::apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                          ResizeScratch& scratch) const {
  if (!draw.applies) return copy_pixels(in, out);
  if (!has_geometry()) return apply(draw, in, out, scratch);
  apply_geometry(mask_geometry(geometry(draw, in.shape)), in, out, scratch);
}

void Operator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (draw.applies && has_geometry()) stoker::move_boxes(geometry(draw, in), in, boxes);
}

void Operator::move_keypoints(const Draw& draw, const ImageShape& in,
                              std::vector<Keypoint>& keypoints) const {
  if (draw.applies && has_geometry()) stoker::move_keypoints(geometry(draw, in), in, keypoints);
}

void Operator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  apply_geometry_reference(geometry(draw, in.shape), in, out);
}

}  // namespace stoker
