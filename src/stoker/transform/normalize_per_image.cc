// normalize_per_image: by each image's own mean and deviation, or least and greatest value.

#include <algorithm>
#include <cmath>

#include "stoker/transform/table.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

constexpr double kSmall = 1e-4;  // added to a divisor

// Sums over a channel, or over all.
struct Sums {
  double count = 0;
  double sum = 0;
  double squares = 0;
  double least = HUGE_VAL;
  double greatest = -HUGE_VAL;

  void add(double value, double times) {
    if (times == 0) return;
    count += times;
    sum += value * times;
    squares += value * value * times;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  double mean() const { return sum / count; }
};

class NormalizePerImage : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kReducedTable; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.choice("normalization", normalization_,
                   {"image", "image_per_channel", "min_max", "min_max_per_channel"},
                   "To mean 0 and deviation 1, or to least 0 and greatest 1, over the image or channel by "
                   "channel.");
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    std::vector<std::map<std::string, Value>> all;
    for (const char* kind : {"image", "image_per_channel", "min_max", "min_max_per_channel"})
      all.push_back({{"normalization", std::string(kind)}});
    return all;
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_bytes_or_floats("normalize_per_image", in, 64);
    PlannedShape out = in;
    out.dtype = DType::kFloat32;
    return out;
  }

  // The list holds what is subtracted and the divisor, channel by channel.
  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    const bool is_float = in.shape.dtype == DType::kFloat32;
    const bool by_channel = normalization_.ends_with("_per_channel") && in.channels() > 1;
    std::vector<Sums> sums(by_channel ? static_cast<size_t>(in.channels()) : 1);
    const auto sums_for = [&](int c) -> Sums& { return sums[by_channel ? static_cast<size_t>(c) : 0]; };
    std::vector<uint32_t> counts;
    if (is_float) {
      each_value(in, [&](double value, int c) { sums_for(c).add(value, 1); });
    } else {
      counts = histogram(in);
      for_counts(counts, table, in.channels(),
                 [&](double value, int c, double times) { sums_for(c).add(value, times); });
    }
    // The squares around the mean in a second round: whole numbers do without it.
    std::vector<double> around(sums.size());
    const auto add_around = [&](double value, int c, double times) {
      const Sums& own = sums_for(c);
      around[by_channel ? static_cast<size_t>(c) : 0] += times * (value - own.mean()) * (value - own.mean());
    };
    if (is_float) {
      each_value(in, [&](double value, int c) { add_around(value, c, 1); });
    } else {
      for_counts(counts, table, in.channels(), add_around);
    }
    draw->list.clear();
    for (int c = 0; c < in.channels(); ++c) {
      const Sums& own = sums_for(c);
      const double deviation = std::sqrt(around[by_channel ? static_cast<size_t>(c) : 0] / own.count);
      const bool centres = normalization_.starts_with("image");
      draw->list.push_back(centres ? own.mean() : own.least);
      draw->list.push_back(centres ? deviation + offset_of_deviation(is_float, by_channel)
                                   : own.greatest - own.least + offset_of_range(is_float, by_channel));
    }
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (in.shape.dtype != DType::kUint8) return reference(draw, in, out);
    std::vector<std::array<float, 256>> tables(static_cast<size_t>(in.channels()));
    for (size_t c = 0; c < tables.size(); ++c) {
      for (size_t value = 0; value < 256; ++value)
        tables[c][value] = normalized(draw, static_cast<double>(value), static_cast<int>(c));
    }
    map_values<uint8_t, float>(in, out,
                               [&](uint8_t value, int c) { return tables[static_cast<size_t>(c)][value]; });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (in.shape.dtype == DType::kUint8) {
      return map_values<uint8_t, float>(in, out,
                                        [&](uint8_t value, int c) { return normalized(draw, value, c); });
    }
    map_values<float, float>(in, out, [&](float value, int c) { return normalized(draw, value, c); });
  }

 private:
  // Albumentations leaves the small number out in two cases of float32 images.
  static double offset_of_deviation(bool is_float, bool by_channel) {
    return is_float && by_channel ? 0 : kSmall;
  }
  static double offset_of_range(bool is_float, bool by_channel) {
    return is_float && !by_channel ? 0 : kSmall;
  }

  template <class Visit>
  static void each_value(const ConstImage& in, Visit visit) {
    for (int y = 0; y < in.height(); ++y) {
      const float* value = in.row<float>(y);
      for (int x = 0; x < in.width(); ++x) {
        for (int c = 0; c < in.channels(); ++c) visit(static_cast<double>(*value++), c);
      }
    }
  }

  template <class Visit>
  static void for_counts(const std::vector<uint32_t>& counts, const ConstImage* table, int channels,
                         Visit visit) {
    for (int c = 0; c < channels; ++c) {
      for (int value = 0; value < 256; ++value) {
        const int at = value * channels + c;
        const double seen = table == nullptr ? value
                            : table->shape.dtype == DType::kUint8
                                ? table->row<uint8_t>(0)[at]
                                : static_cast<double>(table->row<float>(0)[at]);
        visit(seen, c, counts[static_cast<size_t>(256 * c + value)]);
      }
    }
  }

  static float normalized(const Draw& draw, double value, int c) {
    const size_t at = 2 * static_cast<size_t>(c);
    if (at + 1 >= draw.list.size()) return static_cast<float>(value);
    const double divisor = draw.list[at + 1];
    const double shifted = value - draw.list[at];
    if (divisor == 0) return 0;
    return static_cast<float>(std::clamp(shifted / divisor, -20.0, 20.0));
  }

  std::string normalization_ = "image";
};

const RegisterOperator<NormalizePerImage> kRegistered(
    "normalize_per_image", "Normalise each image by its own values.",
    "(H, W, C) uint8 or float32 -> (H, W, C) float32. Results equal those of Albumentations' Normalize with "
    "this normalization, rounded to float32; on float32 images to the last bits.");

}  // namespace
}  // namespace stoker
