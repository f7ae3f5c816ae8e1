// What operators that warp share: how pixels are read, and that masks are read in their own way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stoker/transform/operator.h"
#include "stoker/transform/warp.h"

namespace stoker {

class WarpOperator : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  bool has_geometry() const override { return false; }
  bool is_random() const override { return true; }
  PlannedShape plan(const PlannedShape& in) const override;
  ImageShape shape_after(const Draw& draw, const ImageShape& in) const override;
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch& scratch) const override;
  void apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                  ResizeScratch& scratch) const override;
  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override;

 protected:
  explicit WarpOperator(std::string name) : name_(std::move(name)) {}

  void visit_sampling(ParameterVisitor& visitor);
  void check_sampling();
  // Throws ArgumentError unless there are two numbers in order; one number n becomes (-n, n).
  void make_range(const std::string& name, std::vector<double>& bounds, bool mirrors = true) const;

  // Where the pixels of the result come from; nothing where they stay as they are.
  virtual std::unique_ptr<PixelMap> map(const Draw& draw, const ImageShape& in) const = 0;
  // Height and width of the result, for a draw that applies.
  virtual std::array<int, 2> size_after(const Draw&, const ImageShape& in) const {
    return {in.height, in.width};
  }
  // Whether the result's size is known before the draw.
  virtual bool keeps_size() const { return true; }

  const std::string& name() const { return name_; }
  WarpBorder border() const { return image_sampling_.border; }
  double p_ = 0.5;

 private:
  std::string name_;
  std::string interpolation_ = "bilinear";
  std::string mask_interpolation_ = "nearest";
  std::string border_mode_ = "constant";
  std::vector<double> fill_ = {0};
  std::vector<double> fill_mask_ = {0};
  Sampling image_sampling_;
  Sampling mask_sampling_;
};

// The longest side and the most pixels of a result; operators that fit their canvas refuse more.
inline constexpr double kMaxWarpedSidePx = 65500;
inline constexpr double kMaxWarpedPixels = 120e6;

}  // namespace stoker
