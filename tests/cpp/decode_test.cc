// Right files give the right pixels, whole and in part.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

#include "encode.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/exif.h"

namespace stoker::test {
namespace {

std::vector<JpegKind> jpeg_kinds() {
  return {
      {.name = "444"},
      {.name = "422", .luma = {2, 1}},
      {.name = "420", .luma = {2, 2}},
      {.name = "440", .luma = {1, 2}},
      {.name = "411", .luma = {4, 1}},
      {.name = "410", .luma = {4, 2}},
      {.name = "441", .luma = {1, 4}},
      {.name = "gray", .color = JpegColor::kGray},
      {.name = "gray sampled", .color = JpegColor::kGray, .luma = {2, 2}},
      {.name = "rgb", .color = JpegColor::kRgb},
      {.name = "420 progressive", .luma = {2, 2}, .scans = JpegScans::kProgressive},
      {.name = "422 progressive", .luma = {2, 1}, .scans = JpegScans::kProgressive},
      {.name = "440 spectral", .luma = {1, 2}, .scans = JpegScans::kSpectral},
      {.name = "gray progressive", .color = JpegColor::kGray, .scans = JpegScans::kProgressive},
      {.name = "420 scan each", .luma = {2, 2}, .scans = JpegScans::kPerComponent},
      {.name = "420 restarts", .luma = {2, 2}, .restart_rows = 1},
      {.name = "422 restarts", .luma = {2, 1}, .scans = JpegScans::kProgressive, .restart_rows = 1},
      {.name = "420 arithmetic", .luma = {2, 2}, .is_arithmetic = true},
  };
}

int channels_of(const JpegKind& kind) { return kind.color == JpegColor::kGray ? 1 : 3; }

// A whole decode as the library's manual has it.
Pixels plain_jpeg(const Bytes& bytes, J_COLOR_SPACE color) {
  jpeg_decompress_struct library;
  jpeg_error_mgr errors;
  library.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&library);
  jpeg_mem_src(&library, bytes.data(), bytes.size());
  jpeg_read_header(&library, TRUE);
  library.out_color_space = color;
  jpeg_start_decompress(&library);
  Pixels pixels = blank({static_cast<int>(library.output_height), static_cast<int>(library.output_width),
                         library.output_components, DType::kUint8});
  while (library.output_scanline < library.output_height) {
    JSAMPROW row = pixels.view().row<uint8_t>(static_cast<int>(library.output_scanline));
    jpeg_read_scanlines(&library, &row, 1);
  }
  jpeg_finish_decompress(&library);
  jpeg_destroy_decompress(&library);
  return pixels;
}

uint8_t luma_601(int r, int g, int b) {
  return static_cast<uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) / 65536);
}

Pixels gray_from(const Pixels& rgb) {
  Pixels gray = blank({rgb.shape.height, rgb.shape.width, 1, DType::kUint8});
  for (size_t i = 0; i < gray.bytes.size(); ++i) {
    gray.bytes[i] = luma_601(rgb.bytes[3 * i], rgb.bytes[3 * i + 1], rgb.bytes[3 * i + 2]);
  }
  return gray;
}

Pixels swapped(const Pixels& rgb) {
  Pixels bgr = rgb;
  for (size_t i = 0; i < bgr.bytes.size(); i += 3) std::swap(bgr.bytes[i], bgr.bytes[i + 2]);
  return bgr;
}

void expect_region(DecoderSet& decoders, const Bytes& bytes, const DecodeOptions& options,
                   const Pixels& whole, const Rect& region, const std::string& name) {
  const Decoded part = decode_with(decoders, bytes, options, &region);
  ASSERT_FALSE(part.failure) << name << ": " << part.failure->message();
  ASSERT_TRUE(part.pixels == crop(whole, region))
      << name << " " << whole.shape.width << " x " << whole.shape.height << ", region " << region.x << ","
      << region.y << " " << region.width << " x " << region.height;
}

TEST(JpegDecode, EverySizeEqualsThePlainDecode) {
  DecoderSet decoders;
  uint32_t state = 7;
  for (const JpegKind& kind : jpeg_kinds()) {
    for (int height = 1; height <= 40; height += 3) {
      for (int width = 1; width <= 40; ++width) {
        const Bytes bytes = encode_jpeg(wavy(height, width, channels_of(kind)), kind);
        const Pixels expected = plain_jpeg(bytes, JCS_RGB);
        const Decoded whole = decode_with(decoders, bytes);
        ASSERT_FALSE(whole.failure) << kind.name << ": " << whole.failure->message();
        ASSERT_TRUE(whole.pixels == expected) << kind.name << " " << width << " x " << height;
        expect_region(decoders, bytes, {}, expected, random_region(height, width, &state), kind.name);
      }
    }
  }
}

