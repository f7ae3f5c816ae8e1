// channel_shuffle: the channels in a random order.

#include <cmath>
#include <cstring>

#include "stoker/transform/channel_rows.h"
#include "stoker/transform/operator.h"

namespace stoker {
namespace {

template <size_t kBytes>
void reorder(const std::vector<size_t>& order, const ConstImage& in, const Image& out) {
  const size_t channels = order.size();
  for (int y = 0; y < in.height(); ++y) {
    const auto* from = in.row<uint8_t>(y);
    auto* to = out.row<uint8_t>(y);
    for (int x = 0; x < in.width(); ++x, from += channels * kBytes, to += channels * kBytes) {
      for (size_t c = 0; c < channels; ++c) std::memcpy(to + c * kBytes, from + order[c] * kBytes, kBytes);
    }
  }
}

class ChannelShuffle : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kPoint; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }
  std::vector<std::map<std::string, Value>> examples() const override { return {{}, {{"p", 1.0}}}; }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->list.clear();
    for (int c = 0; c < in.channels; ++c) draw->list.push_back(c);
    for (size_t i = draw->list.size(); i > 1; --i) {
      const auto other = static_cast<size_t>(rng.uniform_int(0, static_cast<int64_t>(i) - 1));
      std::swap(draw->list[i - 1], draw->list[other]);
    }
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    std::vector<int> seen(static_cast<size_t>(in.channels), 0);
    for (const double channel : draw.list) {
      if (channel == std::floor(channel) && channel >= 0 && channel < in.channels)
        ++seen[static_cast<size_t>(channel)];
    }
    if (draw.list.size() == seen.size() && seen == std::vector<int>(seen.size(), 1)) return;
    throw ArgumentError("channel_shuffle: a draw's list must hold each channel from 0 to " +
                        std::to_string(in.channels - 1) + " once, got " + to_json(Value(draw.list)) + ".");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const std::vector<size_t> order(draw.list.begin(), draw.list.end());
    if (in.channels() == 3 && size_of(in.shape.dtype) == 1) {
      const std::array<int, 3> three = {static_cast<int>(order[0]), static_cast<int>(order[1]),
                                        static_cast<int>(order[2])};
      for (int y = 0; y < in.height(); ++y) {
        reorder_three_bytes(in.row<uint8_t>(y), static_cast<size_t>(in.width()), three, out.row<uint8_t>(y));
      }
      return;
    }
    switch (size_of(in.shape.dtype)) {
      case 1:
        return reorder<1>(order, in, out);
      case 2:
        return reorder<2>(order, in, out);
      case 4:
        return reorder<4>(order, in, out);
      default:
        return reorder<8>(order, in, out);
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const size_t element = size_of(in.shape.dtype);
    const auto at = [&](const auto& image, int y, int x, double channel) {
      return image.template row<uint8_t>(y) + static_cast<size_t>(x) * in.shape.pixel_bytes() +
             static_cast<size_t>(channel) * element;
    };
    for (int y = 0; y < in.height(); ++y) {
      for (int x = 0; x < in.width(); ++x) {
        for (int c = 0; c < in.channels(); ++c)
          std::memcpy(at(out, y, x, c), at(in, y, x, draw.list[static_cast<size_t>(c)]), element);
      }
    }
  }

 private:
  double p_ = 0.5;
};

const RegisterOperator<ChannelShuffle> kRegistered(
    "channel_shuffle", "Put the channels into a random order.",
    "(H, W, C) of any dtype -> the same shape. A draw's list names, for each channel, the one it comes from. "
    "Pixels equal Albumentations' ChannelShuffle.");

}  // namespace
}  // namespace stoker
