// auto_contrast: stretches each channel's values to the full range.

#include <algorithm>
#include <cmath>
#include <utility>

#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

constexpr std::array<const char*, 4> kMethods = {"cdf", "pil", "pillow", "torch"};

ByteTable unchanged() {
  return table_of([](uint8_t value) { return value; });
}

class AutoContrast : public HistogramOperator {
 public:
  bool is_random() const override { return p_ < 1; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("cutoff", cutoff_, 0, 100, "percent",
                   "Share of the darkest and of the lightest pixels that does not count, with methods 'cdf' "
                   "and 'pil'.");
    visitor.choice("method", method_, {kMethods.begin(), kMethods.end()},
                   "'cdf' (by frequency) and 'pil' (linear) as Albumentations names its two, 'pillow' and "
                   "'torch' as torchvision on Pillow images and on tensors.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (cutoff_ == 0 || method_ == "cdf" || method_ == "pil") return;
    throw ArgumentError("auto_contrast: cutoff is for methods 'cdf' and 'pil', got method '" + method_ +
                        "'.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    std::vector<std::map<std::string, Value>> all = {{}};
    for (const char* method : kMethods) all.push_back({{"method", std::string(method)}, {"p", 1.0}});
    all.push_back({{"cutoff", 5.0}, {"p", 1.0}});
    return all;
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("auto_contrast", in, 64);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    return std::nullopt;
  }

 protected:
  ByteTable table_from(const uint32_t* counts, int) const override {
    if (method_ == "pillow" || method_ == "torch") return full_stretch(counts);
    std::array<uint32_t, 256> used;
    std::copy(counts, counts + 256, used.begin());
    used[255] = 0;  // the histogram of Albumentations ends below 255
    const auto [low, high] = bounds_of(used);
    if (high <= low) return unchanged();
    return method_ == "cdf" ? by_frequency(used, low, high) : linear(low, high);
  }

 private:
  ByteTable full_stretch(const uint32_t* counts) const {
    int low = 0;
    int high = 255;
    while (low < 255 && counts[low] == 0) ++low;
    while (high > low && counts[high] == 0) --high;
    if (low == high) return unchanged();
    if (method_ == "torch") {
      const float step = static_cast<float>(high - low) * static_cast<float>(1.0 / 255.0);
      return table_of([&](uint8_t value) { return cut_to_byte(static_cast<float>(value - low) / step); });
    }
    const double scale = 255.0 / (high - low);
    const double offset = -low * scale;
    return table_of([&](uint8_t value) { return cut_to_byte(value * scale + offset); });
  }

  // The least and the greatest value that count.
  std::pair<int, int> bounds_of(const std::array<uint32_t, 256>& counts) const {
    uint64_t total = 0;
    for (const uint32_t count : counts) total += count;
    if (total == 0) return {0, 0};
    if (cutoff_ == 0) {
      int low = 0;
      int high = 255;
      while (counts[static_cast<size_t>(low)] == 0) ++low;
      while (counts[static_cast<size_t>(high)] == 0) --high;
      return {low, high};
    }
    const auto cut = static_cast<float>(static_cast<double>(total) * cutoff_ / 100.0);
    int low = 0;
    uint64_t sum = 0;
    for (int i = 0; i < 256; ++i) {
      sum += counts[static_cast<size_t>(i)];
      if (static_cast<float>(sum) < cut) continue;
      low = std::min(i + 1, 255);
      break;
    }
    int high = 255;
    sum = 0;
    for (int i = 255; i >= 0; --i) {
      sum += counts[static_cast<size_t>(i)];
      if (static_cast<float>(sum) < cut) continue;
      high = i;
      break;
    }
    return low > high ? std::pair(127, 127) : std::pair(low, high);
  }

  static ByteTable by_frequency(const std::array<uint32_t, 256>& counts, int low, int high) {
    uint64_t before = counts[static_cast<size_t>(low)];
    uint64_t total = 0;
    for (int i = low; i <= high; ++i) total += counts[static_cast<size_t>(i)];
    if (total == 0) return unchanged();
    const auto range = static_cast<float>(total - before);
    ByteTable table{};
    uint64_t sum = 0;
    for (int i = low; i < 256; ++i) {
      const auto at = static_cast<size_t>(i);
      if (i <= high) sum += counts[at];
      table[at] = i > high ? uint8_t{255}
                           : cut_to_byte(std::nearbyint(static_cast<float>(sum - before) * 255.0f / range));
    }
    return table;
  }

  static ByteTable linear(int low, int high) {
    const double scale = 255.0 / (high - low);
    return table_of([&](uint8_t value) { return cut_to_byte(std::nearbyint((value - low) * scale)); });
  }

  double cutoff_ = 0;
  std::string method_ = "cdf";
  double p_ = 0.5;
};

const RegisterOperator<AutoContrast> kRegistered("auto_contrast",
                                                 "Stretch the values of each channel to the full range.",
                                                 "(H, W, C) uint8 or float32 (through 8 bits) -> the same "
                                                 "shape. Pixels equal Albumentations' AutoContrast "
                                                 "and torchvision's RandomAutocontrast.");

}  // namespace
}  // namespace stoker
