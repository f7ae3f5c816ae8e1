// channel_dropout: random channels become one value.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "stoker/transform/fill.h"
#include "stoker/transform/operator.h"

namespace stoker {
namespace {

// A pattern over the bytes of a row lets one pass copy and drop, whatever the dtype.
void keep_and_fill(const uint8_t* in, const uint8_t* kept, const uint8_t* filled, size_t count,
                   uint8_t* out) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {  // a vector or two, said so that every compiler sees it
    std::array<uint64_t, 4> values, keep, fill;
    std::memcpy(values.data(), in + i, 32);
    std::memcpy(keep.data(), kept + i, 32);
    std::memcpy(fill.data(), filled + i, 32);
    for (size_t k = 0; k < 4; ++k) values[k] = (values[k] & keep[k]) | fill[k];
    std::memcpy(out + i, values.data(), 32);
  }
  for (; i < count; ++i) out[i] = static_cast<uint8_t>((in[i] & kept[i]) | filled[i]);
}

class ChannelDropout : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kPoint; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("channel_drop_range", range_, 2, 2, 1, 63, "channels",
                    "Least and greatest number of channels that are dropped; one channel must stay.");
    visitor.number("fill", fill_, -1e6, 1e6, "levels",
                   "Value of dropped channels; 0 to 255 on uint8 images, cut to whole levels.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    const bool is_whole = range_[0] == std::floor(range_[0]) && range_[1] == std::floor(range_[1]);
    if (is_whole && range_[0] <= range_[1]) return;
    throw ArgumentError(
        "channel_dropout: channel_drop_range must be (least, greatest) in whole numbers, got " +
        to_json(Value(range_)) + ".");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}, {"fill", 9.0}},
            {{"channel_drop_range", std::vector<double>{1, 2}}, {"fill", 200.0}, {"p", 0.8}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_fill("channel_dropout", {fill_}, in);
    if (in.channels > 0 && range_[1] >= in.channels) {
      throw ArgumentError("channel_dropout: channel_drop_range drops up to " + to_json(Value(range_[1])) +
                          " of " + std::to_string(in.channels) + " channels; one must stay.");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->list.clear();
    if (draw->applies && range_[1] >= in.channels) {
      return SampleError{SampleErrorCode::kShape, "channel_dropout",
                         "the image has " + std::to_string(in.channels) + " channels, of which up to " +
                             to_json(Value(range_[1])) + " were to be dropped",
                         "lower channel_drop_range: one channel must stay"};
    }
    const auto count = std::min<int64_t>(
        rng.uniform_int(static_cast<int64_t>(range_[0]), static_cast<int64_t>(range_[1])), in.channels);
    std::vector<double> channels(static_cast<size_t>(in.channels));
    for (size_t c = 0; c < channels.size(); ++c) channels[c] = static_cast<double>(c);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t other = rng.uniform_int(i, in.channels - 1);
      std::swap(channels[static_cast<size_t>(i)], channels[static_cast<size_t>(other)]);
      draw->list.push_back(channels[static_cast<size_t>(i)]);
    }
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    for (const double channel : draw.list) {
      if (channel == std::floor(channel) && channel >= 0 && channel < in.channels) continue;
      throw ArgumentError("channel_dropout: a draw's list must hold channels from 0 to " +
                          std::to_string(in.channels - 1) + ", got " + to_json(Value(channel)) + ".");
    }
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const size_t element = size_of(in.shape.dtype);
    const std::vector<uint8_t> filled = filled_pixel({fill_}, in.shape, FillRounding::kCut);
    std::vector<uint8_t> keep(filled.size(), 0xFF);
    std::vector<uint8_t> add(filled.size(), 0);
    for (const double number : draw.list) {
      const size_t begin = static_cast<size_t>(number) * element;
      for (size_t b = begin; b < begin + element; ++b) {
        keep[b] = 0;
        add[b] = filled[b];
      }
    }
    const auto width = static_cast<size_t>(in.width());
    std::vector<uint8_t> keep_row(in.shape.row_bytes());
    std::vector<uint8_t> add_row(in.shape.row_bytes());
    repeat_pixel(keep.data(), keep.size(), width, keep_row.data());
    repeat_pixel(add.data(), add.size(), width, add_row.data());
    for (int y = 0; y < in.height(); ++y) {
      keep_and_fill(in.row<uint8_t>(y), keep_row.data(), add_row.data(), keep_row.size(),
                    out.row<uint8_t>(y));
    }
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    copy_pixels(in, out);
    if (!draw.applies) return;
    const size_t element = size_of(in.shape.dtype);
    const std::vector<uint8_t> pixel = filled_pixel({fill_}, in.shape, FillRounding::kCut);
    for (int y = 0; y < in.height(); ++y) {
      for (int x = 0; x < in.width(); ++x) {
        for (int c = 0; c < in.channels(); ++c) {
          if (std::find(draw.list.begin(), draw.list.end(), c) == draw.list.end()) continue;
          std::memcpy(
              out.row<uint8_t>(y) + static_cast<size_t>(x) * pixel.size() + static_cast<size_t>(c) * element,
              pixel.data() + static_cast<size_t>(c) * element, element);
        }
      }
    }
  }

 private:
  std::vector<double> range_ = {1, 1};
  double fill_ = 0;
  double p_ = 0.5;
};

const RegisterOperator<ChannelDropout> kRegistered(
    "channel_dropout", "Set random channels to one value.",
    "(H, W, C) of any dtype, at least 2 channels -> the same shape. A draw's list names the channels. Pixels "
    "equal Albumentations' ChannelDropout.");

}  // namespace
}  // namespace stoker
