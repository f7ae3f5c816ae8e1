// brightness_contrast: value * contrast + brightness, by random amounts.

#include <algorithm>

#include "stoker/transform/gray.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

// Places in a Draw.
constexpr size_t kAlpha = 0;
constexpr size_t kBeta = 1;
constexpr size_t kShare = 2;

class BrightnessContrast : public ValueOperator {
 public:
  OperatorClass operator_class() const override {
    return by_max_ ? OperatorClass::kTable : OperatorClass::kReducedTable;
  }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("brightness", brightness_, 1, 2, -1, 1, "of the full range",
                    "Least and greatest shift; one number b means (-b, b).");
    visitor.numbers("contrast", contrast_, 1, 2, -1, 100, "added to a factor of 1",
                    "Least and greatest change of the factor; one number c means (-c, c).");
    visitor.boolean("brightness_by_max", by_max_,
                    "Whether the brightness is a share of the full range; otherwise of the image's mean.");
    visitor.boolean("ensure_safe_range", ensure_safe_range_,
                    "Whether both are limited so that no value can leave the full range.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    make_symmetric_range("brightness_contrast", "brightness", brightness_);
    make_symmetric_range("brightness_contrast", "contrast", contrast_);
  }

  // beta is in levels of 255. With brightness_by_max=False it follows from share and the image.
  std::vector<std::string_view> draw_names() const override { return {"alpha", "beta", "share"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{},
            {{"brightness", 1.0}, {"contrast", std::vector<double>{-1, 3}}, {"p", 1.0}},
            {{"brightness_by_max", false}, {"ensure_safe_range", true}, {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_levels("brightness_contrast", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[kAlpha] = 1.0 + rng.uniform(contrast_[0], contrast_[1]);
    draw->values[kShare] = rng.uniform(brightness_[0], brightness_[1]);
    draw->values[kBeta] = 255.0 * draw->values[kShare];
    if (by_max_) limit(draw);
    return std::nullopt;
  }

  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    if (by_max_ || !draw->applies) return;
    draw->values[kBeta] = draw->values[kShare] * mean_of(in, table);
    limit(draw);
  }

 protected:
  // Two roundings to float32 and a cut to an integer, as albucore's table is made.
  uint8_t byte_of(const Draw& draw, uint8_t value, int) const override {
    const float scaled = static_cast<float>(value) * static_cast<float>(draw.values[kAlpha]);
    return cut_to_byte(scaled + static_cast<float>(draw.values[kBeta]));
  }

  float share_of(const Draw& draw, float share, int) const override {
    const double scaled =
        static_cast<double>(share) * static_cast<double>(static_cast<float>(draw.values[kAlpha]));
    const double beta = draw.values[kBeta] / 255.0;
    return static_cast<float>(std::clamp(scaled + beta, 0.0, 1.0));
  }

  double level_of(const Draw& draw, double level, double most) const override {
    return level * draw.values[kAlpha] + draw.values[kBeta] / 255.0 * most;
  }

 private:
  template <class T>
  static double sum_of_levels(const ConstImage& in) {
    int64_t sum = 0;
    for (int y = 0; y < in.height(); ++y) {
      const T* value = in.row<T>(y);
      for (int i = 0; i < in.width() * in.channels(); ++i) sum += value[i];
    }
    return static_cast<double>(sum);
  }

  // The mean of all values, in levels of 255.
  static double mean_of(const ConstImage& in, const ConstImage* table) {
    const double count = static_cast<double>(in.height()) * in.width() * in.channels();
    double sum = 0;
    if (in.shape.dtype == DType::kFloat32) {
      for (int y = 0; y < in.height(); ++y) {
        const float* value = in.row<float>(y);
        for (int i = 0; i < in.width() * in.channels(); ++i) sum += static_cast<double>(value[i]);
      }
      return 255.0 * (sum / count);
    }
    if (in.shape.dtype == DType::kUint16) return 255.0 * (sum_of_levels<uint16_t>(in) / count / 65535);
    if (in.shape.dtype == DType::kInt16) return 255.0 * (sum_of_levels<int16_t>(in) / count / 32767);
    if (table == nullptr) {
      const auto row_count = static_cast<size_t>(in.width()) * static_cast<size_t>(in.channels());
      for (int y = 0; y < in.height(); ++y)
        sum += static_cast<double>(sum_of_row(in.row<uint8_t>(y), row_count));
      return sum / count;
    }
    const std::vector<uint32_t> counts = histogram_through(in, table);
    for (size_t i = 0; i < counts.size(); ++i) sum += static_cast<double>(i % 256) * counts[i];
    return sum / count;
  }

  void limit(Draw* draw) const {
    if (!ensure_safe_range_) return;
    double& alpha = draw->values[kAlpha];
    double& beta = draw->values[kBeta];
    if (alpha > 0) {
      beta = std::clamp(beta, 0.0, 255.0);
      alpha = std::min(alpha, (255.0 - beta) / 255.0);
    } else {
      beta = std::min(beta, 255.0);
      alpha = std::max(alpha, -beta / 255.0);
    }
  }

  std::vector<double> brightness_ = {-0.2, 0.2};
  std::vector<double> contrast_ = {-0.2, 0.2};
  bool by_max_ = true;
  bool ensure_safe_range_ = false;
  double p_ = 0.5;
};

const RegisterOperator<BrightnessContrast> kRegistered(
    "brightness_contrast", "Multiply by a random contrast and add a random brightness.",
    "(H, W, C) uint8, uint16, int16 or float32 (0 to 1) -> the same shape: min(max(value * alpha + beta, 0), "
    "255), "
    "cut to an integer; float32 limited to 0 and 1. Pixels equal Albumentations' RandomBrightnessContrast. "
    "Of wider "
    "integers beta is a share of 65535 or 32767, and the result is rounded and limited to the dtype.");

}  // namespace
}  // namespace stoker
