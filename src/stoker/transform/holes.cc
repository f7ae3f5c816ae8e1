#include "stoker/transform/holes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "stoker/transform/fill.h"

namespace stoker {
namespace {

std::vector<Rect> holes_of(const Draw& draw) {
  std::vector<Rect> holes;
  holes.reserve(draw.list.size() / 4);
  for (size_t i = 0; i + 3 < draw.list.size(); i += 4) {
    const auto edge = [&](size_t side) { return static_cast<int>(draw.list[i + side]); };
    holes.push_back({edge(0), edge(1), edge(2) - edge(0), edge(3) - edge(1)});
  }
  return holes;
}

// 23 bits a number, so that a draw can be written by hand (numbers in it stay below 10,000,000).
constexpr int kSeedBits = 23;

uint64_t seed_of(const Draw& draw) {
  return static_cast<uint64_t>(draw.values[0]) | static_cast<uint64_t>(draw.values[1]) << kSeedBits;
}

// Random values of one hole: bits of Philox blocks in order, as many bytes a value as it needs.
class RandomValues {
 public:
  RandomValues(uint64_t seed, size_t hole) : seed_(seed), hole_(static_cast<uint32_t>(hole)) {}

  // 16 bytes from value `at` on, which is a multiple of 16 / the bytes a value takes.
  std::array<uint8_t, 16> block(uint64_t number) const {
    const PhiloxBlock words =
        philox(seed_, {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), hole_, 0});
    std::array<uint8_t, 16> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));
    return bytes;
  }

 private:
  uint64_t seed_;
  uint32_t hole_;
};

// In [0, 1), 24 bits.
float unit_float(const uint8_t* bytes) {
  const uint32_t bits = bytes[0] | bytes[1] << 8 | bytes[2] << 16;
  return static_cast<float>(bits) * 0x1p-24f;
}

// Turns `count` values' worth of random bytes into elements of the image in place.
void shape_values(DType dtype, uint8_t* bytes, size_t count) {
  if (dtype != DType::kFloat32) return;  // all bits of integers are as random as they come
  for (size_t i = 0; i < count; ++i) {
    const float value = unit_float(bytes + 4 * i);
    std::memcpy(bytes + 4 * i, &value, sizeof value);
  }
}

// A row of bytes at a time, from blocks of 16.
void fill_randomly(const RandomValues& random, const Rect& hole, const Image& out) {
  const size_t row_bytes = static_cast<size_t>(hole.width) * out.shape.pixel_bytes();
  const size_t left = static_cast<size_t>(hole.x) * out.shape.pixel_bytes();
  const size_t element = size_of(out.shape.dtype);
  uint64_t at = 0;
  std::array<uint8_t, 16> block{};
  for (int y = 0; y < hole.height; ++y) {
    uint8_t* to = out.row<uint8_t>(hole.y + y) + left;
    for (size_t done = 0; done < row_bytes;) {
      const size_t begin = at % block.size();
      if (begin == 0) {
        block = random.block(at / block.size());
        shape_values(out.shape.dtype, block.data(), block.size() / element);
      }
      const size_t count = std::min(block.size() - begin, row_bytes - done);
      std::memcpy(to + done, block.data() + begin, count);
      done += count;
      at += count;
    }
  }
}

void fill_with(const std::vector<uint8_t>& pixel, const Rect& hole, const Image& out) {
  if (hole.width == 0 || hole.height == 0) return;
  const size_t left = static_cast<size_t>(hole.x) * pixel.size();
  const uint8_t* first = out.row<uint8_t>(hole.y) + left;
  repeat_pixel(pixel.data(), pixel.size(), static_cast<size_t>(hole.width), out.row<uint8_t>(hole.y) + left);
  for (int y = 1; y < hole.height; ++y) {
    std::memcpy(out.row<uint8_t>(hole.y + y) + left, first, static_cast<size_t>(hole.width) * pixel.size());
  }
}

std::vector<uint8_t> random_pixel(const RandomValues& random, const ImageShape& shape) {
  std::vector<uint8_t> pixel;
  for (uint64_t number = 0; pixel.size() < shape.pixel_bytes(); ++number) {
    auto block = random.block(number);
    shape_values(shape.dtype, block.data(), block.size() / size_of(shape.dtype));
    pixel.insert(pixel.end(), block.begin(), block.end());
  }
  pixel.resize(shape.pixel_bytes());
  return pixel;
}

