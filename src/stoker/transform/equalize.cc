// equalize: spreads the values so that each range of levels is equally frequent.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stoker/transform/color_reference.h"
#include "stoker/transform/color_ycrcb.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

constexpr std::array<const char*, 3> kModes = {"cv", "pil", "pillow"};

ByteTable unchanged() {
  return table_of([](uint8_t value) { return value; });
}

// OpenCV's equalizeHist.
ByteTable table_of_opencv(const uint32_t* counts) {
  const uint32_t total = std::accumulate(counts, counts + 256, 0u);
  const auto first =
      static_cast<size_t>(std::find_if(counts, counts + 256, [](uint32_t n) { return n > 0; }) - counts);
  if (first == 256 || counts[first] == total) return unchanged();
  const float scale = 255.0f / static_cast<float>(total - counts[first]);
  ByteTable table{};
  uint32_t sum = 0;
  for (size_t value = first + 1; value < 256; ++value) {
    sum += counts[value];
    table[value] = cut_to_byte(std::nearbyint(static_cast<float>(sum) * scale));
  }
  return table;
}

// Pillow's rule, which torchvision's tensors follow too; Albumentations counts a value's own pixels in.
ByteTable table_of_pillow(const uint32_t* counts, bool counts_itself) {
  uint32_t total = 0;
  uint32_t last = 0;
  for (size_t value = 0; value < 256; ++value) {
    total += counts[value];
    if (counts[value] > 0) last = counts[value];
  }
  const uint32_t step = (total - last) / 255;
  if (step == 0) return unchanged();
  ByteTable table{};
  uint32_t sum = step / 2;
  for (size_t value = 0; value < 256; ++value) {
    const uint32_t with = sum + counts[value];
    table[value] = static_cast<uint8_t>(std::min((counts_itself ? with : sum) / step, 255u));
    sum = with;
  }
  return table;
}

class Equalize : public HistogramOperator {
 public:
  OperatorClass operator_class() const override {
    return by_channels_ ? OperatorClass::kReducedTable : OperatorClass::kPoint;
  }
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("mode", mode_, {kModes.begin(), kModes.end()},
                   "Whose rule: 'cv' and 'pil' as Albumentations names its two, 'pillow' as Pillow and "
                   "torchvision.");
    visitor.boolean("by_channels", by_channels_,
                    "Whether each channel is spread by itself; otherwise the brightness (Y of YCrCb) is.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    std::vector<std::map<std::string, Value>> all = {{}};
    for (const char* mode : kModes) {
      all.push_back({{"mode", std::string(mode)}, {"p", 1.0}});
      all.push_back({{"mode", std::string(mode)}, {"by_channels", false}, {"p", 1.0}});
    }
    return all;
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_gray_or_rgb("equalize", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    if (by_channels_) HistogramOperator::observe(in, table, draw);
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (by_channels_) return HistogramOperator::apply(draw, in, out, scratch);
    if (!draw.applies) return copy_pixels(in, out);
    through_bytes(in, out, [this](const ConstImage& from, const Image& to) { spread_fast(from, to); });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (by_channels_) return HistogramOperator::reference(draw, in, out);
    if (!draw.applies) return copy_pixels(in, out);
    through_bytes(in, out, [this](const ConstImage& from, const Image& to) {
      copy_pixels(from, to);
      spread_brightness(to);
    });
  }

 protected:
  ByteTable table_from(const uint32_t* counts, int) const override {
    return mode_ == "cv" ? table_of_opencv(counts) : table_of_pillow(counts, mode_ == "pil");
  }

 private:
  void spread_fast(const ConstImage& in, const Image& out) const {
    if (in.channels() == 1) return look_up(in, {table_from(histogram(in).data(), 0)}, out);
    const auto width = static_cast<size_t>(in.width());
    const size_t count = width * static_cast<size_t>(in.height());
    std::vector<uint8_t> planes(3 * count);
    uint8_t* const luma = planes.data();
    for (int y = 0; y < in.height(); ++y) {
      uint8_t* const row = luma + static_cast<size_t>(y) * width;
      rgb_to_ycrcb_row(in.row<uint8_t>(y), width, row, row + count, row + 2 * count);
    }
    const ImageShape shape{in.height(), in.width(), 1, DType::kUint8};
    const ByteTable table = table_from(histogram(packed_image(luma, shape)).data(), 0);
    look_up_row(luma, count, 1, {&table, 1}, luma);
    for (int y = 0; y < in.height(); ++y) {
      const uint8_t* const row = luma + static_cast<size_t>(y) * width;
      ycrcb_to_rgb_row(row, row + count, row + 2 * count, width, out.row<uint8_t>(y));
    }
  }

  void spread_brightness(const Image& image) const {
    if (image.channels() == 1) return look_up(image, {table_from(histogram(image).data(), 0)}, image);
    std::vector<uint32_t> counts(256);
    for_each_pixel(image, [&](uint8_t* pixel) {
      const Pixel ycrcb = rgb_to_ycrcb({pixel[0], pixel[1], pixel[2]});
      ++counts[ycrcb[0]];
      std::copy(ycrcb.begin(), ycrcb.end(), pixel);
    });
    const ByteTable table = table_from(counts.data(), 0);
    for_each_pixel(image, [&](uint8_t* pixel) {
      const Pixel rgb = ycrcb_to_rgb({table[pixel[0]], pixel[1], pixel[2]});
      std::copy(rgb.begin(), rgb.end(), pixel);
    });
  }

  template <class Change>
  static void for_each_pixel(const Image& image, Change change) {
    for (int y = 0; y < image.height(); ++y) {
      auto* pixel = image.row<uint8_t>(y);
      for (int x = 0; x < image.width(); ++x, pixel += 3) change(pixel);
    }
  }

  std::string mode_ = "cv";
  bool by_channels_ = true;
  double p_ = 0.5;
};

const RegisterOperator<Equalize> kRegistered(
    "equalize", "Equalize the histogram of each channel, or of the brightness.",
    "(H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3. Pixels equal Albumentations' "
    "Equalize and torchvision's RandomEqualize.");

}  // namespace
}  // namespace stoker
