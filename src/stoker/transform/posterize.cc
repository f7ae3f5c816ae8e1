// posterize: keeps the highest bits of each value.

#include "stoker/transform/table.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

class Posterize : public ValueOperator {
 public:
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("num_bits", num_bits_, 1, 128, 0, 8, "bits",
                    "How many of the highest bits stay: one number, the least and the greatest of a random "
                    "one, or such a pair for each channel.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (num_bits_.size() == 1) num_bits_ = {num_bits_[0], num_bits_[0]};
    bool is_legal = num_bits_.size() % 2 == 0;
    for (size_t i = 0; i < num_bits_.size(); ++i) {
      is_legal = is_legal && num_bits_[i] == std::floor(num_bits_[i]);
      if (i % 2 == 1) is_legal = is_legal && num_bits_[i - 1] <= num_bits_[i];
    }
    if (is_legal) return;
    throw ArgumentError(
        "posterize: num_bits must be whole bits, as one number or pairs of (least, greatest), got " +
        to_json(Value(num_bits_)) + ".");
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("posterize", in, 64);
    if (!differs_by_channel() || in.channels == 0) return in;
    if (num_bits_.size() == 2 * static_cast<size_t>(in.channels)) return in;
    throw ArgumentError("posterize: num_bits is for " + std::to_string(num_bits_.size() / 2) +
                        " channels, the images have " + std::to_string(in.channels) +
                        "; give one pair for all or one a channel.");
  }

  // The list holds the bits, one number for all channels or one a channel.
  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    for (size_t i = 0; i < num_bits_.size(); i += 2) {
      draw->list.push_back(static_cast<double>(
          rng.uniform_int(static_cast<int64_t>(num_bits_[i]), static_cast<int64_t>(num_bits_[i + 1]))));
    }
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    const size_t count = draw.list.size();
    bool is_legal = count == (differs_by_channel() ? static_cast<size_t>(in.channels) : 1);
    for (const double bits : draw.list) is_legal = is_legal && bits >= 0 && bits <= 8;
    if (is_legal) return;
    throw ArgumentError("posterize: the drawn list must hold 0 to 8 bits, once or for each channel.");
  }

 protected:
  bool differs_by_channel() const override { return num_bits_.size() > 2; }

  uint8_t byte_of(const Draw& draw, uint8_t value, int c) const override {
    const int dropped = 8 - static_cast<int>(for_channel(draw.list, c));
    return static_cast<uint8_t>(value >> dropped << dropped);
  }

 private:
  std::vector<double> num_bits_ = {4};
  double p_ = 0.5;
};

const RegisterOperator<Posterize> kRegistered("posterize", "Keep the highest bits of each value.",
                                              "(H, W, C) uint8 or float32 (through 8 bits) -> the same "
                                              "shape. Pixels equal Albumentations' Posterize and "
                                              "torchvision's RandomPosterize.");

}  // namespace
}  // namespace stoker
