// What torchvision's warps share on PIL images: Pillow's arithmetic, and boxes and keypoints by the same map.
#pragma once

#include <string>
#include <vector>

#include "stoker/transform/operator.h"
#include "stoker/transform/pillow_warp.h"

namespace stoker {

class PillowOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  bool has_geometry() const override { return false; }
  bool is_random() const override { return true; }
  PlannedShape plan(const PlannedShape& in) const override;
  ImageShape shape_after(const Draw& draw, const ImageShape& in) const override;
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  // Masks are read at the nearest pixel, and stand at 0 outside.
  void apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                  ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;
  // Boxes become the bounds of their moved corners.
  void move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const override;
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  PillowOperator(std::string name, std::string interpolation)
      : name_(std::move(name)), interpolation_(std::move(interpolation)) {}

  // A map from the centres of result pixels to places in the source, and the result's size.
  struct Placement {
    std::array<double, 9> coefficients{1, 0, 0, 0, 1, 0, 0, 0, 1};
    bool is_affine = true;
    int height = 0;
    int width = 0;
  };
  virtual Placement place(const Draw& draw, const ImageShape& in) const = 0;
  // That of Pillow's Image.rotate: counter-clockwise about `center`, or the middle where it is empty.
  static Placement rotation(double degrees, const std::vector<double>& center, bool expand,
                            const ImageShape& in);
  virtual bool keeps_size() const { return true; }
  Interpolation interpolation() const { return interpolation_from_name(interpolation_); }
  // One level a channel.
  std::vector<uint8_t> fill_of(int channels) const;

  void visit_reading(ParameterVisitor& visitor);
  void check_reading();
  // Throws ArgumentError unless there are two numbers in order; one number n becomes (-n, n).
  void make_range(const std::string& parameter, std::vector<double>& bounds) const;

  double p_ = 1;

 private:
  PillowWarp warp_of(const Placement& placement, Interpolation interpolation,
                     std::vector<uint8_t> fill) const;

  std::string name_;
  std::string interpolation_;
  std::vector<double> fill_ = {0};
};

// Coefficients of torchvision's affine map: where a result pixel comes from.
struct TorchAffine {
  double angle = 0;  // degrees, clockwise
  double translate_x = 0;
  double translate_y = 0;
  double scale = 1;
  double shear_x = 0;  // degrees
  double shear_y = 0;
};
std::array<double, 9> inverse_coefficients(const TorchAffine& affine, double center_x, double center_y);

}  // namespace stoker
