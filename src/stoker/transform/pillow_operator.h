// What torchvision's warps share: Pillow's arithmetic on PIL images, torch's on tensors, and boxes and
// keypoints by the same map.
#pragma once

#include <string>
#include <vector>

#include "stoker/transform/operator.h"
#include "stoker/transform/pillow_warp.h"
#include "stoker/transform/torch_sample.h"

namespace stoker {

// torchvision's affine map.
struct TorchAffine {
  double angle = 0;  // degrees, clockwise
  double translate_x = 0;
  double translate_y = 0;
  double scale = 1;
  double shear_x = 0;  // degrees
  double shear_y = 0;
};

// Where a result pixel comes from, about the point that the centre is counted from; every step in the order
// of torchvision's v2, or of v1.
TorchMatrix inverse_matrix(const TorchAffine& affine, double center_x, double center_y, bool is_v1 = false);

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
    // On tensors, affine: the same map about the middles of source and result.
    TorchMatrix matrix{};
    bool is_turn = false;  // by whole quarters, made without arithmetic
  };
  virtual Placement place(const Draw& draw, const ImageShape& in) const = 0;
  // By the affine map about a centre in pixels.
  Placement moved_about(const TorchAffine& affine, double center_x, double center_y,
                        const ImageShape& in) const;
  // Counter-clockwise about `center`, or the middle where it is empty, as Pillow's Image.rotate on PIL
  // images.
  Placement rotation(double degrees, const std::vector<double>& center, bool expand,
                     const ImageShape& in) const;
  virtual bool keeps_size() const { return true; }
  Interpolation interpolation() const { return interpolation_from_name(interpolation_); }
  // One level a channel.
  std::vector<uint8_t> fill_of(int channels) const;

  void visit_reading(ParameterVisitor& visitor);
  // For operators whose every draw is the same on tensors.
  void visit_arithmetic(ParameterVisitor& visitor);
  void check_reading();
  // Throws ArgumentError unless there are two numbers in order; one number n becomes (-n, n).
  void make_range(const std::string& parameter, std::vector<double>& bounds) const;

  double p_ = 1;

 private:
  PillowWarp warp_of(const Placement& placement, Interpolation interpolation,
                     std::vector<uint8_t> fill) const;
  Placement torch_rotation(double degrees, const std::vector<double>& center, bool expand,
                           const ImageShape& in) const;
  static Placement about_middle(const TorchMatrix& matrix, const ImageShape& in, int height, int width);
  static GridRow grid_of(const Placement& placement, const ImageShape& in);
  TorchSampling torch_sampling(const Placement& placement, int channels) const;
  bool is_on_tensors() const { return arithmetic_ != "pillow"; }
  bool is_v1() const { return arithmetic_ == "torch_v1"; }

  std::string name_;
  std::string interpolation_;
  std::vector<double> fill_ = {0};
  std::string arithmetic_ = "pillow";
};

}  // namespace stoker