TEST(JpegDecode, EveryColumnAndRowRangeEqualsTheCrop) {
  constexpr int kWidth = 45;
  constexpr int kHeight = 41;
  DecoderSet decoders;
  uint32_t state = 11;
  for (const JpegKind& kind : jpeg_kinds()) {
    const Bytes bytes = encode_jpeg(wavy(kHeight, kWidth, channels_of(kind)), kind);
    const Pixels whole = plain_jpeg(bytes, JCS_RGB);
    for (int first = 0; first < kWidth; ++first) {
      for (int end = first + 1; end <= kWidth; ++end) {
        Rect region = random_region(kHeight, kWidth, &state);
        region.x = first;
        region.width = end - first;
        ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, {}, whole, region, kind.name));
      }
    }
    for (int first = 0; first < kHeight; ++first) {
      for (int end = first + 1; end <= kHeight; ++end) {
        Rect region = random_region(kHeight, kWidth, &state);
        region.y = first;
        region.height = end - first;
        ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, {}, whole, region, kind.name));
      }
    }
  }
}

TEST(JpegDecode, RegionsOfALargerImageEqualTheCrop) {
  constexpr int kWidth = 333;
  constexpr int kHeight = 217;
  DecoderSet decoders;
  uint32_t state = 13;
  for (const JpegKind& kind : jpeg_kinds()) {
    const Bytes bytes = encode_jpeg(wavy(kHeight, kWidth, channels_of(kind)), kind);
    const Pixels whole = plain_jpeg(bytes, JCS_RGB);
    for (int i = 0; i < 150; ++i) {
      const Rect region = random_region(kHeight, kWidth, &state);
      ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, {}, whole, region, kind.name));
    }
  }
}

TEST(JpegDecode, RegionsOfAnImageThatTheLibrarySmoothsEqualTheCrop) {
  DecoderSet decoders;
  uint32_t state = 17;
  const JpegKind kind{.luma = {2, 2}, .scans = JpegScans::kSpectral, .quality = 30};
  Bytes bytes = encode_jpeg(wavy(90, 130, 3), kind);
  // Only the DC scan is left: the library then guesses AC coefficients from the neighbours.
  const size_t second_scan = find_marker(bytes, 0xc4, find_marker(bytes, 0xda));
  bytes.resize(second_scan);
  bytes.insert(bytes.end(), {0xff, 0xd9});
  const Pixels whole = plain_jpeg(bytes, JCS_RGB);
  for (int i = 0; i < 300; ++i) {
    const Rect region = random_region(90, 130, &state);
    ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, {}, whole, region, "DC only"));
  }
}

TEST(JpegDecode, RowsMayBePartOfALargerImageAndAligned) {
  DecoderSet decoders;
  const Bytes bytes = encode_jpeg(wavy(50, 64, 3), {.luma = {2, 2}});
  const Pixels whole = plain_jpeg(bytes, JCS_RGB);
  ScratchBuffer memory;
  for (const ptrdiff_t offset : {0, 1, 8, 16, 32}) {
    uint8_t* data = memory.reserve(64 + 50 * 256);
    std::memset(data, 0x5a, 64 + 50 * 256);
    const Image out{data + offset, whole.shape, 256};
    ImageShape shape;
    ASSERT_FALSE(decoders.open(bytes, {}, &shape));
    ASSERT_FALSE(decoders.decode({0, 0, 64, 50}, out));
    Pixels packed = blank(shape);
    copy_pixels(out, packed.view());
    EXPECT_TRUE(packed == whole) << offset;
    for (int y = 0; y < 50; ++y) {
      for (int i = 64 * 3; i < 256 - offset; ++i) ASSERT_EQ(out.row<uint8_t>(y)[i], 0x5a) << y << " " << i;
    }
  }
}

TEST(JpegDecode, Colors) {
  DecoderSet decoders;
  const Bytes color = encode_jpeg(wavy(33, 47, 3), {.luma = {2, 2}});
  const Pixels rgb = plain_jpeg(color, JCS_RGB);
  EXPECT_TRUE(decode_with(decoders, color, {.color = Color::kBgr}).pixels == swapped(rgb));
  EXPECT_TRUE(decode_with(decoders, color, {.color = Color::kGray}).pixels == gray_from(rgb));
  EXPECT_TRUE(decode_with(decoders, color, {.color = Color::kUnchanged}).pixels == rgb);

  const Bytes gray = encode_jpeg(wavy(33, 47, 1), {.color = JpegColor::kGray});
  const Pixels values = plain_jpeg(gray, JCS_GRAYSCALE);
  const Pixels replicated = plain_jpeg(gray, JCS_RGB);
  EXPECT_TRUE(decode_with(decoders, gray, {.color = Color::kRgb}).pixels == replicated);
  EXPECT_TRUE(decode_with(decoders, gray, {.color = Color::kBgr}).pixels == replicated);
  EXPECT_TRUE(decode_with(decoders, gray, {.color = Color::kGray}).pixels == values);
  EXPECT_TRUE(decode_with(decoders, gray, {.color = Color::kUnchanged}).pixels == values);
}

