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
  if (operator_class() == OperatorClass::kIndexMap || operator_class() == OperatorClass::kResample) {
    return shape_of(geometry(draw, in), in);
  }
  const PlannedShape planned = plan({in.height, in.width, in.channels, in.dtype});
  return {planned.height, planned.width, planned.channels, planned.dtype};
}

Geometry Operator::geometry(const Draw&, const ImageShape&) const { return {}; }

void Operator::observe(const ConstImage&, const ConstImage*, Draw*) const {}

void Operator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const {
  if (!draw.applies) return copy_pixels(in, out);
  apply_geometry(geometry(draw, in.shape), in, out, scratch);
}

void Operator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  apply_geometry_reference(geometry(draw, in.shape), in, out);
}

}  // namespace stoker
