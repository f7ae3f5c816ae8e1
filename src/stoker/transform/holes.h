// Rectangles that are blotted out, and what becomes of boxes and keypoints under them.
#pragma once

#include <string>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/image.h"
#include "stoker/transform/operator.h"

namespace stoker {

// What coarse_dropout and grid_dropout share: they differ in where the holes are. A draw's list holds four
// numbers a hole, its edges left, top, right, bottom in pixels; its values the seed of random fill.
class HoleOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool has_geometry() const override { return false; }
  bool is_random() const override { return true; }
  // Fill enters the image, which no table may change.
  bool reads_outside(const PlannedShape&) const override { return true; }
  std::vector<std::string_view> draw_names() const override { return {"seed_low", "seed_high"}; }

  PlannedShape plan(const PlannedShape& in) const override;
  void check_draw(const Draw& draw, const ImageShape& in) const override;
  ImageShape shape_after(const Draw&, const ImageShape& in) const override { return in; }
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                  ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  virtual std::string_view owner() const = 0;
  // fill_kind, fill, fill_mask, what becomes of boxes and keypoints, p.
  void visit_fill(ParameterVisitor& visitor);
  double p() const { return p_; }
  static void add_hole(int64_t left, int64_t top, int64_t width, int64_t height, Draw* draw);
  static void draw_seed(Rng& rng, Draw* draw);

 private:
  std::string fill_kind_ = "value";
  std::vector<double> fill_ = {0};
  std::vector<double> fill_mask_;
  double min_area_ = 0;
  double min_visibility_ = 0;
  bool drops_keypoints_ = true;
  double p_ = 0.5;
};

// Blots out `holes` in boxes of an image of shape `in` as Albumentations 2.0.8: boxes are cut to whole
// pixels, those of which too little stays visible are dropped, the others shrink to what is visible.
void shrink_boxes(const std::vector<Rect>& holes, double min_area, double min_visibility,
                  const ImageShape& in, std::vector<Box>& boxes);

}  // namespace stoker
