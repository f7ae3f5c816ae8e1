// hue_saturation_value: random shifts in HSV.

#include <algorithm>
#include <cmath>

#include "stoker/transform/color_hsv.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class HueSaturationValue : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kPoint; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("hue_shift_limit", limits_[0], 1, 2, -1e6, 1e6, "of 180 a turn",
                    "Least and greatest shift of the hue; one number s means (-s, s).");
    visitor.numbers("sat_shift_limit", limits_[1], 1, 2, -1e6, 1e6, "levels of 255",
                    "Least and greatest shift of the saturation; one number s means (-s, s).");
    visitor.numbers("val_shift_limit", limits_[2], 1, 2, -1e6, 1e6, "levels of 255",
                    "Least and greatest shift of the value; one number s means (-s, s).");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    make_symmetric_range("hue_saturation_value", "hue_shift_limit", limits_[0]);
    make_symmetric_range("hue_saturation_value", "sat_shift_limit", limits_[1]);
    make_symmetric_range("hue_saturation_value", "val_shift_limit", limits_[2]);
  }

  std::vector<std::string_view> draw_names() const override {
    return {"hue_shift", "sat_shift", "val_shift"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"hue_shift_limit", std::vector<double>{-200, 200}}, {"sat_shift_limit", 0.0}, {"p", 1.0}},
            {{"hue_shift_limit", 0.0}, {"sat_shift_limit", 0.0}, {"val_shift_limit", 0.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_gray_or_rgb("hue_saturation_value", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    for (size_t i = 0; i < limits_.size(); ++i) draw->values[i] = rng.uniform(limits_[i][0], limits_[i][1]);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!changes(draw)) return copy_pixels(in, out);
    const HsvShift shift = shift_of(draw, in.channels() == 1);
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) { make(shift, from, to); });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!changes(draw)) return copy_pixels(in, out);
    const HsvShift shift = shift_of(draw, in.channels() == 1);
    const auto moved = [](uint8_t level, int by) {
      return static_cast<uint8_t>(std::clamp(level + by, 0, 255));
    };
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) {
      const size_t cut_count = hsv_cut_count(static_cast<size_t>(from.width()));
      const auto channels = static_cast<size_t>(from.channels());
      for (int y = 0; y < from.height(); ++y) {
        for (size_t x = 0; x < static_cast<size_t>(from.width()); ++x) {
          const uint8_t* pixel = from.row<uint8_t>(y) + x * channels;
          Pixel hsv = rgb_to_hsv({pixel[0], pixel[channels / 2], pixel[channels - 1]});
          hsv[0] = shift.hue[hsv[0]];
          if (hsv[1] != 0) hsv[1] = moved(hsv[1], shift.saturation);
          hsv[2] = moved(hsv[2], shift.value);
          const Pixel rgb = hsv_to_rgb(hsv, x < cut_count);
          std::copy_n(rgb.begin(), channels, to.row<uint8_t>(y) + x * channels);
        }
      }
    });
  }

 private:
  static bool changes(const Draw& draw) {
    return draw.applies && (draw.values[0] != 0 || draw.values[1] != 0 || draw.values[2] != 0);
  }

  // Saturation and value move by whole levels.
  static HsvShift shift_of(const Draw& draw, bool is_gray) {
    const auto levels = [](double shift) { return static_cast<int>(std::clamp(shift, -255.0, 255.0)); };
    if (is_gray) return hsv_shift(0, 0, levels(draw.values[2]));
    return hsv_shift(draw.values[0], levels(draw.values[1]), levels(draw.values[2]));
  }

  static void make(const HsvShift& shift, const ConstImage& in, const Image& out) {
    const bool is_gray = in.channels() == 1;
    const bool is_one_row = can_be_one_row(in) && can_be_one_row(out);
    const ConstImage from = is_one_row ? in_one_row(in) : in;
    const Image to = is_one_row ? in_one_row(out) : out;
    PixelPlanes planes;
    for_each_stretch(from, [&](int y, size_t x, size_t count) {
      if (is_gray) {
        const uint8_t* levels = from.row<uint8_t>(y) + x;
        for (auto& plane : planes.values) std::copy_n(levels, count, plane);
        planes.count = count;
        shift_hsv(shift, planes);
        std::copy_n(planes.values[0], count, to.row<uint8_t>(y) + x);
        return;
      }
      part_pixels(from.row<uint8_t>(y) + 3 * x, count, planes);
      shift_hsv(shift, planes);
      join_pixels(planes, to.row<uint8_t>(y) + 3 * x);
    });
  }

  std::array<std::vector<double>, 3> limits_ = {std::vector<double>{20}, {30}, {20}};
  double p_ = 0.5;
};

const RegisterOperator<HueSaturationValue> kRegistered(
    "hue_saturation_value", "Shift hue, saturation and value by random amounts.",
    "(H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3; grey images take the value's "
    "shift alone. Pixels equal Albumentations' HueSaturationValue.");

}  // namespace
}  // namespace stoker
