// What longest_max_size, smallest_max_size and random_scale share: they draw a factor, and both sides are
// multiplied by it.
#pragma once

#include <array>

#include "stoker/transform/operator.h"
#include "stoker/transform/sizes.h"

namespace stoker {

class ScaleOperator : public Operator {
 public:
  ScaleOperator() { resampler_.resampler_name = "opencv"; }

  OperatorClass operator_class() const override { return OperatorClass::kResample; }
  std::vector<std::string_view> draw_names() const override { return {"scale"}; }
  void check_draw(const Draw& draw, const ImageShape& in) const override;
  Geometry geometry(const Draw& draw, const ImageShape& in) const override;
  // By the factor itself, not by the quotient of the rounded sides.
  void move_keypoints(const Draw& draw, const ImageShape& in,
                      std::vector<Keypoint>& keypoints) const override;

 protected:
  // The side that the factor makes of `side`; 0 where there is none.
  virtual double scaled(int side, double scale) const = 0;
  virtual std::string_view owner() const = 0;
  // Fails where the result has no pixels or sides that are too long.
  Failure set_draw(double scale, const ImageShape& in, Draw* draw) const;

  ResamplerParameter resampler_;

 private:
  // Sides within [1, kMaxScaledSidePx], or nothing.
  std::optional<std::array<int, 2>> sides(double scale, const ImageShape& in) const;
  std::string problem(double scale, const ImageShape& in) const;
};

// longest_max_size and smallest_max_size: rounded to whole pixels, never below 1.
class MaxSizeOperator : public ScaleOperator {
 public:
  bool is_random() const override { return p_ < 1 || max_size_.size() > 1; }
  void parameters(ParameterVisitor& visitor) override;
  void check() override;
  std::vector<std::map<std::string, Value>> examples() const override;
  PlannedShape plan(const PlannedShape& in) const override;
  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override;

 protected:
  double scaled(int side, double scale) const override;
  // The side of the image that max_size speaks of, and the factor of two that obeys both bounds.
  virtual int measured(int height, int width) const = 0;
  virtual double chosen(double height_scale, double width_scale) const = 0;

 private:
  std::vector<double> max_size_;
  std::vector<double> max_size_hw_;
  double p_ = 1;
};

}  // namespace stoker
