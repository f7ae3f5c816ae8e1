// WebP: the pixels are libwebp's whole decode, whole and in part; animations give their first frame.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <cstring>

#include "encode.h"
#include "stoker/decode/decoder.h"

namespace stoker::test {
namespace {

const DecodeOptions kUnchanged{.color = Color::kUnchanged};

struct WebpKind {
  std::string name = {};
  int channels = 3;
  bool is_lossless = false;
  int quality = 80;
  bool has_simple_filter = false;
};

// RGB or RGBA.
Bytes encode_webp(const Pixels& pixels, const WebpKind& kind) {
  WebPConfig config;
  WebPConfigInit(&config);
  config.lossless = kind.is_lossless ? 1 : 0;
  config.exact = 1;
  config.quality = static_cast<float>(kind.quality);
  config.filter_type = kind.has_simple_filter ? 0 : 1;
  config.filter_strength = 80;
  config.method = 2;
  WebPPicture picture;
  WebPPictureInit(&picture);
  picture.width = pixels.shape.width;
  picture.height = pixels.shape.height;
  picture.use_argb = config.lossless;
  const auto stride = static_cast<int>(pixels.shape.row_bytes());
  if (kind.channels == 4) {
    WebPPictureImportRGBA(&picture, pixels.bytes.data(), stride);
  } else {
    WebPPictureImportRGB(&picture, pixels.bytes.data(), stride);
  }
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  EXPECT_TRUE(WebPEncode(&config, &picture)) << picture.error_code;
  Bytes bytes(writer.mem, writer.mem + writer.size);
  WebPMemoryWriterClear(&writer);
  WebPPictureFree(&picture);
  return bytes;
}

std::vector<WebpKind> webp_kinds() {
  return {{.name = "lossy"},
          {.name = "lossy, simple filter", .quality = 30, .has_simple_filter = true},
          {.name = "lossy, strong filter", .quality = 5},
          {.name = "lossy, alpha", .channels = 4},
          {.name = "lossless", .is_lossless = true},
          {.name = "lossless, alpha", .channels = 4, .is_lossless = true}};
}

Pixels picture(int height, int width, int channels) {
  Pixels pixels = wavy(height, width, channels);
  if (channels == 4) {
    for (size_t i = 3; i < pixels.bytes.size(); i += 4)
      pixels.bytes[i] = static_cast<uint8_t>(i / 16 % 3 * 127);
  }
  return pixels;
}

Pixels plain_webp(const Bytes& bytes, int channels) {
  int width = 0;
  int height = 0;
  uint8_t* data = channels == 4 ? WebPDecodeRGBA(bytes.data(), bytes.size(), &width, &height)
                                : WebPDecodeRGB(bytes.data(), bytes.size(), &width, &height);
  Pixels pixels = blank({height, width, channels, DType::kUint8});
  std::copy(data, data + pixels.bytes.size(), pixels.bytes.begin());
  WebPFree(data);
  return pixels;
}

uint8_t luma_601(int r, int g, int b) {
  return static_cast<uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) / 65536);
}

TEST(WebpDecode, EveryKindAndColour) {
  DecoderSet decoders;
  for (const WebpKind& kind : webp_kinds()) {
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{{1, 1}, {1, 7}, {33, 2}, {47, 61}}) {
      const Pixels pixels = picture(height, width, kind.channels);
      const Bytes bytes = encode_webp(pixels, kind);
      const Pixels rgb = plain_webp(bytes, 3);
      const Decoded decoded = decode_with(decoders, bytes);
      ASSERT_FALSE(decoded.failure) << kind.name << ": " << decoded.failure->message();
      ASSERT_TRUE(decoded.pixels == rgb) << kind.name;
      const Decoded bgr = decode_with(decoders, bytes, {.color = Color::kBgr});
      const Decoded gray = decode_with(decoders, bytes, {.color = Color::kGray});
      for (size_t i = 0; i < rgb.bytes.size(); i += 3) {
        ASSERT_EQ(bgr.pixels.bytes[i], rgb.bytes[i + 2]);
        ASSERT_EQ(bgr.pixels.bytes[i + 2], rgb.bytes[i]);
        ASSERT_EQ(gray.pixels.bytes[i / 3], luma_601(rgb.bytes[i], rgb.bytes[i + 1], rgb.bytes[i + 2]));
      }
      const Decoded unchanged = decode_with(decoders, bytes, kUnchanged);
      const bool has_alpha = unchanged.pixels.shape.channels == 4;
      EXPECT_EQ(has_alpha, kind.channels == 4);
      ASSERT_TRUE(unchanged.pixels == plain_webp(bytes, kind.channels)) << kind.name;
      if (kind.is_lossless) {
        ASSERT_TRUE(unchanged.pixels == pixels);
      }
    }
  }
}