// Byte `at` of the values of a hole, found alone.
uint8_t plain_random_byte(const RandomValues& random, DType dtype, uint64_t at) {
  const auto block = random.block(at / 16);
  if (dtype != DType::kFloat32) return block[at % 16];
  const auto bits = std::bit_cast<uint32_t>(unit_float(block.data() + at % 16 / 4 * 4));
  return static_cast<uint8_t>(bits >> (8 * (at % 4)));
}

}  // namespace

PlannedShape HoleOperator::plan(const PlannedShape& in) const {
  check_fill(owner(), fill_, in);
  const bool can_be_random =
      in.dtype == DType::kUint8 || in.dtype == DType::kUint16 || in.dtype == DType::kFloat32;
  if (fill_kind_ != "value" && !can_be_random) {
    throw ArgumentError(std::string(owner()) + ": fill_kind='" + fill_kind_ +
                        "' works on uint8, uint16 and float32 images, got " + std::string(name_of(in.dtype)) +
                        "; use fill_kind='value'.");
  }
  return in;
}

void HoleOperator::check_draw(const Draw& draw, const ImageShape& in) const {
  const std::string name(owner());
  for (const double part : {draw.values[0], draw.values[1]}) {
    if (part == std::floor(part) && part >= 0 && part < (1 << kSeedBits)) continue;
    throw ArgumentError(name + ": a draw's seeds must be whole numbers from 0 to 8388607, got " +
                        to_json(Value(part)) + ".");
  }
  if (draw.list.size() % 4 != 0) {
    throw ArgumentError(name + ": a draw's list must hold four numbers a hole, got " +
                        std::to_string(draw.list.size()) + " numbers.");
  }
  for (size_t i = 0; i < draw.list.size(); ++i) {
    const double edge = draw.list[i];
    const double low = i % 4 < 2 ? 0 : draw.list[i - 2];
    const int side = i % 2 == 0 ? in.width : in.height;
    if (edge == std::floor(edge) && edge >= low && edge <= side) continue;
    throw ArgumentError(name + ": the edges of a drawn hole must be whole pixels inside the image of " +
                        std::to_string(in.height) + " x " + std::to_string(in.width) + ", got " +
                        to_json(Value(edge)) + ".");
  }
}

void HoleOperator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  copy_pixels(in, out);
  if (!draw.applies) return;
  const std::vector<Rect> holes = holes_of(draw);
  if (fill_kind_ == "value") {
    const std::vector<uint8_t> pixel = filled_pixel(fill_, in.shape, FillRounding::kCut);
    for (const Rect& hole : holes) fill_with(pixel, hole, out);
    return;
  }
  const uint64_t seed = seed_of(draw);
  for (size_t i = 0; i < holes.size(); ++i) {
    const RandomValues random(seed, i);
    if (fill_kind_ == "random") {
      fill_randomly(random, holes[i], out);
    } else {
      fill_with(random_pixel(random, in.shape), holes[i], out);
    }
  }
}

void HoleOperator::apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                              ResizeScratch&) const {
  copy_pixels(in, out);
  if (!draw.applies || fill_mask_.empty()) return;
  const std::vector<uint8_t> pixel = filled_pixel(fill_mask_, in.shape, FillRounding::kCut);
  for (const Rect& hole : holes_of(draw)) fill_with(pixel, hole, out);
}

void HoleOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  copy_pixels(in, out);
  if (!draw.applies) return;
  const std::vector<Rect> holes = holes_of(draw);
  const std::vector<uint8_t> pixel = filled_pixel(fill_, in.shape, FillRounding::kCut);
  const size_t pixel_bytes = in.shape.pixel_bytes();
  for (size_t i = 0; i < holes.size(); ++i) {
    const RandomValues random(seed_of(draw), i);
    const Rect& hole = holes[i];
    for (int y = 0; y < hole.height; ++y) {
      for (int x = 0; x < hole.width; ++x) {
        uint8_t* to = out.row<uint8_t>(hole.y + y) + static_cast<size_t>(hole.x + x) * pixel_bytes;
        for (size_t b = 0; b < pixel_bytes; ++b) {
          const uint64_t at =
              (static_cast<uint64_t>(y) * static_cast<uint64_t>(hole.width) + static_cast<uint64_t>(x)) *
                  pixel_bytes +
              b;
          to[b] = fill_kind_ == "value"    ? pixel[b]
                  : fill_kind_ == "random" ? plain_random_byte(random, in.shape.dtype, at)
                                           : plain_random_byte(random, in.shape.dtype, b);
        }
      }
    }
  }
}

void HoleOperator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (!draw.applies || draw.list.empty()) return;
  shrink_boxes(holes_of(draw), min_area_, min_visibility_, in, boxes);
}

