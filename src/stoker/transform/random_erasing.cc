// random_erasing: one random rectangle is erased.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"

namespace stoker {
namespace {

constexpr int kAttempts = 10;
// 23 bits a number, so that a draw can be written by hand (numbers in it stay below 10,000,000).
constexpr int kSeedBits = 23;

// torch's cast: cut towards zero, then the lowest byte.
template <class Element>
Element as_element(float value) {
  if constexpr (std::is_same_v<Element, uint8_t>) {
    return static_cast<uint8_t>(static_cast<int64_t>(value));
  } else {
    return value;
  }
}

// Two standard normal numbers from two words (Box and Muller 1958).
std::array<float, 2> normal_pair(uint32_t first, uint32_t second) {
  const double radius = std::sqrt(-2 * std::log((first + 1.0) * 0x1p-32));
  const double angle = 2 * std::numbers::pi * second * 0x1p-32;
  return {static_cast<float>(radius * std::cos(angle)), static_cast<float>(radius * std::sin(angle))};
}

// Number `at` of the sequence of one seed.
float normal_at(uint64_t seed, uint64_t at) {
  const uint64_t block = at / 4;
  const PhiloxBlock words =
      philox(seed, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0});
  const size_t pair = at % 4 / 2 * 2;
  return normal_pair(words[pair], words[pair + 1])[at % 2];
}

class RandomErasing : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kIndexMap; }
  bool has_geometry() const override { return false; }
  // Masks, boxes and keypoints pass as they are, as in torchvision.
  bool moves_pixels() const override { return false; }
  bool is_random() const override { return true; }
  bool reads_outside(const PlannedShape&) const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("scale", scale_, 2, 2, 0, 1, "of the image's area",
                    "Least and greatest share of the image that the rectangle covers.");
    visitor.numbers("ratio", ratio_, 2, 2, 1e-3, 1e3, "height / width",
                    "Least and greatest aspect ratio of the rectangle, drawn evenly in its logarithm.");
    visitor.numbers("value", value_, 1, 64, -1e6, 1e6, "levels",
                    "What stands in the rectangle, one number or one a channel.");
    visitor.boolean("random_value", random_value_, "Standard normal numbers instead of value.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto& [name, range] : {std::pair("scale", &scale_), std::pair("ratio", &ratio_)}) {
      if ((*range)[0] <= (*range)[1]) continue;
      throw ArgumentError("random_erasing: " + std::string(name) + " must be (least, greatest), got " +
                          to_json(Value(*range)) + ".");
    }
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}, {"value", std::vector<double>{7.9}}},
            {{"scale", std::vector<double>{0.2, 0.9}}, {"random_value", true}, {"p", 0.8}}};
  }

  std::vector<std::string_view> draw_names() const override {
    return {"x", "y", "width", "height", "seed_low", "seed_high"};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8 && in.dtype != DType::kFloat32) {
      throw ArgumentError("random_erasing: works on uint8 and float32 images, got " +
                          std::string(name_of(in.dtype)) + ".");
    }
    if (value_.size() > 1 && in.channels > 0 && value_.size() != static_cast<size_t>(in.channels)) {
      throw ArgumentError("random_erasing: value is for " + std::to_string(value_.size()) +
                          " channels, the images have " + std::to_string(in.channels) +
                          "; give one number for all channels or one a channel.");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values = {};
    const double area = static_cast<double>(in.height) * in.width;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const double erased = area * rng.uniform(scale_[0], scale_[1]);
      const double ratio = std::exp(rng.uniform(std::log(ratio_[0]), std::log(ratio_[1])));
      const double height = std::nearbyint(std::sqrt(erased * ratio));
      const double width = std::nearbyint(std::sqrt(erased / ratio));
      if (height >= in.height || width >= in.width) continue;
      const auto y = rng.uniform_int(0, in.height - static_cast<int64_t>(height));
      const auto x = rng.uniform_int(0, in.width - static_cast<int64_t>(width));
      draw->values = {static_cast<double>(x),
                      static_cast<double>(y),
                      width,
                      height,
                      static_cast<double>(rng.bits32() >> (32 - kSeedBits)),
                      static_cast<double>(rng.bits32() >> (32 - kSeedBits))};
      return std::nullopt;
    }
    return std::nullopt;  // no rectangle fits: nothing is erased
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    const auto names = draw_names();
    for (size_t i = 0; i < names.size(); ++i) {
      const double value = draw.values[i];
      if (value == std::floor(value) && value >= 0 && value < (1 << kSeedBits)) continue;
      throw ArgumentError("random_erasing: the drawn value '" + std::string(names[i]) +
                          "' must be a whole number from 0 to 8388607, got " + to_json(Value(value)) + ".");
    }
    if (draw.values[0] + draw.values[2] <= in.width && draw.values[1] + draw.values[3] <= in.height) return;
    throw ArgumentError("random_erasing: the drawn rectangle lies outside the image of " +
                        std::to_string(in.height) + " x " + std::to_string(in.width) + " pixels.");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    copy_pixels(in, out);
    if (!draw.applies) return;
    if (in.shape.dtype == DType::kUint8) {
      erase<uint8_t>(draw, out);
    } else {
      erase<float>(draw, out);
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    copy_pixels(in, out);
    if (!draw.applies) return;
    const Rect rect = rect_of(draw);
    uint64_t at = 0;
    for (int y = rect.y; y < rect.y + rect.height; ++y) {
      for (int x = rect.x; x < rect.x + rect.width; ++x) {
        for (int c = 0; c < in.channels(); ++c, ++at) {
          const float value =
              random_value_ ? normal_at(seed_of(draw), at) : static_cast<float>(for_channel(value_, c));
          if (in.shape.dtype == DType::kUint8) {
            out.row<uint8_t>(y)[x * in.channels() + c] = as_element<uint8_t>(value);
          } else {
            out.row<float>(y)[x * in.channels() + c] = value;
          }
        }
      }
    }
  }

 private:
  static Rect rect_of(const Draw& draw) {
    const auto at = [&](size_t i) { return static_cast<int>(draw.values[i]); };
    return {at(0), at(1), at(2), at(3)};
  }
  static uint64_t seed_of(const Draw& draw) {
    return static_cast<uint64_t>(draw.values[4]) | static_cast<uint64_t>(draw.values[5]) << kSeedBits;
  }

  template <class Element>
  void erase(const Draw& draw, const Image& out) const {
    const Rect rect = rect_of(draw);
    const size_t channels = static_cast<size_t>(out.channels());
    const size_t row_values = static_cast<size_t>(rect.width) * channels;
    std::vector<Element> row(row_values);
    for (size_t i = 0; i < row_values && !random_value_; ++i) {
      row[i] = as_element<Element>(static_cast<float>(for_channel(value_, static_cast<int>(i % channels))));
    }
    uint64_t at = 0;
    std::array<float, 4> four{};
    for (int y = 0; y < rect.height; ++y) {
      for (size_t i = 0; i < row_values && random_value_; ++i, ++at) {
        if (at % 4 == 0) four = next_four(seed_of(draw), at / 4);
        row[i] = as_element<Element>(four[at % 4]);
      }
      std::copy(row.begin(), row.end(),
                out.row<Element>(rect.y + y) + static_cast<size_t>(rect.x) * channels);
    }
  }

  static std::array<float, 4> next_four(uint64_t seed, uint64_t block) {
    const PhiloxBlock words =
        philox(seed, {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0});
    const auto [a, b] = normal_pair(words[0], words[1]);
    const auto [c, d] = normal_pair(words[2], words[3]);
    return {a, b, c, d};
  }

  std::vector<double> scale_ = {0.02, 0.33};
  std::vector<double> ratio_ = {0.3, 3.3};
  std::vector<double> value_ = {0};
  bool random_value_ = false;
  double p_ = 0.5;
};

const RegisterOperator<RandomErasing> kRegistered(
    "random_erasing", "Erase one random rectangle.",
    "(H, W, C) uint8 or float32 -> the same shape. After ten rectangles that do not fit nothing is erased. "
    "Pixels (random_value apart) equal torchvision's RandomErasing; masks, boxes and keypoints pass "
    "unchanged. "
    "Source: Zhong et al. 2017, \"Random Erasing Data Augmentation\".");

}  // namespace
}  // namespace stoker
