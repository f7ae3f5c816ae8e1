#include "stoker/transform/turn_operator.h"

#include <cmath>

namespace stoker {

ImageShape TurnOperator::shape_after(const Draw& draw, const ImageShape& in) const {
  return draw.applies ? stoker::shape_after(turn_of(draw), in) : in;
}

void TurnOperator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  copy_turned(turn_of(draw), in, out);
}

void TurnOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  copy_turned_reference(turn_of(draw), in, out);
}

void TurnOperator::move_boxes(const Draw& draw, const ImageShape&, std::vector<Box>& boxes) const {
  if (draw.applies) turn_boxes(turn_of(draw), boxes);
}

void TurnOperator::move_keypoints(const Draw& draw, const ImageShape& in,
                                  std::vector<Keypoint>& keypoints) const {
  if (draw.applies) turn_keypoints(turn_of(draw), in, keypoints);
}

void TurnOperator::check_number(std::string_view owner, std::string_view name, const Draw& draw, int count) {
  const double number = draw.values[0];
  if (number == std::floor(number) && number >= 0 && number < count) return;
  throw ArgumentError(std::string(owner) + ": the drawn value '" + std::string(name) +
                      "' must be a whole number from 0 to " + std::to_string(count - 1) + ", got " +
                      to_json(Value(number)) + ".");
}

}  // namespace stoker
