#include "stoker/transform/resample.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "stoker/base/error.h"

namespace stoker {
namespace {

constexpr Interpolation kAll[] = {
    Interpolation::kNearest, Interpolation::kNearestExact, Interpolation::kBilinear, Interpolation::kBicubic,
    Interpolation::kLanczos, Interpolation::kBox,          Interpolation::kHamming,  Interpolation::kArea};
constexpr Resampler kResamplers[] = {Resampler::kPillow, Resampler::kOpencv, Resampler::kTorch,
                                     Resampler::kTorchRounded};

// Each instruction set that is compiled and that this machine has.
std::vector<int64_t> targets() {
  std::vector<int64_t> found;
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  for (int bit = 0; bit < 63; ++bit) {
    if ((usable >> bit) & 1) found.push_back(int64_t{1} << bit);
  }
  return found;
}

class OnEachTarget : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

// An image in memory of exactly its size, so that a sanitizer sees each access outside.
struct Pixels {
  ImageShape shape;
  std::vector<uint8_t> bytes;

  explicit Pixels(const ImageShape& s) : shape(s), bytes(s.bytes()) {}
  ConstImage view() const { return packed_image(static_cast<const void*>(bytes.data()), shape); }
};

Pixels noise(int width, int height, int channels, std::mt19937& random) {
  Pixels image({height, width, channels, DType::kUint8});
  const bool extremes = random() % 4 == 0;  // rounding and clamping show most between 0 and 255
  for (uint8_t& byte : image.bytes) {
    byte = static_cast<uint8_t>(random());
    if (extremes) byte = byte < 128 ? 0 : 255;
  }
  return image;
}

std::string text_of(const Resize& r, int channels) {
  return std::string(name_of(r.resampler)) + " " + std::string(name_of(r.interpolation)) + " " +
         std::to_string(r.source_width) + "x" + std::to_string(r.source_height) + "x" +
         std::to_string(channels) + " -> " + std::to_string(r.width) + "x" + std::to_string(r.height) +
         " roi " + std::to_string(r.roi.x) + "," + std::to_string(r.roi.y) + " " +
         std::to_string(r.roi.width) + "x" + std::to_string(r.roi.height);
}

std::vector<uint8_t> reference(const Resize& resize, const Pixels& source, const Rect& region) {
  const ImageShape shape{resize.roi.height, resize.roi.width, source.shape.channels, DType::kUint8};
  std::vector<uint8_t> bytes(shape.bytes());
  resize_image_reference(resize, source.view().window(region), region,
                         packed_image(static_cast<void*>(bytes.data()), shape));
  return bytes;
}

// Resizes into rows with guard bytes behind them, from a copy of `region` alone.
std::vector<uint8_t> resized(const Resize& resize, const Pixels& source, const Rect& region,
                             ResizeScratch& scratch) {
  const int channels = source.shape.channels;
  Pixels part({region.height, region.width, channels, DType::kUint8});
  copy_pixels(source.view().window(region), packed_image(static_cast<void*>(part.bytes.data()), part.shape));
  const ImageShape shape{resize.roi.height, resize.roi.width, channels, DType::kUint8};
  constexpr uint8_t kGuard = 0xA5;
  constexpr size_t kGuards = 3;
  const size_t row_bytes = shape.row_bytes() + kGuards;
  std::vector<uint8_t> bytes(row_bytes * static_cast<size_t>(shape.height), kGuard);
  resize_image(resize, part.view(), region, Image{bytes.data(), shape, static_cast<ptrdiff_t>(row_bytes)},
               scratch);
  std::vector<uint8_t> pixels;
  for (int y = 0; y < shape.height; ++y) {
    const uint8_t* const row = bytes.data() + row_bytes * static_cast<size_t>(y);
    pixels.insert(pixels.end(), row, row + shape.row_bytes());
    for (size_t i = 0; i < kGuards; ++i) EXPECT_EQ(row[shape.row_bytes() + i], kGuard) << "behind row " << y;
  }
  return pixels;
}

Rect larger(const Rect& rect, int width, int height, std::mt19937& random) {
  const int left = static_cast<int>(random() % static_cast<unsigned>(rect.x + 1));
  const int top = static_cast<int>(random() % static_cast<unsigned>(rect.y + 1));
  const int right = rect.x + rect.width +
                    static_cast<int>(random() % static_cast<unsigned>(width - rect.x - rect.width + 1));
  const int bottom = rect.y + rect.height +
                     static_cast<int>(random() % static_cast<unsigned>(height - rect.y - rect.height + 1));
  return {left, top, right - left, bottom - top};
}

int in_range(std::mt19937& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
}

Resize random_resize(std::mt19937& random, int most) {
  Resize r;
  r.source_width = in_range(random, 1, most);
  r.source_height = in_range(random, 1, most);
  r.width = in_range(random, 1, most);
  r.height = in_range(random, 1, most);
  switch (random() % 8) {  // sizes with rules of their own
    case 0:
      r.source_width = 2 * r.width;
      r.source_height = 2 * r.height;
      break;
    case 1:
      r.source_width = in_range(random, 1, 5) * r.width;
      r.source_height = in_range(random, 1, 5) * r.height;
      break;
    case 2:
      r.width = r.source_width;
      break;
    case 3:
      r.height = r.source_height;
      break;
    default:
      break;
  }
  r.roi.x = in_range(random, 0, r.width - 1);
  r.roi.y = in_range(random, 0, r.height - 1);
  r.roi.width = in_range(random, 1, r.width - r.roi.x);
  r.roi.height = in_range(random, 1, r.height - r.roi.y);
  if (random() % 2 == 0) r.roi = {0, 0, r.width, r.height};
  return r;
}

void expect_reference(const Resize& resize, int channels, std::mt19937& random, ResizeScratch& scratch) {
  SCOPED_TRACE(text_of(resize, channels));
  const Pixels source = noise(resize.source_width, resize.source_height, channels, random);
  const Rect region = source_region(resize, scratch);
  ASSERT_TRUE(region.x >= 0 && region.y >= 0 && region.width > 0 && region.height > 0);
  ASSERT_TRUE(region.x + region.width <= resize.source_width &&
              region.y + region.height <= resize.source_height);
  const std::vector<uint8_t> expected = reference(resize, source, region);
  ASSERT_EQ(resized(resize, source, region, scratch), expected);
  ASSERT_EQ(
      resized(resize, source, larger(region, resize.source_width, resize.source_height, random), scratch),
      expected);
}

TEST_P(OnEachTarget, EqualsReferenceAtRandomSizes) {
  std::mt19937 random(1);
  ResizeScratch scratch;
  for (int round = 0; round < 60; ++round) {
    for (const Resampler resampler : kResamplers) {
      for (const Interpolation interpolation : kAll) {
        if (!supports(resampler, interpolation)) continue;
        Resize resize = random_resize(random, round < 40 ? 24 : 70);
        resize.resampler = resampler;
        resize.interpolation = interpolation;
        expect_reference(resize, 1 + round % 5, random, scratch);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(OnEachTarget, EqualsReferenceAtTheSizesOfTraining) {
  std::mt19937 random(2);
  ResizeScratch scratch;
  for (const Resampler resampler : kResamplers) {
    for (const int channels : {1, 3, 4}) {
      for (const auto& [width, height] :
           {std::pair{330, 250}, {151, 420}, {448, 448}, {90, 77}, {224, 301}}) {
        Resize resize;
        resize.resampler = resampler;
        resize.source_width = width;
        resize.source_height = height;
        resize.width = resize.height = 224;
        resize.roi = {0, 190, 224, 20};
        expect_reference(resize, channels, random, scratch);
        resize.roi = {201, 0, 23, 40};
        expect_reference(resize, channels, random, scratch);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(OnEachTarget, EqualsReferenceWithManyChannels) {
  std::mt19937 random(3);
  ResizeScratch scratch;
  for (const Resampler resampler : kResamplers) {
    for (const Interpolation interpolation : kAll) {
      if (!supports(resampler, interpolation)) continue;
      for (const int channels : {6, 7, 8, 12, 13, 15, 16, 17, 64}) {
        Resize resize = random_resize(random, 14);
        resize.resampler = resampler;
        resize.interpolation = interpolation;
        expect_reference(resize, channels, random, scratch);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(OnEachTarget, EqualsReferenceWhenShrinkingMuch) {
  std::mt19937 random(4);
  ResizeScratch scratch;
  for (const Resampler resampler : kResamplers) {
    for (const Interpolation interpolation : kAll) {
      if (!supports(resampler, interpolation)) continue;
      for (const auto& [width, height] : {std::pair{900, 5}, {7, 700}, {260, 200}, {49 * 6, 49}}) {
        Resize resize;
        resize.resampler = resampler;
        resize.interpolation = interpolation;
        resize.source_width = width;
        resize.source_height = height;
        resize.width = std::max(width / 49, 1);
        resize.height = std::max(height / 37, 1);
        resize.roi = {0, 0, resize.width, resize.height};
        expect_reference(resize, 1 + static_cast<int>(random() % 4), random, scratch);
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Resample, OnEachTarget, testing::ValuesIn(targets()),
                         [](const testing::TestParamInfo<int64_t>& info) {
                           std::string name = hwy::TargetName(info.param);
                           std::erase_if(name,
                                         [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
                           return name;
                         });

// Whether changing a pixel at the border of the region can change the result: else the region is too large.
TEST(SourceRegion, IsTight) {
  std::mt19937 random(5);
  ResizeScratch scratch;
  for (int round = 0; round < 300; ++round) {
    Resize resize = random_resize(random, 40);
    resize.resampler = kResamplers[round % 4];
    resize.interpolation = round % 8 < 4 ? Interpolation::kBilinear : Interpolation::kNearest;
    const Rect region = source_region(resize, scratch);
    SCOPED_TRACE(text_of(resize, 1));
    // One pixel may weigh too little to show in 8 bits, so a whole border goes from 0 to 255.
    const ImageShape shape{resize.source_height, resize.source_width, 1, DType::kUint8};
    const Rect borders[] = {{region.x, region.y, 1, region.height},
                            {region.x + region.width - 1, region.y, 1, region.height},
                            {region.x, region.y, region.width, 1},
                            {region.x, region.y + region.height - 1, region.width, 1}};
    int idle = 0;
    for (const Rect& border : borders) {
      Pixels dark(shape);
      Pixels lit(shape);
      for (int y = 0; y < border.height; ++y) {
        std::memset(lit.bytes.data() + (border.y + y) * shape.width + border.x, 255,
                    static_cast<size_t>(border.width));
      }
      const bool moves = resized(resize, lit, region, scratch) != resized(resize, dark, region, scratch);
      idle += moves ? 0 : 1;
    }
    // A border whose weights round to nothing in 8 bits is allowed, now and then.
    EXPECT_LE(idle, resize.interpolation == Interpolation::kNearest ? 0 : 2);
  }
}

TEST(SourceRegion, OfAWindowIsAWindow) {
  ResizeScratch scratch;
  Resize resize;
  resize.source_width = 1000;
  resize.source_height = 800;
  resize.width = 500;
  resize.height = 400;
  resize.roi = {100, 50, 224, 224};
  EXPECT_EQ(source_region(resize, scratch), (Rect{199, 99, 450, 450}));
  resize.resampler = Resampler::kOpencv;
  EXPECT_EQ(source_region(resize, scratch), (Rect{200, 100, 448, 448}));
  resize.interpolation = Interpolation::kNearest;
  EXPECT_EQ(source_region(resize, scratch), (Rect{200, 100, 447, 447}));
}

TEST(ResizeScratch, DoesNotGrowInASteadyLoop) {
  std::mt19937 random(6);
  ResizeScratch scratch;
  const Pixels source = noise(330, 250, 3, random);
  std::vector<uint8_t> out(224 * 224 * 3);
  Resize resize{Resampler::kPillow, Interpolation::kBilinear, 330, 250, 224, 224, {0, 0, 224, 224}};
  const Image view = packed_image(static_cast<void*>(out.data()), {224, 224, 3, DType::kUint8});
  resize_image(resize, source.view(), {0, 0, 330, 250}, view, scratch);
  const size_t taps = scratch.taps.capacity_bytes();
  const size_t plan = scratch.plan.capacity_bytes();
  const size_t rows = scratch.rows.capacity_bytes();
  resize_image(resize, source.view(), {0, 0, 330, 250}, view, scratch);
  EXPECT_EQ(scratch.taps.capacity_bytes(), taps);
  EXPECT_EQ(scratch.plan.capacity_bytes(), plan);
  EXPECT_EQ(scratch.rows.capacity_bytes(), rows);
  EXPECT_LT(taps + plan + rows, size_t{256} * 1024);  // stays in the second cache
}

TEST(Interpolation, NamesGoBothWays) {
  for (const Interpolation interpolation : kAll) {
    EXPECT_EQ(interpolation_from_name(name_of(interpolation)), interpolation);
  }
  for (const Resampler resampler : kResamplers) EXPECT_EQ(resampler_from_name(name_of(resampler)), resampler);
  EXPECT_THROW(interpolation_from_name("cubist"), ArgumentError);
  EXPECT_THROW(resampler_from_name(""), ArgumentError);
  EXPECT_FALSE(supports(Resampler::kPillow, Interpolation::kArea));
  EXPECT_FALSE(supports(Resampler::kOpencv, Interpolation::kHamming));
}

}  // namespace
}  // namespace stoker
