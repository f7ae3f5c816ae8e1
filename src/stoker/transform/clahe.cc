// clahe: contrast-limited adaptive histogram equalization of the lightness.

#include <algorithm>
#include <cmath>

#include "stoker/transform/color_lab.h"
#include "stoker/transform/color_reference.h"
#include "stoker/transform/value_operator.h"

namespace stoker {
namespace {

// One plane of bytes.
struct Plane {
  const uint8_t* values;
  int height;
  int width;

  const uint8_t* row(int y) const { return values + static_cast<ptrdiff_t>(y) * width; }
};

// A place outside, mirrored at the border pixel.
int mirrored(int at, int length) {
  if (length == 1) return 0;
  while (at < 0 || at >= length) at = at < 0 ? -at : 2 * (length - 1) - at;
  return at;
}

// Whole numbers up to 2^22 to the nearest, halves to even, without a call.
float to_nearest(float value) {
  constexpr float kBorder = 12582912.0f;  // 1.5 * 2^23: above it float32 has no fractions
  return (value + kBorder) - kBorder;
}

using FloatTable = std::array<float, 256>;

// Of a column or a row: the tiles on both sides of it and the share of the second.
struct Between {
  int first;
  int second;
  float share;
};

std::vector<Between> places_between(int length, int tile_length, int tiles) {
  std::vector<Between> all(static_cast<size_t>(length));
  const float inverse = 1.0f / static_cast<float>(tile_length);
  for (int i = 0; i < length; ++i) {
    const float at = static_cast<float>(i) * inverse - 0.5f;
    const int first = static_cast<int>(std::floor(at));
    all[static_cast<size_t>(i)] = {std::max(first, 0), std::min(first + 1, tiles - 1),
                                   at - static_cast<float>(first)};
  }
  return all;
}

// The table of each tile, and where tiles meet.
class Tiles {
 public:
  Tiles(const Plane& plane, int rows, int columns, double clip_limit) : rows_(rows), columns_(columns) {
    // OpenCV pads both axes when one needs it, an axis that fits by a whole number of tiles.
    const bool fits = plane.height % rows == 0 && plane.width % columns == 0;
    height_ = (plane.height + (fits ? 0 : rows - plane.height % rows)) / rows;
    width_ = (plane.width + (fits ? 0 : columns - plane.width % columns)) / columns;
    const int64_t area = static_cast<int64_t>(height_) * width_;
    limit_ = std::max<int64_t>(static_cast<int64_t>(clip_limit * static_cast<double>(area) / 256), 1);
    scale_ = 255.0f / static_cast<float>(area);
    tables_.resize(static_cast<size_t>(rows) * static_cast<size_t>(columns));
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < columns; ++x) fill(plane, y, x);
    }
  }

  int height() const { return height_; }
  int width() const { return width_; }
  const FloatTable* row(int y) const { return tables_.data() + static_cast<ptrdiff_t>(y) * columns_; }

 private:
  void fill(const Plane& plane, int tile_y, int tile_x) {
    std::array<std::array<int32_t, 256>, 2> counts{};
    const int left = tile_x * width_;
    const int inside = std::clamp(plane.width - left, 0, width_);
    for (int y = tile_y * height_; y < (tile_y + 1) * height_; ++y) {
      const uint8_t* row = plane.row(mirrored(y, plane.height));
      for (int x = 0; x < inside; ++x) ++counts[static_cast<size_t>(x & 1)][row[left + x]];
      for (int x = inside; x < width_; ++x) ++counts[0][row[mirrored(left + x, plane.width)]];
    }
    for (size_t i = 0; i < 256; ++i) counts[0][i] += counts[1][i];
    limit(counts[0]);
    FloatTable& table =
        tables_[static_cast<size_t>(tile_y) * static_cast<size_t>(columns_) + static_cast<size_t>(tile_x)];
    int32_t sum = 0;
    for (size_t i = 0; i < 256; ++i) {
      sum += counts[0][i];
      table[i] = std::clamp(to_nearest(static_cast<float>(sum) * scale_), 0.0f, 255.0f);
    }
  }

  // What stands above the limit is spread over all levels.
  void limit(std::array<int32_t, 256>& counts) const {
    int64_t above = 0;
    for (int32_t& count : counts) {
      if (count <= limit_) continue;
      above += count - limit_;
      count = static_cast<int32_t>(limit_);
    }
    const int64_t each = above / 256;
    int64_t rest = above - each * 256;
    for (int32_t& count : counts) count += static_cast<int32_t>(each);
    if (rest == 0) return;
    const auto step = static_cast<size_t>(std::max<int64_t>(256 / rest, 1));
    for (size_t i = 0; i < 256 && rest > 0; i += step, --rest) ++counts[i];
  }

  int rows_;
  int columns_;
  int height_ = 0;
  int width_ = 0;
  int64_t limit_ = 0;
  float scale_ = 0;
  std::vector<FloatTable> tables_;  // whole levels
};

