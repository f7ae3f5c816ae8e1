// hue_saturation_value: random shifts in HSV.

#include <algorithm>
#include <cmath>

#include "stoker/transform/color_hsv.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

// Tables of the three planes.
struct Shifts {
  std::array<ByteTable, 3> tables;
  bool keeps_gray = false;  // a saturation of 0 stays 0
};

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
    const Shifts shifts = shifts_of(draw, in.channels() == 1);
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) { shift(shifts, from, to); });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!changes(draw)) return copy_pixels(in, out);
    const Shifts shifts = shifts_of(draw, in.channels() == 1);
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) {
      const size_t cut_count = hsv_cut_count(static_cast<size_t>(from.width()));
      const auto channels = static_cast<size_t>(from.channels());
      for (int y = 0; y < from.height(); ++y) {
        for (size_t x = 0; x < static_cast<size_t>(from.width()); ++x) {
          const uint8_t* pixel = from.row<uint8_t>(y) + x * channels;
          Pixel hsv = rgb_to_hsv({pixel[0], pixel[channels / 2], pixel[channels - 1]});
          if (shifts.keeps_gray && hsv[1] == 0) {
            hsv = {shifts.tables[0][hsv[0]], 0, shifts.tables[2][hsv[2]]};
          } else {
            for (size_t c = 0; c < 3; ++c) hsv[c] = shifts.tables[c][hsv[c]];
          }
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

  static Shifts shifts_of(const Draw& draw, bool is_gray) {
    Shifts shifts;
    const double hue = is_gray ? 0 : draw.values[0];
    const double saturation = is_gray ? 0 : draw.values[1];
    shifts.tables[0] = hue == 0 ? table_of([](uint8_t value) { return value; }) : hue_table(hue);
    shifts.tables[1] = table_of([&](uint8_t value) { return cut_to_byte(value + std::trunc(saturation)); });
    shifts.tables[2] =
        table_of([&](uint8_t value) { return cut_to_byte(value + std::trunc(draw.values[2])); });
    shifts.keeps_gray = saturation != 0;
    if (shifts.keeps_gray) shifts.tables[1][0] = 0;
    return shifts;
  }

  static void shift(const Shifts& shifts, const ConstImage& in, const Image& out) {
    const auto width = static_cast<size_t>(in.width());
    const auto& tables = shifts.tables;
    const bool is_gray = in.channels() == 1;
    const std::vector<uint8_t> none(is_gray ? width : 0);  // neither hue nor saturation
    std::vector<uint8_t> values(none.size());
    std::vector<uint8_t> colors(3 * none.size());
    for (int y = 0; y < in.height(); ++y) {
      const auto* from = in.row<uint8_t>(y);
      auto* to = out.row<uint8_t>(y);
      if (!is_gray) {
        hsv_through_tables_row(from, width, {&tables[0], &tables[1], &tables[2]}, to);
        continue;
      }
      look_up_row(from, width, 1, {&tables[2], 1}, values.data());
      hsv_to_rgb_row(none.data(), none.data(), values.data(), width, hsv_cut_count(width), colors.data());
      for (size_t x = 0; x < width; ++x) to[x] = colors[3 * x];
    }
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
