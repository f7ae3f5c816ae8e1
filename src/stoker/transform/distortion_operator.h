// What the distortions share: float coordinates of every pixel, and boxes and keypoints found again by
// looking at them.
#pragma once

#include <string>
#include <vector>

#include "stoker/transform/warp_operator.h"

namespace stoker {

class DistortionOperator : public WarpOperator {
 public:
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  using WarpOperator::WarpOperator;

  void visit_distortion(ParameterVisitor& visitor);
  // The coordinates that pixels of row y come from.
  virtual FloatMap::Row rows(const Draw& draw, const ImageShape& in) const = 0;
  std::unique_ptr<PixelMap> map(const Draw& draw, const ImageShape& in) const override;

 private:
  void move_by_mask(const Draw& draw, const ImageShape& in, std::vector<Keypoint>& keypoints) const;
  void move_directly(const Draw& draw, const ImageShape& in, std::vector<Keypoint>& keypoints) const;

  std::string keypoint_remapping_method_ = "mask";
};

}  // namespace stoker
