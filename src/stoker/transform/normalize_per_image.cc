// normalize_per_image: by each image's own mean and deviation, or least and greatest value.

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "stoker/transform/single.h"
#include "stoker/transform/table.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

constexpr double kSmall = 1e-4;     // added to a divisor
constexpr int kScalarChannels = 4;  // up to so many OpenCV computes with scalars, in float64

// Of a channel of bytes, or of all.
struct Sums {
  double count = 0;
  double sum = 0;
  double least = HUGE_VAL;
  double greatest = -HUGE_VAL;

  void add(double value, double times) {
    if (times == 0) return;
    count += times;
    sum += value * times;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  double mean() const { return sum / count; }
};

// The sum of of(value) in float32 as NumPy adds up: eight sums side by side in blocks of up to 128 values,
// and blocks in pairs.
template <class Of>
float pairwise_sum(const float* values, size_t count, const Of& of) {
  if (count < 8) {
    float sum = 0;
    for (size_t i = 0; i < count; ++i) sum += of(values[i]);
    return sum;
  }
  if (count <= 128) {
    std::array<float, 8> sums;
    for (size_t i = 0; i < 8; ++i) sums[i] = of(values[i]);
    const size_t whole = count - count % 8;
    for (size_t at = 8; at < whole; at += 8) {
      for (size_t i = 0; i < 8; ++i) sums[i] += of(values[at + i]);
    }
    float sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    for (size_t i = whole; i < count; ++i) sum += of(values[i]);
    return sum;
  }
  const size_t half = count / 2 - count / 2 % 8;
  return pairwise_sum(values, half, of) + pairwise_sum(values + half, count - half, of);
}

// The values of a float32 image side by side; copied to `copy` where rows are apart.
const float* dense_values(const ConstImage& in, std::vector<float>* copy) {
  const size_t row_count = static_cast<size_t>(in.width()) * static_cast<size_t>(in.channels());
  if (in.row_bytes == static_cast<ptrdiff_t>(row_count * sizeof(float))) return in.row<float>(0);
  copy->resize(row_count * static_cast<size_t>(in.height()));
  for (int y = 0; y < in.height(); ++y)
    std::copy_n(in.row<float>(y), row_count, copy->data() + static_cast<size_t>(y) * row_count);
  return copy->data();
}

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

  // The list holds two numbers a channel: what is subtracted and the divisor; what is added and the factor
  // for min_max of float32.
  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    draw->list.clear();
    if (in.shape.dtype == DType::kFloat32) return observe_floats(in, draw);
    const bool is_by_channel = by_channel(in);
    std::vector<Sums> sums(is_by_channel ? static_cast<size_t>(in.channels()) : 1);
    const auto place = [&](int c) { return is_by_channel ? static_cast<size_t>(c) : 0; };
    const std::vector<uint32_t> counts = histogram(in);
    for_counts(counts, table, in.channels(),
               [&](double value, int c, double times) { sums[place(c)].add(value, times); });
    std::vector<double> around(sums.size());
    for_counts(counts, table, in.channels(), [&](double value, int c, double times) {
      const double apart = value - sums[place(c)].mean();
      around[place(c)] += times * apart * apart;
    });
    for (int c = 0; c < in.channels(); ++c) {
      const Sums& own = sums[place(c)];
      draw->list.push_back(centres() ? own.mean() : own.least);
      draw->list.push_back((centres() ? std::sqrt(around[place(c)] / own.count) : own.greatest - own.least) +
                           kSmall);
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
    const size_t channels = static_cast<size_t>(in.channels());
    if (draw.list.size() < 2 * channels) return copy_pixels(in, out);
    const std::vector<float> numbers(draw.list.begin(), draw.list.end());
    const auto first = [&](int c) { return numbers[2 * static_cast<size_t>(c)]; };
    const auto second = [&](int c) { return numbers[2 * static_cast<size_t>(c) + 1]; };
    if (!centres() && !by_channel(in)) {
      map_values<float, float>(in, out,
                               [&](float value, int c) { return std::fma(value, second(c), first(c)); });
    } else if (centres() && in.channels() <= kScalarChannels) {
      map_values<float, float>(in, out, [&](float value, int c) {
        const auto apart = static_cast<double>(value - first(c));
        return cut(static_cast<float>(apart / draw.list[2 * static_cast<size_t>(c) + 1]));
      });
    } else {
      map_values<float, float>(in, out,
                               [&](float value, int c) { return cut((value - first(c)) / second(c)); });
    }
  }