void HoleOperator::move_keypoints(const Draw& draw, const ImageShape&,
                                  std::vector<Keypoint>& keypoints) const {
  if (!draw.applies || !drops_keypoints_) return;
  const std::vector<Rect> holes = holes_of(draw);
  std::erase_if(keypoints, [&](const Keypoint& point) {
    return std::any_of(holes.begin(), holes.end(), [&](const Rect& hole) {
      return point.x >= hole.x && point.x < hole.x + hole.width && point.y >= hole.y &&
             point.y < hole.y + hole.height;
    });
  });
}

void HoleOperator::visit_fill(ParameterVisitor& visitor) {
  visitor.choice("fill_kind", fill_kind_, {"value", "random", "random_uniform"},
                 "'value' for fill, 'random' for a value of its own for every pixel and channel, "
                 "'random_uniform' for one random colour a hole.");
  visitor.numbers("fill", fill_, 1, 64, -1e6, 1e6, "levels",
                  "Value of the holes, one or one a channel; 0 to 255 on uint8 images, cut to whole levels.");
  visitor.numbers("fill_mask", fill_mask_, 0, 64, -1e6, 1e6, "levels",
                  "Value of the holes in masks, one or one a channel; none leaves masks as they are.");
  visitor.number("min_area", min_area_, 0, 1e12, "pixels",
                 "A box of which less stays visible is dropped: min_area of A.BboxParams.");
  visitor.number("min_visibility", min_visibility_, 0, 1, "of the box's area",
                 "A box of which less stays visible is dropped: min_visibility of A.BboxParams.");
  visitor.boolean("drop_keypoints", drops_keypoints_, "Drop keypoints inside holes.");
  visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
}

void HoleOperator::add_hole(int64_t left, int64_t top, int64_t width, int64_t height, Draw* draw) {
  for (const int64_t edge : {left, top, left + width, top + height})
    draw->list.push_back(static_cast<double>(edge));
}

void HoleOperator::draw_seed(Rng& rng, Draw* draw) {
  draw->values[0] = rng.bits32() >> (32 - kSeedBits);
  draw->values[1] = rng.bits32() >> (32 - kSeedBits);
}

void shrink_boxes(const std::vector<Rect>& holes, double min_area, double min_visibility,
                  const ImageShape& in, std::vector<Box>& boxes) {
  if (boxes.empty()) return;
  const auto width = static_cast<size_t>(in.width);
  std::vector<uint8_t> is_hidden(static_cast<size_t>(in.height) * width, 0);
  for (const Rect& hole : holes) {
    for (int y = hole.y; y < hole.y + hole.height; ++y) {
      std::fill_n(is_hidden.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(y) * width) + hole.x,
                  hole.width, uint8_t{1});
    }
  }
  const auto cut = [](double share, int side) { return static_cast<int64_t>(share * side); };
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    const int64_t left = cut(box.x_min, in.width), right = cut(box.x_max, in.width);
    const int64_t top = cut(box.y_min, in.height), bottom = cut(box.y_max, in.height);
    int64_t hidden = 0;
    int64_t least_x = right, greatest_x = left - 1, least_y = bottom, greatest_y = top - 1;
    for (int64_t y = std::max<int64_t>(top, 0); y < std::min<int64_t>(bottom, in.height); ++y) {
      const uint8_t* row = is_hidden.data() + static_cast<size_t>(y) * width;
      for (int64_t x = std::max<int64_t>(left, 0); x < std::min<int64_t>(right, in.width); ++x) {
        if (row[x] != 0) {
          ++hidden;
          continue;
        }
        least_x = std::min(least_x, x);
        greatest_x = std::max(greatest_x, x);
        least_y = std::min(least_y, y);
        greatest_y = y;
      }
    }
    const int64_t area = (right - left) * (bottom - top);
    const int64_t visible = area - hidden;
    const bool stays = visible > 0 && static_cast<double>(visible) >= min_area &&
                       static_cast<double>(visible) / static_cast<double>(area) >= min_visibility;
    if (!stays || greatest_x < least_x) continue;
    Box shrunk = box;
    shrunk.x_min = static_cast<double>(least_x) / in.width;
    shrunk.y_min = static_cast<double>(least_y) / in.height;
    shrunk.x_max = static_cast<double>(greatest_x + 1) / in.width;
    shrunk.y_max = static_cast<double>(greatest_y + 1) / in.height;
    shrunk.is_single = false;
    kept.push_back(shrunk);
  }
  boxes = std::move(kept);
}

}  // namespace stoker
