// color_jitter: random brightness, contrast, saturation and hue, in random order.

#include <algorithm>
#include <array>
#include <cmath>

#include "stoker/transform/color_hsv.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/gray.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/table.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

// Places in a Draw.
constexpr size_t kBrightness = 0;
constexpr size_t kContrast = 1;
constexpr size_t kContrastFirst = 2;
constexpr size_t kGrayMean = 3;
constexpr size_t kSaturation = 4;
constexpr size_t kHue = 5;
constexpr size_t kSaturationAt = 6;
constexpr size_t kHueAt = 7;

uint8_t brightened(uint8_t value, double factor) {
  return cut_to_byte(static_cast<float>(value) * static_cast<float>(factor));
}

uint8_t contrasted(Arithmetic arithmetic, uint8_t value, double mean, double factor) {
  const auto own = static_cast<float>(factor);
  const auto from = static_cast<float>(value);
  switch (arithmetic) {
    case Arithmetic::kPillow: {
      const auto to = static_cast<float>(mean);
      return cut_to_byte(to + own * (from - to));
    }
    case Arithmetic::kTorch:
      return cut_to_byte(std::fma(static_cast<float>(mean), static_cast<float>(1.0 - factor), from * own));
    default:
      if (factor == 0) return cut_to_byte(mean + 0.5);
      return cut_to_byte(from * own + static_cast<float>(mean * (1.0 - factor)));
  }
}

// What is kept of a sum of grey levels.
double gray_mean(Arithmetic arithmetic, uint64_t sum, double count) {
  switch (arithmetic) {
    case Arithmetic::kPillow:
      return std::floor(static_cast<double>(sum) / count + 0.5);
    case Arithmetic::kTorch:
      return static_cast<float>(sum) / static_cast<float>(count);
    default:
      return static_cast<double>(sum) / count;
  }
}

uint8_t pillow_hue_step(double turns) {
  return static_cast<uint8_t>(static_cast<int64_t>(turns * 255) & 255);
}

// `planes` through one table or one a channel.
void look_up_planes(const std::vector<ByteTable>& tables, PixelPlanes& planes) {
  constexpr size_t kStep = 64;  // whole vectors, which take no tail
  const size_t count = (planes.count + kStep - 1) / kStep * kStep;
  for (size_t c = 0; c < 3; ++c) {
    uint8_t* plane = planes.values[c];
    look_up_row(plane, count, 1, {&tables[tables.size() == 1 ? 0 : c], 1}, plane);
  }
}

uint64_t sum_of_levels(Arithmetic arithmetic, const PixelPlanes& planes) {
  std::array<uint8_t, PixelPlanes::kMaxPixels> levels;
  gray_levels(arithmetic, planes, levels.data());
  return sum_of_row(levels.data(), planes.count);
}

// The mean grey level of an image, looked up first in tables (as many as channels, one for all, or none).
double observed_mean(Arithmetic arithmetic, const ConstImage& in, const std::vector<ByteTable>& tables) {
  PixelPlanes planes;
  uint64_t sum = 0;
  for_each_stretch(in, [&](int y, size_t x, size_t count) {
    const uint8_t* from = in.row<uint8_t>(y);
    if (in.channels() == 3) {
      part_pixels(from + 3 * x, count, planes);
      if (!tables.empty()) look_up_planes(tables, planes);
      sum += sum_of_levels(arithmetic, planes);
      return;
    }
    if (!tables.empty()) {
      look_up_row(from + x, count, 1, tables, planes.values[0]);
      sum += sum_of_row(planes.values[0], count);
    } else {
      sum += sum_of_row(from + x, count);
    }
  });
  return gray_mean(arithmetic, sum, static_cast<double>(in.height()) * in.width());
}

// Planes kept in the memory of their pixels.
void keep(const PixelPlanes& planes, uint8_t* at) {
  for (const auto& plane : planes.values) at = std::copy_n(plane, planes.count, at);
}

void take(const uint8_t* at, size_t count, PixelPlanes& planes) {
  planes.count = count;
  for (auto& plane : planes.values) {
    std::copy_n(at, count, plane);
    at += count;
  }
}

// One of a chain of changes, with what it needs ready.
struct Change {
  size_t step;  // kSaturation, kHue, or another for a table
  double amount = 0;
  std::vector<ByteTable> table = {};
  HsvShift shift = {};
};