void expect_regions(const WebpKind& kind, const DecodeOptions& options, int height, int width, int count) {
  DecoderSet decoders;
  const Bytes bytes = encode_webp(picture(height, width, kind.channels), kind);
  const Pixels whole = decode_with(decoders, bytes, options).pixels;
  uint32_t state = 23;
  for (int i = 0; i < count; ++i) {
    const Rect region = random_region(height, width, &state);
    const Decoded part = decode_with(decoders, bytes, options, &region);
    ASSERT_FALSE(part.failure) << kind.name << ": " << part.failure->message();
    ASSERT_TRUE(part.pixels == crop(whole, region)) << kind.name << " region " << region.x << "," << region.y
                                                    << " " << region.width << " x " << region.height;
  }
}

TEST(WebpDecode, EveryRectangleEqualsTheCrop) {
  constexpr int kWidth = 19;
  constexpr int kHeight = 18;
  DecoderSet decoders;
  for (const WebpKind& kind : webp_kinds()) {
    const Bytes bytes = encode_webp(picture(kHeight, kWidth, kind.channels), kind);
    const Pixels whole = decode_with(decoders, bytes, kUnchanged).pixels;
    for (int x = 0; x < kWidth; ++x) {
      for (int y = 0; y < kHeight; ++y) {
        for (int end_x = x + 1; end_x <= kWidth; ++end_x) {
          for (int end_y = y + 1; end_y <= kHeight; ++end_y) {
            if ((x + y + end_x + end_y) % 7 != 0 && end_x - x > 3 && end_y - y > 3) continue;
            const Rect region{x, y, end_x - x, end_y - y};
            const Decoded part = decode_with(decoders, bytes, kUnchanged, &region);
            ASSERT_FALSE(part.failure) << kind.name << ": " << part.failure->message();
            ASSERT_TRUE(part.pixels == crop(whole, region))
                << kind.name << " region " << x << "," << y << " " << region.width << " x " << region.height;
          }
        }
      }
    }
  }
}

TEST(WebpDecode, RegionsOfLargerImages) {
  for (const WebpKind& kind : webp_kinds()) {
    for (const Color color : {Color::kRgb, Color::kBgr, Color::kGray, Color::kUnchanged}) {
      ASSERT_NO_FATAL_FAILURE(expect_regions(kind, {.color = color}, 211, 150, 60));
    }
  }
}

// ---- containers made by hand ----

Bytes chunk(const std::string& name, const Bytes& data) {
  Bytes bytes(name.begin(), name.end());
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(data.size() >> (8 * i)));
  bytes.insert(bytes.end(), data.begin(), data.end());
  if (data.size() % 2 == 1) bytes.push_back(0);
  return bytes;
}

Bytes riff(const std::vector<Bytes>& chunks) {
  Bytes data = {'W', 'E', 'B', 'P'};
  for (const Bytes& part : chunks) data.insert(data.end(), part.begin(), part.end());
  return chunk("RIFF", data);
}