TEST(JpegDecode, InksBecomeRgbAsInPillow) {
  DecoderSet decoders;
  uint32_t state = 19;
  for (const JpegColor color : {JpegColor::kCmyk, JpegColor::kYcck}) {
    for (const bool is_adobe : {true, false}) {
      const Bytes bytes =
          encode_jpeg(wavy(45, 67, 4),
                      {.color = color, .luma = {2, 2}, .is_adobe = is_adobe || color == JpegColor::kYcck});
      const Pixels inks = plain_jpeg(bytes, JCS_CMYK);
      Pixels rgb = blank({45, 67, 3, DType::kUint8});
      for (size_t i = 0; i < rgb.bytes.size(); ++i) {
        const int light = inks.bytes[i / 3 * 4 + 3];
        const int product = (255 - inks.bytes[i / 3 * 4 + i % 3]) * light + 128;
        rgb.bytes[i] = static_cast<uint8_t>(light - (product / 256 + product) / 256);
      }
      EXPECT_TRUE(decode_with(decoders, bytes).pixels == rgb);
      EXPECT_TRUE(decode_with(decoders, bytes, {.color = Color::kBgr}).pixels == swapped(rgb));
      EXPECT_TRUE(decode_with(decoders, bytes, {.color = Color::kGray}).pixels == gray_from(rgb));
      EXPECT_TRUE(decode_with(decoders, bytes, {.color = Color::kUnchanged}).pixels == rgb);
      for (int i = 0; i < 100; ++i) {
        const Rect region = random_region(45, 67, &state);
        ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, {}, rgb, region, "inks"));
      }
    }
  }
}

struct PngCase {
  PngKind kind;
  int channels;
};

std::vector<PngCase> png_cases() {
  std::vector<PngCase> cases;
  for (const bool is_interlaced : {false, true}) {
    for (const bool has_key : {false, true}) {
      for (const int depth : {1, 2, 4, 8, 16}) {
        cases.push_back(
            {{.bit_depth = depth, .color_type = 0, .is_interlaced = is_interlaced, .has_color_key = has_key},
             1});
      }
      for (const int depth : {8, 16}) {
        cases.push_back(
            {{.bit_depth = depth, .color_type = 2, .is_interlaced = is_interlaced, .has_color_key = has_key},
             3});
      }
      for (const int depth : {1, 2, 4, 8}) {
        PngKind kind{.bit_depth = depth, .color_type = 3, .is_interlaced = is_interlaced};
        kind.palette = noisy(1, 1 << depth, 3, 8, 3).bytes;
        if (has_key) kind.palette_alpha = noisy(1, 1 << (depth - 1), 1, 8, 5).bytes;
        cases.push_back({kind, 1});
      }
    }
    for (const int depth : {8, 16}) {
      cases.push_back({{.bit_depth = depth, .color_type = 4, .is_interlaced = is_interlaced}, 2});
      cases.push_back({{.bit_depth = depth, .color_type = 6, .is_interlaced = is_interlaced}, 4});
    }
  }
  return cases;
}

// One pixel as wide samples: r, g, b, alpha, on the scale of the file.
struct WidePixel {
  uint32_t rgba[4];
};

WidePixel wide_pixel(const PngCase& png, const Pixels& samples, int y, int x) {
  uint32_t values[4] = {0, 0, 0, 0};
  for (int c = 0; c < png.channels; ++c) {
    const int at = x * png.channels + c;
    values[c] =
        png.kind.bit_depth == 16 ? samples.view().row<uint16_t>(y)[at] : samples.view().row<uint8_t>(y)[at];
  }
  const int depth = png.kind.bit_depth;
  switch (png.kind.color_type) {
    case 3: {
      const Bytes& palette = png.kind.palette;
      const Bytes& alpha = png.kind.palette_alpha;
      const uint32_t i = values[0];
      return {{palette[3 * i], palette[3 * i + 1], palette[3 * i + 2], i < alpha.size() ? alpha[i] : 255u}};
    }
    case 0:
    case 4: {
      const uint32_t value = depth < 8 ? values[0] * 255 / ((1u << depth) - 1) : values[0];
      return {{value, value, value, values[1]}};
    }
    default:
      return {{values[0], values[1], values[2], values[3]}};
  }
}

