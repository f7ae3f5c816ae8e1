// What the operators with an affine matrix share: the warp itself, and boxes and keypoints with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stoker/transform/affine_matrix.h"
#include "stoker/transform/warp_operator.h"

namespace stoker {

class AffineOperator : public WarpOperator {
 public:
  void check_draw(const Draw& draw, const ImageShape& in) const override;
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  using WarpOperator::WarpOperator;

  struct Placement {
    Matrix33 matrix;      // for pixels and keypoints
    Matrix33 box_matrix;  // for boxes
    double height;        // of the result; may be more than there can be until can_place() has looked
    double width;
    double scale_x;
    double scale_y;
  };
  virtual Placement place(const Draw& draw, const ImageShape& in) const = 0;

  void visit_rotate_method(ParameterVisitor& visitor);
  // Why an image of this shape cannot be warped with `draw`.
  Failure can_place(const Draw& draw, const ImageShape& in) const;

  std::unique_ptr<PixelMap> map(const Draw& draw, const ImageShape& in) const override;
  std::array<int, 2> size_after(const Draw& draw, const ImageShape& in) const override;
  BoxMethod box_method() const {
    return rotate_method_ == "ellipse" ? BoxMethod::kEllipse : BoxMethod::kLargestBox;
  }

 private:
  std::string rotate_method_ = "largest_box";
};

}  // namespace stoker
