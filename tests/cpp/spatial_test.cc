#include "stoker/transform/spatial.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "scaffold.h"
#include "stoker/transform/geometry.h"

namespace stoker {
namespace {

using test::Pixels;

// Gives the region asked for inside an image in which every other pixel is something else.
class PoisoningReader : public RegionReader {
 public:
  explicit PoisoningReader(const Pixels& pixels) : pixels_(pixels), poisoned_(pixels) {
    for (uint8_t& byte : poisoned_.bytes) byte = static_cast<uint8_t>(~byte);
  }

  Failure read(const Rect& region, ConstImage* pixels) override {
    EXPECT_TRUE(asked_.empty()) << "asked twice";
    EXPECT_TRUE(is_inside(region, pixels_.shape.height, pixels_.shape.width));
    asked_.push_back(region);
    const Image window = to_window(poisoned_.view(), region);
    copy_pixels(pixels_.view().window(region), window);
    *pixels = window;
    return fails ? Failure(SampleError{SampleErrorCode::kCorrupt, "decode", "it is broken"}) : std::nullopt;
  }

  const std::vector<Rect>& asked() const { return asked_; }
  bool fails = false;

 private:
  static Image to_window(const Image& image, const Rect& region) {
    ImageShape shape = image.shape;
    shape.width = region.width;
    shape.height = region.height;
    return {image.row<uint8_t>(region.y) + region.x * image.shape.pixel_bytes(), shape, image.row_bytes};
  }