bool is_table(const Change& change) { return change.step != kSaturation && change.step != kHue; }

class ColorJitter : public Operator {
 public:
  // With colours untouched every value maps to one, once the mean grey level is known.
  OperatorClass operator_class() const override {
    if (changes(saturation_, 1) || changes(hue_, 0)) return OperatorClass::kPoint;
    return changes(contrast_, 1) ? OperatorClass::kReducedTable : OperatorClass::kTable;
  }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("brightness", brightness_, 2, 2, 0, 1e6, "as a factor",
                    "Least and greatest factor; (1, 1) for none.");
    visitor.numbers("contrast", contrast_, 2, 2, 0, 1e6, "as a factor",
                    "Least and greatest factor; (1, 1) for none.");
    visitor.numbers("saturation", saturation_, 2, 2, 0, 1e6, "as a factor",
                    "Least and greatest factor; (1, 1) for none.");
    visitor.numbers("hue", hue_, 2, 2, -0.5, 0.5, "turns", "Least and greatest shift; (0, 0) for none.");
    visitor.choice("arithmetic", arithmetic_, {"pillow", "torch", "opencv"},
                   "Whose arithmetic: 'pillow' and 'torch' as torchvision on Pillow images and on uint8 "
                   "tensors, 'opencv' as Albumentations.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    for (const auto* bounds : {&brightness_, &contrast_, &saturation_, &hue_}) {
      if ((*bounds)[0] <= (*bounds)[1]) continue;
      throw ArgumentError("color_jitter: a range must be (least, greatest), got (" +
                          to_json(Value((*bounds)[0])) + ", " + to_json(Value((*bounds)[1])) + ").");
    }
    rule_ = arithmetic_named(arithmetic_);
  }

  // Contrast comes before brightness or after; saturation is put at place 0 to 2 of these two, hue at place 0
  // to 3 of these three.
  std::vector<std::string_view> draw_names() const override {
    return {"brightness", "contrast", "contrast_first", "gray_mean",
            "saturation", "hue",      "saturation_at",  "hue_at"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    using List = std::vector<double>;
    std::vector<std::map<std::string, Value>> all = {
        {}, {{"brightness", List{1, 1}}}, {{"contrast", List{1, 1}}}, {{"p", 0.5}}};
    for (const char* arithmetic : {"pillow", "torch", "opencv"}) {
      all.push_back({{"arithmetic", std::string(arithmetic)}, {"contrast", List{0, 3}}});
      all.push_back({{"arithmetic", std::string(arithmetic)},
                     {"contrast", List{0, 3}},
                     {"saturation", List{0, 3}},
                     {"hue", List{-0.5, 0.5}}});
    }
    return all;
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype != DType::kUint8 || (in.channels != 0 && in.channels != 1 && in.channels != 3)) {
      throw ArgumentError("color_jitter: works on uint8 images of 1 or 3 channels, got " +
                          std::string(name_of(in.dtype)) + " of " + std::to_string(in.channels) + ".");
    }
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[kContrastFirst] = rng.coin(0.5) ? 1 : 0;
    draw->values[kBrightness] = rng.uniform(brightness_[0], brightness_[1]);
    draw->values[kContrast] = rng.uniform(contrast_[0], contrast_[1]);
    draw->values[kSaturation] = rng.uniform(saturation_[0], saturation_[1]);
    draw->values[kHue] = rng.uniform(hue_[0], hue_[1]);
    draw->values[kSaturationAt] = static_cast<double>(rng.uniform_int(0, 2));
    draw->values[kHueAt] = static_cast<double>(rng.uniform_int(0, 3));
    return std::nullopt;
  }

  // Of the table kinds: the mean as the contrast step will see it.
  void observe(const ConstImage& in, const ConstImage* table, Draw* draw) const override {
    if (!draw->applies || operator_class() != OperatorClass::kReducedTable) return;
    const bool brightens_before = draw->values[kContrastFirst] == 0 && changes(brightness_, 1);
    std::vector<ByteTable> tables;
    if (table != nullptr || brightens_before) {
      for (int c = 0; c < in.channels(); ++c) {
        tables.push_back(table_of([&](uint8_t value) {
          if (table != nullptr) value = table->row<uint8_t>(0)[value * in.channels() + c];
          return brightens_before ? brightened(value, draw->values[kBrightness]) : value;
        }));
      }
    }
    draw->values[kGrayMean] = observed_mean(rule_, in, tables);
  }

  // In one pass over the pixels, or two where contrast needs a mean that the first pass finds.
  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies) return copy_pixels(in, out);
    const bool is_one_row = can_be_one_row(in) && can_be_one_row(out);
    const ConstImage from = is_one_row ? in_one_row(in) : in;
    const Image to = is_one_row ? in_one_row(out) : out;
    std::vector<Change> chain;
    bool has_kept = false;  // whether `to` holds planes
    for (const size_t step : steps(draw, in.channels())) {
      double mean = draw.values[kGrayMean];
      if (step == kContrast && operator_class() == OperatorClass::kPoint) {
        const bool ends_in_table = !chain.empty() && is_table(chain.back());
        const size_t kept_count = chain.size() - (ends_in_table ? 1 : 0);
        mean = mean_after(chain, kept_count, from, to);
        has_kept = kept_count > 0;
        chain.erase(chain.begin(), chain.begin() + static_cast<ptrdiff_t>(kept_count));
      }
      add(step, draw.values[step], mean, chain);
    }
    if (!has_kept && chain.empty()) return copy_pixels(in, out);
    if (!has_kept && chain.size() == 1 && is_table(chain[0])) return look_up(in, chain[0].table, out);
    PixelPlanes planes;
    for_each_stretch(from, [&](int y, size_t x, size_t count) {
      uint8_t* at = to.row<uint8_t>(y) + 3 * x;
      if (has_kept) {
        take(at, count, planes);
      } else {
        part_pixels(from.row<uint8_t>(y) + 3 * x, count, planes);
      }
      for (const Change& change : chain) make(change, planes);
      join_pixels(planes, at);
    });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    copy_pixels(in, out);
    if (!draw.applies) return;
    for (const size_t step : steps(draw, in.channels())) {
      const double amount = draw.values[step];
      if (step == kSaturation || step == kHue) {
        change_colors(step, amount, out);
        continue;
      }
      double mean = draw.values[kGrayMean];
      if (step == kContrast && operator_class() == OperatorClass::kPoint) mean = plain_mean(out);
      map_values<uint8_t, uint8_t>(out, out, [&](uint8_t value, int) {
        return step == kBrightness ? brightened(value, amount) : contrasted(rule_, value, mean, amount);
      });
    }
  }

 private:
  static bool changes(const std::vector<double>& bounds, double neutral) {
    return bounds[0] != neutral || bounds[1] != neutral;
  }

  static ByteTable identity() {
    return table_of([](uint8_t value) { return value; });
  }

  // The steps to make, in their order. Grey images have no colour to change, and Albumentations leaves a hue
  // alone that does not turn.
  std::vector<size_t> steps(const Draw& draw, int channels) const {
    std::vector<size_t> order = {kBrightness, kContrast};
    if (draw.values[kContrastFirst] != 0) std::swap(order[0], order[1]);
    const auto put = [&](size_t step, double at) {
      order.insert(
          order.begin() + static_cast<ptrdiff_t>(std::clamp(at, 0.0, static_cast<double>(order.size()))),
          step);
    };
    put(kSaturation, draw.values[kSaturationAt]);
    put(kHue, draw.values[kHueAt]);
    std::erase_if(order, [&](size_t step) {
      if (step == kBrightness) return !changes(brightness_, 1);
      if (step == kContrast) return !changes(contrast_, 1);
      if (channels == 1) return true;
      if (step == kSaturation) return !changes(saturation_, 1);
      return !changes(hue_, 0) || (rule_ == Arithmetic::kOpenCv && draw.values[kHue] == 0);
    });
    return order;
  }

  // Adds a step to a chain; neighbouring tables become one.
  void add(size_t step, double amount, double mean, std::vector<Change>& chain) const {
    if (step == kSaturation) return chain.push_back({step, amount});
    if (step == kHue) return chain.push_back({step, amount, {}, hsv_shift(180 * amount, 0, 0)});
    if (chain.empty() || !is_table(chain.back())) chain.push_back({step, amount, {identity()}});
    for (uint8_t& value : chain.back().table[0])
      value = step == kBrightness ? brightened(value, amount) : contrasted(rule_, value, mean, amount);
  }

  void make(const Change& change, PixelPlanes& planes) const {
    if (is_table(change)) return look_up_planes(change.table, planes);
    if (change.step == kSaturation) return saturate(rule_, change.amount, planes);
    if (rule_ == Arithmetic::kTorch) return shift_hue_torch(static_cast<float>(change.amount), planes);
    if (rule_ == Arithmetic::kPillow) return shift_hue_pillow(pillow_hue_step(change.amount), planes);
    shift_hsv(change.shift, planes);
  }

  // The mean grey level after the chain, of whose changes the first `kept_count` are made for good: their
  // planes are kept in `to`. At most a table is left.
  double mean_after(const std::vector<Change>& chain, size_t kept_count, const ConstImage& from,
                    const Image& to) const {
    const std::vector<ByteTable> left =
        kept_count < chain.size() ? chain.back().table : std::vector<ByteTable>();
    if (kept_count == 0) return observed_mean(rule_, from, left);
    PixelPlanes planes;
    uint64_t sum = 0;
    for_each_stretch(from, [&](int y, size_t x, size_t count) {
      part_pixels(from.row<uint8_t>(y) + 3 * x, count, planes);
      for (size_t i = 0; i < kept_count; ++i) make(chain[i], planes);
      keep(planes, to.row<uint8_t>(y) + 3 * x);
      if (!left.empty()) look_up_planes(left, planes);
      sum += sum_of_levels(rule_, planes);
    });
    return gray_mean(rule_, sum, static_cast<double>(from.height()) * from.width());
  }

  void change_colors(size_t step, double amount, const Image& image) const {
    const ByteTable turned = hsv_shift(180 * amount, 0, 0).hue;
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        auto* at = image.row<uint8_t>(y) + 3 * static_cast<ptrdiff_t>(x);
        Pixel pixel = {at[0], at[1], at[2]};
        if (step == kSaturation) {
          const uint8_t gray = gray_level(rule_, pixel[0], pixel[1], pixel[2]);
          for (uint8_t& value : pixel) value = mixed(rule_, value, gray, amount);
        } else if (rule_ == Arithmetic::kTorch) {
          pixel = shift_hue_torch(pixel, static_cast<float>(amount));
        } else if (rule_ == Arithmetic::kPillow) {
          pixel = shift_hue_pillow(pixel, pillow_hue_step(amount));
        } else {
          Pixel hsv = rgb_to_hsv(pixel);
          hsv[0] = turned[hsv[0]];
          pixel = hsv_to_rgb(hsv, static_cast<size_t>(x) < hsv_cut_count(static_cast<size_t>(image.width())));
        }
        std::copy(pixel.begin(), pixel.end(), at);
      }
    }
  }

  double plain_mean(const ConstImage& image) const {
    uint64_t sum = 0;
    for (int y = 0; y < image.height(); ++y) {
      const auto* pixel = image.row<uint8_t>(y);
      for (int x = 0; x < image.width(); ++x, pixel += image.channels())
        sum += image.channels() == 1 ? pixel[0] : gray_level(rule_, pixel[0], pixel[1], pixel[2]);
    }
    return gray_mean(rule_, sum, static_cast<double>(image.height()) * image.width());
  }

  std::vector<double> brightness_ = {0.8, 1.2};
  std::vector<double> contrast_ = {0.8, 1.2};
  std::vector<double> saturation_ = {1, 1};
  std::vector<double> hue_ = {0, 0};
  std::string arithmetic_ = "pillow";
  Arithmetic rule_ = Arithmetic::kPillow;
  double p_ = 1;
};

const RegisterOperator<ColorJitter> kRegistered(
    "color_jitter", "Change brightness, contrast, saturation and hue by random amounts, in random order.",
    "(H, W, C) uint8 -> the same shape, C 1 or 3. Contrast is around the image's mean grey level, so the "
    "image is read once more. Pixels equal torchvision's ColorJitter and, with arithmetic='opencv', that of "
    "Albumentations; torch rounds the mean of more than 65793 pixels in an order of its own, which may move "
    "the contrast by one level.");

}  // namespace
}  // namespace stoker