uint8_t narrowed(const PngCase& png, ConversionRule rule, uint32_t value) {
  if (png.kind.bit_depth < 16) return static_cast<uint8_t>(value);
  if (rule == ConversionRule::kRounded) return static_cast<uint8_t>((value * 255.0 + 32767) / 65535);
  if (png.kind.color_type == 0) return static_cast<uint8_t>(value > 255 ? 255 : value);
  return static_cast<uint8_t>(value / 256);
}

Pixels expected_png(const PngCase& png, const Pixels& samples, const DecodeOptions& options) {
  const bool is_gray_file = png.kind.color_type == 0 || png.kind.color_type == 4;
  int channels = options.color == Color::kGray ? 1 : 3;
  if (options.color == Color::kUnchanged) {
    channels = png.kind.color_type == 3 ? (png.kind.palette_alpha.empty() ? 3 : 4) : png.channels;
  }
  const bool is_wide = options.keep_wide && png.kind.bit_depth == 16;
  Pixels out =
      blank({samples.shape.height, samples.shape.width, channels, is_wide ? DType::kUint16 : DType::kUint8});
  for (int y = 0; y < samples.shape.height; ++y) {
    for (int x = 0; x < samples.shape.width; ++x) {
      const WidePixel pixel = wide_pixel(png, samples, y, x);
      uint32_t values[4];
      for (int c = 0; c < channels; ++c) values[c] = pixel.rgba[options.color == Color::kBgr ? 2 - c : c];
      if (channels == 2) values[1] = pixel.rgba[3];
      const bool narrows_first = !is_wide && options.rule == ConversionRule::kPillow;
      if (options.color == Color::kGray && !is_gray_file) {
        uint64_t sum = 0x8000;
        const uint64_t weights[3] = {19595, 38470, 7471};
        for (int c = 0; c < 3; ++c) {
          sum += weights[c] * (narrows_first ? narrowed(png, options.rule, pixel.rgba[c]) : pixel.rgba[c]);
        }
        values[0] = static_cast<uint32_t>(sum >> 16);
        if (narrows_first) {
          out.view().row<uint8_t>(y)[x] = static_cast<uint8_t>(values[0]);
          continue;
        }
      }
      for (int c = 0; c < channels; ++c) {
        const int at = x * channels + c;
        if (is_wide) {
          out.view().row<uint16_t>(y)[at] = static_cast<uint16_t>(values[c]);
        } else {
          out.view().row<uint8_t>(y)[at] = narrowed(png, options.rule, values[c]);
        }
      }
    }
  }
  return out;
}

TEST(PngDecode, EveryKindEveryColorEveryRule) {
  DecoderSet decoders;
  uint32_t state = 23;
  for (const PngCase& png : png_cases()) {
    for (const auto& [height, width] :
         std::vector<std::pair<int, int>>{{1, 1}, {2, 3}, {9, 7}, {21, 33}, {40, 64}}) {
      const Pixels samples = noisy(height, width, png.channels, png.kind.bit_depth, 29);
      const Bytes bytes = encode_png(samples, png.kind);
      for (const Color color : {Color::kRgb, Color::kBgr, Color::kGray, Color::kUnchanged}) {
        for (const ConversionRule rule : {ConversionRule::kRounded, ConversionRule::kPillow}) {
          for (const bool keep_wide : {false, true}) {
            const DecodeOptions options{.color = color, .keep_wide = keep_wide, .rule = rule};
            const std::string name =
                "type " + std::to_string(png.kind.color_type) + " depth " +
                std::to_string(png.kind.bit_depth) + " interlaced " + std::to_string(png.kind.is_interlaced) +
                " color " + std::to_string(static_cast<int>(color)) + " wide " + std::to_string(keep_wide);
            const Pixels expected = expected_png(png, samples, options);
            const Decoded whole = decode_with(decoders, bytes, options);
            ASSERT_FALSE(whole.failure) << name << ": " << whole.failure->message();
            ASSERT_TRUE(whole.pixels == expected) << name;
            for (int i = 0; i < 3; ++i) {
              const Rect region = random_region(height, width, &state);
              ASSERT_NO_FATAL_FAILURE(expect_region(decoders, bytes, options, expected, region, name));
            }
          }
        }
      }
    }
  }
}