 private:
  bool centres() const { return normalization_.starts_with("image"); }
  bool by_channel(const ConstImage& in) const {
    return normalization_.ends_with("_per_channel") && in.channels() > 1;
  }
  static float cut(float value) { return std::clamp(value, -20.0f, 20.0f); }

  // Sums and roundings as NumPy and OpenCV have them.
  void observe_floats(const ConstImage& in, Draw* draw) const {
    const auto channels = static_cast<size_t>(in.channels());
    const size_t count = channels * static_cast<size_t>(in.width()) * static_cast<size_t>(in.height());
    std::vector<float> copy;
    const float* values = dense_values(in, &copy);
    for (size_t c = 0; c < channels; ++c) {
      if (c > 0 && !by_channel(in)) {
        draw->list.insert(draw->list.end(), {draw->list[0], draw->list[1]});
      } else if (!centres()) {
        add_range(values + c, count, by_channel(in) ? channels : 1, draw);
      } else if (by_channel(in)) {
        add_channel(values + c, count, channels, draw);
      } else {
        add_whole(values, count, draw);
      }
    }
  }

  static void add_whole(const float* values, size_t count, Draw* draw) {
    const auto number = static_cast<float>(count);
    const float mean = pairwise_sum(values, count, [](float value) { return value; }) / number;
    const float around = pairwise_sum(values, count, [mean](float value) {
      const float apart = value - mean;
      return apart * apart;
    });
    draw->list.push_back(static_cast<double>(mean));
    draw->list.push_back(static_cast<double>(std::sqrt(around / number)) + kSmall);
  }

  // No small number is added to the divisor here: a channel of one value has none.
  static void add_channel(const float* values, size_t count, size_t stride, Draw* draw) {
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i += stride) {
      const auto value = static_cast<double>(values[i]);
      sum += value;
      squares += value * value;
    }
    const double share = 1 / static_cast<double>(count / stride);
    const double mean = sum * share;
    const double deviation = std::sqrt(std::max(squares * share - mean * mean, 0.0));
    draw->list.push_back(mean);
    draw->list.push_back(deviation > 0 ? deviation : HUGE_VAL);
  }

  // Over one channel of several, or (stride 1) over all values.
  static void add_range(const float* values, size_t count, size_t stride, Draw* draw) {
    float least = values[0];
    float greatest = values[0];
    for (size_t i = 0; i < count; i += stride) {
      least = std::min(least, values[i]);
      greatest = std::max(greatest, values[i]);
    }
    if (stride > 1) {
      draw->list.push_back(static_cast<double>(least));
      draw->list.push_back(static_cast<double>(greatest - least + static_cast<float>(kSmall)));
      return;
    }
    const double range = static_cast<double>(greatest) - static_cast<double>(least);
    const double factor = to_single(range > DBL_EPSILON ? 1 / range : 0);
    draw->list.push_back(-static_cast<double>(least) * factor);
    draw->list.push_back(factor);
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
    return cut(static_cast<float>((value - draw.list[at]) / draw.list[at + 1]));
  }

  std::string normalization_ = "image";
};

const RegisterOperator<NormalizePerImage> kRegistered(
    "normalize_per_image", "Normalise each image by its own values.",
    "(H, W, C) uint8 or float32 -> (H, W, C) float32. Results equal those of Albumentations' Normalize with "
    "this normalization, on uint8 (where it gives float64) rounded to float32. A float32 channel of one "
    "value is "
    "0 with image_per_channel, not NaN.");

}  // namespace
}  // namespace stoker