// Each value through the tables of the four nearest tiles, by distance; in place.
void equalize_plane(uint8_t* values, int height, int width, int rows, int columns, double clip_limit) {
  const Tiles tiles({values, height, width}, rows, columns, clip_limit);
  const std::vector<Between> across = places_between(width, tiles.width(), columns);
  const std::vector<Between> down = places_between(height, tiles.height(), rows);
  for (int y = 0; y < height; ++y) {
    const Between& line = down[static_cast<size_t>(y)];
    const FloatTable* above = tiles.row(line.first);
    const FloatTable* below = tiles.row(line.second);
    const float upper_share = 1.0f - line.share;
    uint8_t* value = values + static_cast<ptrdiff_t>(y) * width;
    for (const Between& column : across) {
      const float first = 1.0f - column.share;
      const float upper = above[column.first][*value] * first + above[column.second][*value] * column.share;
      const float lower = below[column.first][*value] * first + below[column.second][*value] * column.share;
      const float level = to_nearest(upper * upper_share + lower * line.share);
      *value++ = static_cast<uint8_t>(std::clamp(static_cast<int>(level), 0, 255));
    }
  }
}

class Clahe : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("clip_limit", clip_limit_, 1, 2, 1, 1e6, "times the mean count",
                    "Least and greatest limit of a level's count; one number c means (1, c).");
    visitor.numbers("tile_grid_size", tile_grid_size_, 2, 2, 1, 256, "tiles",
                    "Number of tiles along the width and along the height.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (clip_limit_.size() == 1) clip_limit_ = {1, clip_limit_[0]};
    make_range("clahe", "clip_limit", clip_limit_);
    for (const double count : tile_grid_size_) {
      if (count != std::floor(count))
        throw ArgumentError("clahe: tile_grid_size must be whole tiles, got " + to_json(Value(count)) + ".");
    }
  }

  std::vector<std::string_view> draw_names() const override { return {"clip_limit"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"clip_limit", std::vector<double>{1, 40}},
             {"tile_grid_size", std::vector<double>{3, 5}},
             {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_gray_or_rgb("clahe", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(clip_limit_[0], clip_limit_[1]);
    return std::nullopt;
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const override {
    if (!draw.applies) return copy_pixels(in, out);
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) {
      const auto width = static_cast<size_t>(from.width());
      const size_t count = width * static_cast<size_t>(from.height());
      std::vector<uint8_t> planes(count * static_cast<size_t>(from.channels()));
      const auto row_of = [&](size_t plane, int y) {
        return planes.data() + plane * count + static_cast<size_t>(y) * width;
      };
      for (int y = 0; y < from.height(); ++y) {
        if (from.channels() == 1) {
          std::copy_n(from.row<uint8_t>(y), width, row_of(0, y));
        } else {
          rgb_to_lab_row(from.row<uint8_t>(y), width, row_of(0, y), row_of(1, y), row_of(2, y));
        }
      }
      equalize(draw, planes.data(), from);
      for (int y = 0; y < from.height(); ++y) {
        if (from.channels() == 1) {
          std::copy_n(row_of(0, y), width, to.row<uint8_t>(y));
        } else {
          lab_to_rgb_row(row_of(0, y), row_of(1, y), row_of(2, y), width, to.row<uint8_t>(y));
        }
      }
    });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    through_bytes(in, out, [&](const ConstImage& from, const Image& to) {
      std::vector<Pixel> pixels;
      std::vector<uint8_t> lightness;
      for (int y = 0; y < from.height(); ++y) {
        const auto* pixel = from.row<uint8_t>(y);
        for (int x = 0; x < from.width(); ++x, pixel += from.channels()) {
          if (from.channels() == 3) pixels.push_back(rgb_to_lab({pixel[0], pixel[1], pixel[2]}));
          lightness.push_back(from.channels() == 3 ? pixels.back()[0] : pixel[0]);
        }
      }
      equalize(draw, lightness.data(), from);
      size_t at = 0;
      for (int y = 0; y < from.height(); ++y) {
        auto* pixel = to.row<uint8_t>(y);
        for (int x = 0; x < from.width(); ++x, pixel += from.channels(), ++at) {
          if (from.channels() == 1) {
            *pixel = lightness[at];
            continue;
          }
          const Pixel rgb = lab_to_rgb({lightness[at], pixels[at][1], pixels[at][2]});
          std::copy(rgb.begin(), rgb.end(), pixel);
        }
      }
    });
  }

 private:
  void equalize(const Draw& draw, uint8_t* lightness, const ConstImage& image) const {
    equalize_plane(lightness, image.height(), image.width(), static_cast<int>(tile_grid_size_[1]),
                   static_cast<int>(tile_grid_size_[0]), draw.values[0]);
  }

  std::vector<double> clip_limit_ = {4};
  std::vector<double> tile_grid_size_ = {8, 8};
  double p_ = 0.5;
};

const RegisterOperator<Clahe> kRegistered(
    "clahe", "Equalize the histogram of the lightness around each pixel, with limited contrast.",
    "(H, W, C) uint8 or float32 (through 8 bits) -> the same shape, C 1 or 3; colours through L*a*b*. Pixels "
    "equal Albumentations' CLAHE.");

}  // namespace
}  // namespace stoker
