// policy_warp: one of the warps that RandAugment, TrivialAugmentWide and AutoAugment choose from.

#include <cmath>
#include <numbers>

#include "stoker/transform/pillow_operator.h"
#include "stoker/transform/tensor_warp.h"
#include "stoker/transform/turns.h"

namespace stoker {
namespace {

class PolicyWarp : public PillowOperator {
 public:
  PolicyWarp() : PillowOperator("policy_warp", "nearest") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("kind", kind_, {"shear_x", "shear_y", "translate_x", "translate_y", "rotate"},
                   "What is done.");
    visitor.numbers(
        "magnitudes", magnitudes_, 1, 1000, 0, 65500, "",
        "Sizes, each as likely as the others: tangents for a shear, pixels for a shift, degrees for "
        "a rotation. The sign is drawn too.");
    visitor.boolean("of_side", of_side_, "Shifts are shares of the width or height instead of pixels.");
    visitor.choice("arithmetic", arithmetic_, {"pillow", "torch"},
                   "Whose arithmetic: as torchvision on Pillow images or on uint8 tensors.");
    visitor.boolean("blends_fill", blends_fill_,
                    "With arithmetic='torch': the fill is mixed in where places lie partly outside, as "
                    "torchvision does where one is given; otherwise 0 stands outside.");
    visit_reading(visitor);
  }

  void check() override { check_reading(); }

  std::vector<std::string_view> draw_names() const override { return {"magnitude"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    std::vector<std::map<std::string, Value>> all;
    for (const char* kind : {"shear_x", "shear_y", "translate_x", "translate_y", "rotate"}) {
      const bool is_rotation = std::string_view(kind) == "rotate";
      all.push_back(
          {{"kind", std::string(kind)},
           {"magnitudes", is_rotation ? std::vector<double>{0, 20, 135} : std::vector<double>{0.1, 0.5}},
           {"of_side", !is_rotation}});
      all.push_back(all.back());
      all.back()["arithmetic"] = std::string("torch");
      all.back()["interpolation"] = std::string("bilinear");
      all.push_back(all.back());
      all.back()["blends_fill"] = true;
      all.back()["fill"] = 9.0;
    }
    return all;
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    const auto place = rng.uniform_int(0, static_cast<int64_t>(magnitudes_.size()) - 1);
    double magnitude = magnitudes_[static_cast<size_t>(place)];
    if (kind_.starts_with("translate")) {
      if (of_side_) magnitude *= kind_ == "translate_x" ? in.width : in.height;
      magnitude = std::trunc(magnitude);
    }
    draw->values[0] = rng.coin(0.5) ? -magnitude : magnitude;
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (arithmetic_ == "pillow" || !draw.applies) return PillowOperator::apply(draw, in, out, scratch);
    if (!turn_by_quarters(draw, in, out)) tensor_warp(tensor_warp_of(draw, in.shape), in, out);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (arithmetic_ == "pillow" || !draw.applies) return PillowOperator::reference(draw, in, out);
    if (!turn_by_quarters(draw, in, out)) tensor_warp_reference(tensor_warp_of(draw, in.shape), in, out);
  }

 protected:
  Placement place(const Draw& draw, const ImageShape& in) const override {
    const double magnitude = draw.values[0];
    if (kind_ == "rotate") return rotation(magnitude, {}, false, in);
    TorchAffine affine;
    if (kind_ == "translate_x") affine.translate_x = magnitude;
    if (kind_ == "translate_y") affine.translate_y = magnitude;
    const double shear = std::atan(magnitude) * (180 / std::numbers::pi);
    if (kind_ == "shear_x") affine.shear_x = shear;
    if (kind_ == "shear_y") affine.shear_y = shear;
    // A shear keeps the corner in place, not the middle.
    const bool is_shear = kind_.starts_with("shear");
    return moved_about(affine, is_shear ? 0 : in.width * 0.5, is_shear ? 0 : in.height * 0.5, in);
  }

 private:
  static double degrees_in_circle(double degrees) {
    const double rest = std::fmod(degrees, 360);
    return rest < 0 ? rest + 360 : rest;
  }

  // Turns that torchvision makes of tensors without arithmetic; false where there is more to do.
  bool turn_by_quarters(const Draw& draw, const ConstImage& in, const Image& out) const {
    if (kind_ != "rotate") return false;
    const double degrees = degrees_in_circle(draw.values[0]);
    Turn turn = Turn::kNone;
    if (degrees == 180) {
      turn = Turn::kHalf;
    } else if (in.width() == in.height() && (degrees == 90 || degrees == 270)) {
      turn = degrees == 90 ? Turn::kQuarter : Turn::kThreeQuarters;
    } else if (degrees != 0) {
      return false;
    }
    copy_turned(turn, in, out);
    return true;
  }

  TensorWarp tensor_warp_of(const Draw& draw, const ImageShape& in) const {
    TorchAffine affine;
    const double magnitude = draw.values[0];
    if (kind_ == "rotate") affine.angle = -degrees_in_circle(magnitude);
    if (kind_ == "translate_x") affine.translate_x = magnitude;
    if (kind_ == "translate_y") affine.translate_y = magnitude;
    const double shear = std::atan(magnitude) * (180 / std::numbers::pi);
    if (kind_ == "shear_x") affine.shear_x = shear;
    if (kind_ == "shear_y") affine.shear_y = shear;
    const bool is_shear = kind_.starts_with("shear");
    TensorWarp warp;
    warp.matrix = inverse_matrix(affine, is_shear ? in.width * -0.5 : 0, is_shear ? in.height * -0.5 : 0);
    warp.interpolation = interpolation();
    if (blends_fill_) {
      const std::vector<uint8_t> fill = fill_of(in.channels);
      warp.fill.assign(fill.begin(), fill.end());
    }
    return warp;
  }

  std::string kind_ = "rotate";
  std::vector<double> magnitudes_ = {9};
  bool of_side_ = false;
  std::string arithmetic_ = "pillow";
  bool blends_fill_ = false;
};

const RegisterOperator<PolicyWarp> kRegistered(
    "policy_warp", "Shear, shift or rotate by one of a row of sizes, with a random sign.",
    "(H, W, C) uint8 -> the same shape. Pixels equal those of torchvision's RandAugment, TrivialAugmentWide "
    "and AutoAugment on Pillow 13, and with arithmetic='torch' those on tensors.");

}  // namespace
}  // namespace stoker