TEST(PngDecode, AncillaryChunksAreNotRead) {
  DecoderSet decoders;
  const Pixels rgb = noisy(8, 9, 3, 8);
  const Bytes plain = encode_png(rgb, {});
  for (const char* type : {"iCCP", "zTXt", "iTXt", "tEXt", "gAMA", "cHRM", "sRGB", "eXIf", "acTL", "xxXx"}) {
    const Decoded decoded = decode_with(decoders, with_chunk(plain, png_chunk(type, Bytes(40, 0x41))));
    ASSERT_FALSE(decoded.failure) << type << ": " << decoded.failure->message();
    EXPECT_TRUE(decoded.pixels == rgb) << type;
  }
}

// The turns of the EXIF standard, written as "where does the pixel of row y, column x come from".
Pixels turned(const Pixels& stored, int orientation) {
  const int stored_h = stored.shape.height;
  const int stored_w = stored.shape.width;
  ImageShape shape = stored.shape;
  if (orientation >= 5) std::swap(shape.height, shape.width);
  Pixels out = blank(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      const int rows[9] = {0, y, y, stored_h - 1 - y, stored_h - 1 - y, x, stored_h - 1 - x, stored_h - 1 - x,
                           x};
      const int columns[9] = {0, x, stored_w - 1 - x, stored_w - 1 - x, x,
                              y, y, stored_w - 1 - y, stored_w - 1 - y};
      std::memcpy(out.view().row<uint8_t>(y) + x * shape.pixel_bytes(),
                  stored.view().row<uint8_t>(rows[orientation]) + columns[orientation] * shape.pixel_bytes(),
                  shape.pixel_bytes());
    }
  }
  return out;
}

TEST(Orientation, AllEightWithRegions) {
  DecoderSet decoders;
  uint32_t state = 31;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool is_big_endian : {false, true}) {
      const Bytes block = exif_block(orientation, is_big_endian);
      Bytes app1 = {'E', 'x', 'i', 'f', 0, 0};
      app1.insert(app1.end(), block.begin(), block.end());
      const Bytes jpeg = encode_jpeg(wavy(37, 52, 3), {.luma = {2, 2}, .app1 = app1});
      const Bytes png = encode_png(noisy(11, 18, 4, 16), {.bit_depth = 16, .color_type = 6, .exif = block});
      for (const Bytes& bytes : {jpeg, png}) {
        for (const Color color : {Color::kRgb, Color::kGray, Color::kUnchanged}) {
          for (const bool keep_wide : {false, true}) {
            DecodeOptions options{.color = color, .keep_wide = keep_wide};
            const Decoded stored = decode_with(decoders, bytes, options);
            ASSERT_FALSE(stored.failure);
            options.apply_exif_orientation = true;
            const Pixels expected = turned(stored.pixels, orientation);
            const Decoded whole = decode_with(decoders, bytes, options);
            ASSERT_FALSE(whole.failure);
            ASSERT_TRUE(whole.pixels == expected) << orientation;
            for (int i = 0; i < 20; ++i) {
              const Rect region = random_region(expected.shape.height, expected.shape.width, &state);
              ASSERT_NO_FATAL_FAILURE(
                  expect_region(decoders, bytes, options, expected, region, std::to_string(orientation)));
            }
          }
        }
      }
    }
  }
}

TEST(Orientation, DamagedExifMeansUpright) {
  for (const bool is_big_endian : {false, true}) {
    const Bytes block = exif_block(6, is_big_endian);
    EXPECT_EQ(exif_orientation(block), 6);
    EXPECT_EQ(exif_orientation(exif_block(9, is_big_endian)), 1);
    EXPECT_EQ(exif_orientation(exif_block(0, is_big_endian)), 1);
    for (size_t size = 0; size < block.size(); ++size) {
      const std::unique_ptr<uint8_t[]> exact(new uint8_t[size + 1]);
      std::memcpy(exact.get() + 1, block.data(), size);
      const int found = exif_orientation({exact.get() + 1, size});
      EXPECT_TRUE(found == 1 || (found == 6 && size >= 34)) << size;
    }
    for (size_t at = 0; at < block.size(); ++at) {
      for (const uint8_t value : {0x00, 0x7f, 0x80, 0xff}) {
        Bytes damaged = block;
        damaged[at] = value;
        const int found = exif_orientation(damaged);
        EXPECT_TRUE(found >= 1 && found <= 8);
      }
    }
  }
}

TEST(DecoderSet, CodecsAreSortedAndNamed) {
  std::string names;
  for (const Codec& codec : codecs()) names += std::string(codec.name) + " ";
  EXPECT_EQ(names, "jpeg npy png tiff webp ");
  EXPECT_NE(codecs()[0].library.find("jpeg"), std::string_view::npos);
}

}  // namespace
}  // namespace stoker::test
