// Pixels added around an image, and where boxes and keypoints come to lie then.
#pragma once

#include <string>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/image.h"
#include "stoker/transform/operator.h"

namespace stoker {

enum class BorderMode : uint8_t { kConstant, kReplicate, kReflect, kReflect101, kWrap };

// In pixels.
struct Padding {
  int top = 0;
  int bottom = 0;
  int left = 0;
  int right = 0;
};

ImageShape shape_after(const Padding& padding, const ImageShape& in);

// Where OpenCV's borders take their value from: an index in [0, side), or -1 for the fill.
int border_index(BorderMode mode, int64_t at, int side);

// `fill` is one pixel. `out` has shape_after(padding, in.shape). Any dtype.
void copy_padded(const Padding& padding, BorderMode mode, const std::vector<uint8_t>& fill,
                 const ConstImage& in, const Image& out);
void copy_padded_reference(const Padding& padding, BorderMode mode, const std::vector<uint8_t>& fill,
                           const ConstImage& in, const Image& out);

// As Albumentations 2.0.8: the two reflecting modes repeat boxes and keypoints in every mirrored copy of the
// image that the padding reaches, and drop those outside.
void pad_boxes(const Padding& padding, BorderMode mode, const ImageShape& in, std::vector<Box>& boxes);
void pad_keypoints(const Padding& padding, BorderMode mode, const ImageShape& in,
                   std::vector<Keypoint>& keypoints);

// What pad and pad_if_needed share: they differ in how much they add.
class PadOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  // A constant border is a crop that reaches outside, which the plan composes with its neighbours.
  bool has_geometry() const override;
  bool reads_outside(const PlannedShape&) const override { return true; }
  std::vector<std::string_view> draw_names() const override { return {"top", "bottom", "left", "right"}; }

  void check_draw(const Draw& draw, const ImageShape& in) const override;
  ImageShape shape_after(const Draw& draw, const ImageShape& in) const override;
  Geometry geometry(const Draw& draw, const ImageShape& in) const override;
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                  ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  // border_mode, fill, fill_mask.
  void visit_border(ParameterVisitor& visitor);
  void check_border();
  Failure set_draw(std::string_view owner, const Padding& padding, const ImageShape& in, Draw* draw) const;
  const std::vector<double>& fill() const { return fill_; }

 private:
  // How many copies of the image the padding reaches into, itself included.
  int64_t tile_count(const Padding& padding, const ImageShape& in) const;

  std::string border_mode_ = "constant";
  std::vector<double> fill_ = {0};
  std::vector<double> fill_mask_ = {0};
  BorderMode mode_ = BorderMode::kConstant;
};

}  // namespace stoker
