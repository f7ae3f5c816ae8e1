// What transpose, random_rotate90 and d4 share: they differ in the turns that they draw.
#pragma once

#include "stoker/transform/operator.h"
#include "stoker/transform/turns.h"

namespace stoker {

class TurnOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool is_random() const override { return true; }
  bool is_permutation() const override { return true; }
  bool has_geometry() const override { return false; }

  PlannedShape plan(const PlannedShape& in) const override { return {0, 0, in.channels, in.dtype}; }
  ImageShape shape_after(const Draw& draw, const ImageShape& in) const override;
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  virtual Turn turn_of(const Draw& draw) const = 0;
  // Throws ArgumentError unless values[0] is a whole number below `count`.
  static void check_number(std::string_view owner, std::string_view name, const Draw& draw, int count);
};

}  // namespace stoker