  const Pixels& pixels_;
  Pixels poisoned_;
  std::vector<Rect> asked_;
};

int between(std::mt19937& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

Geometry::Target random_target(std::mt19937& random) {
  Geometry::Target target{between(random, 1, 45), between(random, 1, 45), Resampler::kPillow,
                          Interpolation::kBilinear};
  do {
    target.resampler = static_cast<Resampler>(random() % 2);
    target.interpolation = static_cast<Interpolation>(random() % 8);
  } while (!supports(target.resampler, target.interpolation));
  return target;
}

// One crop, resize or flip, or several at once. Crops reach outside now and then, at times entirely.
Geometry random_geometry(const ImageShape& in, bool may_resize, std::mt19937& random) {
  Geometry geometry;
  const unsigned kind = random() % 4;
  if (kind == 0 || random() % 8 == 0) {
    if (random() % 3 != 0) {
      const int width = between(random, 1, in.width);
      const int height = between(random, 1, in.height);
      geometry.crop =
          Rect{between(random, 0, in.width - width), between(random, 0, in.height - height), width, height};
    } else {
      geometry.crop = Rect{between(random, -50, in.width + 5), between(random, -8, in.height + 5),
                           between(random, 1, 60), between(random, 1, 40)};
      if (random() % 2 == 0) geometry.fill = {1, 90, 180, 255};
    }
  }
  if (may_resize && (kind == 1 || random() % 8 == 0)) geometry.resize = random_target(random);
  geometry.flip_horizontal = kind == 2 || random() % 8 == 0;
  geometry.flip_vertical = kind == 3 || random() % 8 == 0;
  return geometry;
}

Pixels packed(const ConstImage& image) {
  Pixels out = test::blank(image.shape);
  copy_pixels(image, out.view());
  return out;
}

Pixels step_by_step(const Pixels& from, const std::vector<Geometry>& geometries) {
  ResizeScratch scratch;
  Pixels current = from;
  for (const Geometry& geometry : geometries) {
    const Pixels& before = current;
    Pixels after = test::blank(shape_of(geometry, current.shape));
    apply_geometry(geometry, before.view(), after.view(), scratch);
    current = std::move(after);
  }
  return current;
}

Pixels upright(const ConstImage& pixels, bool horizontal, bool vertical) {
  Pixels out = test::blank(pixels.shape);
  copy_flipped(pixels, horizontal, vertical, out.view());
  return out;
}

std::string text_of(const std::vector<Geometry>& geometries) {
  std::string text;
  const auto number = [](int value) { return " " + std::to_string(value); };
  for (const Geometry& g : geometries) {
    if (g.crop)
      text +=
          " crop" + number(g.crop->x) + number(g.crop->y) + number(g.crop->width) + number(g.crop->height);
    if (g.resize) {
      text += " " + std::string(name_of(g.resize->resampler)) + " " +
              std::string(name_of(g.resize->interpolation)) + number(g.resize->height) +
              number(g.resize->width);
    }
    text += std::string(g.flip_horizontal ? " h" : "") + (g.flip_vertical ? " v" : "") + ";";
  }
  return text;
}

TEST(Spatial, ChainsEqualTheirStepsDoneOneByOne) {
  std::mt19937 random(1);
  SpatialChain chain;  // one for all, as a thread uses it
  for (int round = 0; round < 4000; ++round) {
    const bool is_float = round % 8 == 7;
    const ImageShape shape{between(random, 1, 40), between(random, 1, 40), between(random, 1, 4),
                           is_float ? DType::kFloat32 : DType::kUint8};
    const Pixels pixels = test::random_pixels(shape, random);
    std::vector<Geometry> geometries;
    ImageShape so_far = shape;
    for (int i = between(random, 0, 6); i > 0; --i) {
      geometries.push_back(random_geometry(so_far, !is_float, random));
      so_far = shape_of(geometries.back(), so_far);
    }
    SCOPED_TRACE("round " + std::to_string(round) + ":" + text_of(geometries));

    PoisoningReader reader(pixels);
    if (round % 5 == 0) {
      chain.begin(pixels.view());
    } else {
      chain.begin(shape, &reader);
    }
    for (const Geometry& geometry : geometries) ASSERT_FALSE(chain.add(geometry));
    EXPECT_EQ(chain.shape(), so_far);
    ConstImage got;
    bool horizontal = false;
    bool vertical = false;
    if (round % 2 == 0) {
      ASSERT_FALSE(chain.finish(&got, &horizontal, &vertical));
    } else {
      ASSERT_FALSE(chain.finish_upright(&got));
    }
    ASSERT_EQ(upright(got, horizontal, vertical), step_by_step(pixels, geometries));
    if (HasFailure()) return;
  }
}

Geometry crop_of(const Rect& rect) {
  Geometry geometry;
  geometry.crop = rect;
  return geometry;
}

Geometry resize_to(int height, int width) {
  Geometry geometry;
  geometry.resize = Geometry::Target{height, width, Resampler::kOpencv, Interpolation::kBilinear};
  return geometry;
}

TEST(Spatial, ReadsOnlyWhatTheResultNeeds) {
  const Pixels pixels = test::noisy(100, 100, 3, 8);
  SpatialChain chain;
  PoisoningReader reader(pixels);
  chain.begin(pixels.shape, &reader);
  ASSERT_FALSE(chain.add(crop_of({10, 20, 50, 40})));
  ASSERT_FALSE(chain.add(resize_to(20, 25)));
  Geometry mirror;
  mirror.flip_horizontal = true;
  ASSERT_FALSE(chain.add(mirror));
  ASSERT_FALSE(chain.add(crop_of({0, 0, 5, 5})));  // of the mirrored image: the right end
  EXPECT_TRUE(reader.asked().empty());
  ConstImage got;
  bool horizontal = false;
  bool vertical = false;
  ASSERT_FALSE(chain.finish(&got, &horizontal, &vertical));
  EXPECT_TRUE(horizontal);
  EXPECT_FALSE(vertical);
  ASSERT_EQ(reader.asked().size(), 1u);
  const Rect region = reader.asked().front();
  EXPECT_GE(region.x, 48);
  EXPECT_LE(region.x + region.width, 60);
  EXPECT_GE(region.y, 20);
  EXPECT_LE(region.y + region.height, 32);
}

TEST(Spatial, PassesAFailureOfTheReaderOn) {
  const Pixels pixels = test::noisy(9, 9, 3, 8);
  SpatialChain chain;
  PoisoningReader reader(pixels);
  reader.fails = true;
  chain.begin(pixels.shape, &reader);
  ASSERT_FALSE(chain.add(resize_to(4, 4)));
  const Failure failure = chain.add(resize_to(5, 5));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, SampleErrorCode::kCorrupt);
  PoisoningReader second(pixels);  // the chain is good for the next image
  chain.begin(pixels.shape, &second);
  ConstImage got;
  ASSERT_FALSE(chain.finish_upright(&got));
  EXPECT_EQ(packed(got), pixels);
}

TEST(Spatial, FillsEachChannelWithItsValue) {
  Geometry geometry = crop_of({-1, -1, 4, 4});
  geometry.fill = {10, 20, 30, 40};
  std::mt19937 random(1);
  for (const DType dtype : {DType::kUint8, DType::kInt16, DType::kInt64, DType::kFloat32, DType::kFloat64}) {
    const Pixels pixels = test::random_pixels({2, 2, 5, dtype}, random);
    const Pixels out = step_by_step(pixels, {geometry});
    const test::Bytes values = test::stored_plainly(out.view(), false, false, Layout::kHwc, DType::kFloat32);
    const auto value = [&](int y, int x, int c) {
      float got;
      std::memcpy(&got, values.data() + static_cast<size_t>((y * 4 + x) * 5 + c) * 4, 4);
      return got;
    };
    for (int c = 0; c < 5; ++c) {
      for (const auto& [y, x] : {std::pair(0, 0), {0, 3}, {1, 0}, {2, 3}, {3, 2}}) {
        EXPECT_EQ(value(y, x, c), 10 * (c % 4 + 1)) << name_of(dtype);
      }
    }
    const ConstImage inside = std::as_const(out).view().window({1, 1, 2, 2});
    EXPECT_EQ(packed(inside), pixels);
  }
}

}  // namespace
}  // namespace stoker