void put_u24(Bytes& to, int value) {
  for (int i = 0; i < 3; ++i) to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

constexpr uint8_t kAnimation = 2;
constexpr uint8_t kExif = 8;
constexpr uint8_t kAlpha = 16;

Bytes canvas(uint8_t flags, int width, int height) {
  Bytes data = {flags, 0, 0, 0};
  put_u24(data, width - 1);
  put_u24(data, height - 1);
  return chunk("VP8X", data);
}

// `image` is a file of one image; x and y are even.
Bytes frame(const Bytes& image, int x, int y, int width, int height) {
  Bytes data;
  put_u24(data, x / 2);
  put_u24(data, y / 2);
  put_u24(data, width - 1);
  put_u24(data, height - 1);
  put_u24(data, 100);
  data.push_back(0);
  Bytes inner(image.begin() + 12, image.end());
  if (std::memcmp(inner.data(), "VP8X", 4) == 0) inner.erase(inner.begin(), inner.begin() + 18);
  data.insert(data.end(), inner.begin(), inner.end());
  return chunk("ANMF", data);
}

TEST(WebpDecode, AnimationsGiveTheirFirstFrame) {
  DecoderSet decoders;
  for (const WebpKind& kind : webp_kinds()) {
    const uint8_t flags = kind.channels == 4 ? kAnimation | kAlpha : kAnimation;
    const Bytes first = encode_webp(picture(21, 30, kind.channels), kind);
    const Bytes second = encode_webp(picture(40, 50, kind.channels), kind);
    const Bytes bytes = riff({canvas(flags, 50, 40), chunk("ANIM", {1, 2, 3, 255, 0, 0}),
                              frame(first, 8, 6, 30, 21), frame(second, 0, 0, 50, 40)});
    Pixels expected = blank({40, 50, kind.channels, DType::kUint8});
    const Pixels image = plain_webp(first, kind.channels);
    for (int y = 0; y < 21; ++y) {
      std::memcpy(expected.view().row<uint8_t>(y + 6) + 8 * kind.channels, image.view().row<uint8_t>(y),
                  image.shape.row_bytes());
    }
    const Decoded decoded = decode_with(decoders, bytes, kUnchanged);
    ASSERT_FALSE(decoded.failure) << kind.name << ": " << decoded.failure->message();
    ASSERT_TRUE(decoded.pixels == expected) << kind.name;
    uint32_t state = 29;
    for (int i = 0; i < 300; ++i) {
      const Rect region = random_region(40, 50, &state);
      ImageShape shape;
      ASSERT_FALSE(decoders.open(bytes, kUnchanged, &shape));
      shape.width = region.width;
      shape.height = region.height;
      Pixels part =
          noisy(shape.height, shape.width, shape.channels, 8);  // outside of the frame is written too
      ASSERT_FALSE(decoders.decode(region, part.view()));
      ASSERT_TRUE(part == crop(expected, region)) << kind.name;
    }
  }
}

TEST(WebpDecode, ExifOrientation) {
  DecoderSet decoders;
  const Bytes image = encode_webp(picture(9, 14, 3), {.is_lossless = true});
  for (const bool has_prefix : {false, true}) {
    Bytes exif = exif_block(6, true);
    const Bytes prefix = {'E', 'x', 'i', 'f', 0, 0};
    if (has_prefix) exif.insert(exif.begin(), prefix.begin(), prefix.end());
    const Bytes bytes =
        riff({canvas(kExif, 14, 9), Bytes(image.begin() + 12, image.end()), chunk("EXIF", exif)});
    EXPECT_EQ(decode_with(decoders, bytes).pixels.shape.width, 14);
    EXPECT_EQ(decode_with(decoders, bytes, {.apply_exif_orientation = true}).pixels.shape.width, 9);
  }
}

TEST(WebpDecode, ImagesOfOneColourAreNotBombs) {
  DecoderSet decoders;
  for (const WebpKind& kind : webp_kinds()) {
    Pixels flat = blank({1600, 2000, kind.channels, DType::kUint8});
    std::fill(flat.bytes.begin(), flat.bytes.end(), 255);
    WebpKind smallest = kind;
    if (!kind.is_lossless) smallest.quality = 0;
    const Bytes bytes = encode_webp(flat, smallest);
    const Decoded decoded = decode_with(decoders, bytes);
    EXPECT_FALSE(decoded.failure) << kind.name << ", " << bytes.size()
                                  << " bytes: " << decoded.failure->message();
  }
}

TEST(DamagedWebp, CutAnywhereIsTruncated) {
  DecoderSet decoders;
  const Rect top{0, 0, 8, 2};
  for (const WebpKind& kind : webp_kinds()) {
    const Bytes bytes = encode_webp(picture(21, 30, kind.channels), kind);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      for (const Rect* region : {static_cast<const Rect*>(nullptr), &top}) {
        const Decoded decoded = decode_with(decoders, part, {}, region);
        ASSERT_TRUE(decoded.failure) << kind.name << " cut to " << size;
        if (size >= 12) {
          ASSERT_EQ(decoded.failure->code, SampleErrorCode::kTruncated);
        }
      }
    }
    Bytes longer = bytes;
    longer.insert(longer.end(), 100, 7);
    EXPECT_TRUE(decode_with(decoders, longer).pixels == decode_with(decoders, bytes).pixels);
  }
}

// The container is whole, the image in it is not.
TEST(DamagedWebp, ShortImagesInAWholeContainer) {
  DecoderSet decoders;
  for (const WebpKind& kind : webp_kinds()) {
    if (!kind.is_lossless && kind.channels == 4) continue;  // two chunks
    const Bytes bytes = encode_webp(picture(60, 70, kind.channels), kind);
    const size_t header = std::memcmp(bytes.data() + 12, "VP8X", 4) == 0 ? 30 : 12;
    const std::string name(bytes.begin() + static_cast<ptrdiff_t>(header),
                           bytes.begin() + static_cast<ptrdiff_t>(header) + 4);
    for (size_t quarter = 1; quarter < 4; ++quarter) {
      const size_t end = header + 8 + (bytes.size() - header - 8) * quarter / 4;
      const Bytes stream(bytes.begin() + static_cast<ptrdiff_t>(header) + 8,
                         bytes.begin() + static_cast<ptrdiff_t>(end));
      const Decoded decoded = decode_with(decoders, riff({chunk(name, stream)}));
      EXPECT_TRUE(decoded.failure) << kind.name << ", " << quarter << " of 4";
    }
  }
}

