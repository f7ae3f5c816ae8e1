// elastic_transform: moves every pixel by a smooth random displacement.

#include <memory>
#include <utility>

#include "stoker/transform/displacement.h"
#include "stoker/transform/distortion_operator.h"
#include "stoker/transform/noise.h"

namespace stoker {
namespace {

using Field = std::shared_ptr<const std::vector<float>>;

// Image, masks, boxes and keypoints of a sample ask for the same field one after another.
Field field_of(const DisplacementRule& rule, uint64_t seed) {
  struct Last {
    DisplacementRule rule;
    uint64_t seed = 0;
    Field field;
  };
  static thread_local Last last;
  constexpr size_t kMostKept = size_t{1} << 23;  // numbers; more are not worth the memory
  if (last.field != nullptr && last.rule == rule && last.seed == seed) return last.field;
  auto field = std::make_shared<const std::vector<float>>(displacements(rule, seed));
  if (field->size() <= kMostKept) last = {rule, seed, field};
  return field;
}

class ElasticTransform : public DistortionOperator {
 public:
  ElasticTransform() : DistortionOperator("elastic_transform") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("alpha", alpha_, 0, 1e6, "pixels", "What the blurred noise is multiplied by.");
    visitor.number("sigma", sigma_, 1, 1000, "pixels", "Standard deviation of the blur.");
    visitor.boolean("approximate", approximate_, "Blur with 17 x 17 pixels, whatever sigma is.");
    visitor.boolean("same_dxdy", same_dxdy_, "Move each pixel as far along y as along x.");
    visitor.choice(
        "noise_distribution", noise_distribution_, {"gaussian", "uniform"},
        "Of the noise before the blur: normal, scaled by its greatest size, or uniform in [-1, 1).");
    visit_distortion(visitor);
  }

  void check() override { check_sampling(); }

  std::vector<std::string_view> draw_names() const override {
    return {"seed_low", "seed_middle", "seed_high"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {
        {{"alpha", 60.0}, {"sigma", 3.0}, {"p", 1.0}},
        {{"alpha", 300.0}, {"sigma", 9.0}, {"same_dxdy", true}, {"p", 0.6}},
        {{"alpha", 90.0}, {"approximate", true}, {"noise_distribution", std::string("uniform")}, {"p", 1.0}}};
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw_seed(rng, draw->values.data());
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return;
    check_seed("elastic_transform", draw.values.data());
    const size_t expected = size_t{2} * static_cast<size_t>(in.height) * static_cast<size_t>(in.width);
    if (draw.list.empty() || draw.list.size() == expected) return;
    throw ArgumentError(
        "elastic_transform: a draw's list must be empty or hold a displacement for each pixel, "
        "those along x first, " +
        std::to_string(expected) + " numbers, got " + std::to_string(draw.list.size()) + ".");
  }

 protected:
  FloatMap::Row rows(const Draw& draw, const ImageShape& in) const override {
    const auto width = static_cast<size_t>(in.width);
    const size_t plane = static_cast<size_t>(in.height) * width;
    const auto moved = [width, plane](const auto* field, int y, float* xs, float* ys) {
      const auto* along_x = field + static_cast<size_t>(y) * width;
      const auto* along_y = along_x + plane;
      for (size_t x = 0; x < width; ++x) {
        xs[x] = static_cast<float>(static_cast<double>(x) + static_cast<double>(along_x[x]));
        ys[x] = static_cast<float>(static_cast<double>(y) + static_cast<double>(along_y[x]));
      }
    };
    if (!draw.list.empty()) {
      return [moved, field = draw.list](int y, float* xs, float* ys) { moved(field.data(), y, xs, ys); };
    }
    DisplacementRule rule;
    rule.height = in.height;
    rule.width = in.width;
    rule.alpha = alpha_;
    rule.sigma = sigma_;
    rule.kernel_size = approximate_ ? 17 : 0;
    rule.is_gaussian = noise_distribution_ == "gaussian";
    rule.same_for_both = same_dxdy_;
    return [moved, field = field_of(rule, seed_from(draw.values.data()))](int y, float* xs, float* ys) {
      moved(field->data(), y, xs, ys);
    };
  }

 private:
  double alpha_ = 1;
  double sigma_ = 50;
  bool approximate_ = false;
  bool same_dxdy_ = false;
  std::string noise_distribution_ = "gaussian";
};

const RegisterOperator<ElasticTransform> kRegistered(
    "elastic_transform", "Move every pixel by a smooth random displacement.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. The field is made from the drawn seed by "
    "Philox 4x32-10 and a Gaussian blur; a draw's list, when given, is the field itself. Pixels, boxes and "
    "keypoints equal Albumentations' ElasticTransform on OpenCV 4.11 with the same field.");

}  // namespace
}  // namespace stoker
