// policy_warp: one of the warps that RandAugment, TrivialAugmentWide and AutoAugment choose from.

#include <cmath>
#include <numbers>

#include "stoker/transform/pillow_operator.h"

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
    return {inverse_coefficients(affine, is_shear ? 0 : in.width * 0.5, is_shear ? 0 : in.height * 0.5), true,
            in.height, in.width};
  }

 private:
  std::string kind_ = "rotate";
  std::vector<double> magnitudes_ = {9};
  bool of_side_ = false;
};

const RegisterOperator<PolicyWarp> kRegistered(
    "policy_warp", "Shear, shift or rotate by one of a row of sizes, with a random sign.",
    "(H, W, C) uint8 -> the same shape. Pixels equal those of torchvision's RandAugment, TrivialAugmentWide "
    "and "
    "AutoAugment on Pillow 13.");

}  // namespace
}  // namespace stoker