TEST(DamagedWebp, FlippedBitsNeverCrash) {
  DecoderSet decoders;
  uint32_t state = 43;
  int failure_count = 0;
  for (const WebpKind& kind : webp_kinds()) {
    const Bytes image = encode_webp(picture(21, 30, kind.channels), kind);
    const Bytes animation = riff({canvas(kAnimation | kAlpha, 50, 40), chunk("ANIM", {1, 2, 3, 255, 0, 0}),
                                  frame(image, 8, 6, 30, 21)});
    for (const Bytes& good : {image, animation}) {
      for (int i = 0; i < 1000; ++i) {
        Bytes damaged = good;
        for (uint32_t flips = next_random(&state) % 3 + 1; flips > 0; --flips) {
          damaged[next_random(&state) % damaged.size()] ^=
              static_cast<uint8_t>(1u << (next_random(&state) % 8));
        }
        DecodeOptions options = i % 2 == 0 ? kUnchanged : DecodeOptions{.apply_exif_orientation = true};
        options.limits.max_pixels = 100'000;
        failure_count += decode_with(decoders, damaged, options).failure.has_value();
      }
    }
  }
  EXPECT_GT(failure_count, 300);
}

TEST(HostileWebp, SizesAreRefusedBeforeAllocation) {
  DecoderSet decoders;
  const auto expect = [&](const Bytes& bytes, SampleErrorCode code) {
    const Decoded decoded = decode_with(decoders, bytes);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, code) << decoded.failure->message();
    EXPECT_EQ(decoded.failure->step, "decode/webp");
  };
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  const Bytes lossy = encode_webp(picture(21, 30, 3), {});
  const Bytes lossless = encode_webp(picture(21, 30, 3), {.is_lossless = true});
  // Sides of 14 bits in the frame headers.
  const auto lossy_of = [&](int width, int height) {
    Bytes bytes = lossy;
    const int sides[2] = {width, height};
    for (size_t i = 0; i < 4; ++i) bytes[26 + i] = static_cast<uint8_t>(sides[i / 2] >> (8 * (i % 2)));
    return bytes;
  };
  const auto lossless_of = [&](int width, int height) {
    Bytes bytes = lossless;
    const uint32_t bits = static_cast<uint32_t>(width - 1) | static_cast<uint32_t>(height - 1) << 14;
    for (size_t i = 0; i < 4; ++i) bytes[21 + i] = static_cast<uint8_t>(bits >> (8 * i));
    return bytes;
  };
  ASSERT_TRUE(decode_with(decoders, lossy_of(30, 21)).pixels == decode_with(decoders, lossy).pixels);
  ASSERT_TRUE(decode_with(decoders, lossless_of(30, 21)).pixels == decode_with(decoders, lossless).pixels);
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{16383, 16383}, {12000, 10001}}) {
    expect(lossy_of(width, height), SampleErrorCode::kTooLarge);
    expect(lossless_of(width, height), SampleErrorCode::kTooLarge);
  }
  expect(lossy_of(10000, 11000), SampleErrorCode::kTruncated);
  expect(lossless_of(10000, 11000), SampleErrorCode::kTruncated);
  expect(riff({canvas(kAnimation, 1 << 24, 1 << 7), chunk("ANIM", {0, 0, 0, 0, 0, 0}),
               frame(lossy, 0, 0, 30, 21)}),
         SampleErrorCode::kTooLarge);
  expect(riff({canvas(kAnimation, 20, 20), chunk("ANIM", {0, 0, 0, 0, 0, 0}), frame(lossy, 0, 0, 30, 21)}),
         SampleErrorCode::kCorrupt);
  expect(riff({canvas(0, 30, 21)}), SampleErrorCode::kCorrupt);
  expect(riff({chunk("VP8 ", Bytes(40, 0))}), SampleErrorCode::kCorrupt);
  expect(riff({chunk("ABCD", Bytes(40, 0))}), SampleErrorCode::kCorrupt);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 << 10);
}

}  // namespace
}  // namespace stoker::test
