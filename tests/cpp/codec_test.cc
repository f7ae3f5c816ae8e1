// The codecs as operators and packing see them.
#include "stoker/base/codec.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scaffold.h"

namespace stoker {
namespace {

using test::Pixels;

// A slope in every channel, so that a lossy codec comes close.
Pixels slopes(int height, int width, int channels) {
  Pixels pixels = test::blank({height, width, channels, DType::kUint8});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c)
        pixels.bytes[static_cast<size_t>((y * width + x) * channels + c)] =
            static_cast<uint8_t>((c == 0   ? 2 * x
                                  : c == 1 ? 2 * y
                                           : x + y) &
                                 0xff);
    }
  }
  return pixels;
}

int largest_difference(const Pixels& a, const Pixels& b) {
  int largest = 0;
  for (size_t i = 0; i < a.bytes.size(); ++i)
    largest = std::max(largest, std::abs(int{a.bytes[i]} - int{b.bytes[i]}));
  return largest;
}

Pixels around(const Pixels& pixels, const JpegSettings& settings, std::vector<uint8_t>& bytes) {
  encode_jpeg(pixels.view(), settings, bytes);
  Pixels out = test::blank(pixels.shape);
  decode_encoded(bytes, settings.order, out.view());
  return out;
}

TEST(Codec, JpegComesBackInTheSameChannels) {
  std::vector<uint8_t> bytes = {1, 2, 3};  // replaced
  for (const int channels : {1, 3}) {
    const Pixels pixels = slopes(40, 56, channels);
    for (const ChannelOrder order : {ChannelOrder::kRgb, ChannelOrder::kBgr}) {
      const Pixels out = around(pixels, {95, ChromaSubsampling::kNone, order}, bytes);
      EXPECT_LE(largest_difference(pixels, out), 6) << channels;
      EXPECT_EQ(bytes[0], 0xff);
      EXPECT_EQ(bytes[1], 0xd8);
    }
  }
}

// The first component's sampling factors, from the frame header.
int sampling_of(const std::vector<uint8_t>& bytes) {
  for (size_t i = 2; i + 12 < bytes.size(); i += 2 + static_cast<size_t>(bytes[i + 2] * 256 + bytes[i + 3])) {
    if (bytes[i + 1] == 0xc0) return bytes[i + 11];
  }
  return -1;
}

TEST(Codec, JpegHasTheSubsamplingAsked) {
  const Pixels pixels = slopes(16, 16, 3);
  std::vector<uint8_t> bytes;
  for (const auto& [subsampling, factors] : {std::pair(ChromaSubsampling::kNone, 0x11),
                                             {ChromaSubsampling::kHalf, 0x21},
                                             {ChromaSubsampling::kQuarter, 0x22}}) {
    encode_jpeg(pixels.view(), {90, subsampling, ChannelOrder::kRgb}, bytes);
    EXPECT_EQ(sampling_of(bytes), factors);
  }
}

TEST(Codec, LowerQualityTakesFewerBytes) {
  std::mt19937 random(1);
  const Pixels pixels = test::random_pixels({200, 300, 3, DType::kUint8}, random);  // several chunks of bytes
  std::vector<uint8_t> good;
  std::vector<uint8_t> bad;
  encode_jpeg(pixels.view(), {.quality = 95}, good);
  encode_jpeg(pixels.view(), {.quality = 10}, bad);
  EXPECT_GT(good.size(), 40'000u);
  EXPECT_LT(bad.size(), good.size() / 2);
  EXPECT_EQ(good[good.size() - 1], 0xd9);
}

TEST(Codec, TakesRowsThatAreApart) {
  const Pixels pixels = slopes(17, 23, 3);
  test::Guarded apart(pixels.shape);
  copy_pixels(pixels.view(), apart.view());
  std::vector<uint8_t> packed;
  std::vector<uint8_t> bytes;
  encode_jpeg(pixels.view(), {}, packed);
  encode_jpeg(apart.view(), {}, bytes);
  EXPECT_EQ(bytes, packed);
  encode_webp(pixels.view(), 80, ChannelOrder::kRgb, packed);
  encode_webp(apart.view(), 80, ChannelOrder::kRgb, bytes);
  EXPECT_EQ(bytes, packed);
  EXPECT_TRUE(apart.is_intact());
}

TEST(Codec, WebpComesBackInTheSameChannels) {
  const Pixels pixels = slopes(40, 56, 3);
  std::vector<uint8_t> bytes;
  for (const ChannelOrder order : {ChannelOrder::kRgb, ChannelOrder::kBgr}) {
    encode_webp(pixels.view(), 95, order, bytes);
    Pixels out = test::blank(pixels.shape);
    decode_encoded(bytes, order, out.view());
    EXPECT_LE(largest_difference(pixels, out), 24);
  }
}

TEST(Codec, RefusesWhatItCannotTake) {
  std::vector<uint8_t> bytes;
  const auto says = [&](const ImageShape& shape, int quality, const char* part) {
    const Pixels pixels = test::blank(shape);
    try {
      encode_jpeg(pixels.view(), {.quality = quality}, bytes);
      ADD_FAILURE() << part;
    } catch (const ArgumentError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  says({4, 4, 2, DType::kUint8}, 90, "4 x 4 x 2 uint8 was given, allowed are uint8 with 1 or 3 channels");
  says({4, 4, 3, DType::kUint16}, 90, "allowed are uint8");
  says({1, 65501, 1, DType::kUint8}, 90, "sides of 1 to 65500 pixels");
  says({4, 4, 3, DType::kUint8}, 0, "between 1 and 100, got 0");
  says({4, 4, 3, DType::kUint8}, 101, "got 101");
  EXPECT_THROW(encode_webp(test::blank({4, 4, 1, DType::kUint8}).view(), 90, ChannelOrder::kRgb, bytes),
               ArgumentError);
}

TEST(Codec, DecodesOnlyWhatWasEncoded) {
  const Pixels pixels = slopes(16, 16, 3);
  std::vector<uint8_t> bytes;
  encode_jpeg(pixels.view(), {}, bytes);
  Pixels other = test::blank({16, 17, 3, DType::kUint8});
  EXPECT_THROW(decode_encoded(bytes, ChannelOrder::kRgb, other.view()), InternalError);
  bytes.resize(bytes.size() / 2);
  Pixels out = test::blank(pixels.shape);
  EXPECT_THROW(decode_encoded(bytes, ChannelOrder::kRgb, out.view()), InternalError);
}

}  // namespace
}  // namespace stoker
