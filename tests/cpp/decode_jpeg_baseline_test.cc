// stoker's own baseline decoder gives libjpeg-turbo's pixels or leaves the file to it.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

#include "scaffold.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/jpeg_pixels_kernels.h"
#include "stoker/transform/targets.h"

namespace stoker::test {
namespace {

struct BaselineKind {
  Sampling samplings[3] = {};
  int quality = 85;
  bool has_own_tables = false;  // optimised Huffman codes
  int restart_mcus = 0;
  bool is_rgb = false;           // no YCC
  int quantization_factor = 1;   // above 1: quantisation values above 255
  int16_t most_coefficient = 0;  // above 0: random coefficients instead of the image's
};

std::string name_of(const BaselineKind& kind) {
  std::string name;
  for (const Sampling& each : kind.samplings) {
    name += std::to_string(each.horizontal) + "x" + std::to_string(each.vertical) + " ";
  }
  return name + "quality " + std::to_string(kind.quality) + " restarts " + std::to_string(kind.restart_mcus) +
         " own tables " + std::to_string(kind.has_own_tables) + " factor " +
         std::to_string(kind.quantization_factor);
}

// One or three channels.
Bytes encode_baseline(const Pixels& pixels, const BaselineKind& kind) {
  jpeg_compress_struct library;
  jpeg_error_mgr errors;
  library.err = jpeg_std_error(&errors);
  errors.output_message = [](j_common_ptr) {};
  jpeg_create_compress(&library);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&library, &memory, &size);
  library.image_width = static_cast<JDIMENSION>(pixels.shape.width);
  library.image_height = static_cast<JDIMENSION>(pixels.shape.height);
  library.input_components = pixels.shape.channels;
  library.in_color_space = pixels.shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&library);
  if (kind.is_rgb) jpeg_set_colorspace(&library, JCS_RGB);
  jpeg_set_quality(&library, kind.quality, TRUE);
  for (int slot = 0; kind.quantization_factor > 1 && slot < 2; ++slot) {
    for (UINT16& value : library.quant_tbl_ptrs[slot]->quantval) {
      value = static_cast<UINT16>(std::min(65535, value * kind.quantization_factor));
    }
  }
  for (int c = 0; c < library.num_components; ++c) {
    library.comp_info[c].h_samp_factor = kind.samplings[c].horizontal;
    library.comp_info[c].v_samp_factor = kind.samplings[c].vertical;
  }
  library.optimize_coding = kind.has_own_tables ? TRUE : FALSE;
  library.restart_interval = static_cast<unsigned>(kind.restart_mcus);
  if (kind.most_coefficient > 0) {
    jvirt_barray_ptr arrays[3];
    uint32_t state = 5;
    const int max_h =
        std::max({kind.samplings[0].horizontal, kind.samplings[1].horizontal, kind.samplings[2].horizontal});
    const int max_v =
        std::max({kind.samplings[0].vertical, kind.samplings[1].vertical, kind.samplings[2].vertical});
    const auto blocks = [](int px, int sampling, int most) {
      const int a_mcu = 8 * most;
      return static_cast<JDIMENSION>((px + a_mcu - 1) / a_mcu * sampling);
    };
    for (int c = 0; c < library.num_components; ++c) {
      const JDIMENSION columns = blocks(pixels.shape.width, kind.samplings[c].horizontal, max_h);
      const JDIMENSION rows = blocks(pixels.shape.height, kind.samplings[c].vertical, max_v);
      arrays[c] = library.mem->request_virt_barray(reinterpret_cast<j_common_ptr>(&library), JPOOL_IMAGE,
                                                   TRUE, columns, rows, rows);
    }
    library.mem->realize_virt_arrays(reinterpret_cast<j_common_ptr>(&library));
    for (int c = 0; c < library.num_components; ++c) {
      const JDIMENSION columns = blocks(pixels.shape.width, kind.samplings[c].horizontal, max_h);
      const JDIMENSION rows = blocks(pixels.shape.height, kind.samplings[c].vertical, max_v);
      JBLOCKARRAY array =
          library.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&library), arrays[c], 0, rows, TRUE);
      for (JDIMENSION y = 0; y < rows; ++y) {
        for (JDIMENSION x = 0; x < columns; ++x) {
          const uint32_t density = 1 + next_random(&state) % 16;
          for (JCOEF& value : array[y][x]) {
            const int most = kind.most_coefficient;
            const auto drawn = static_cast<int>(next_random(&state) % static_cast<uint32_t>(2 * most + 1));
            value = static_cast<JCOEF>(next_random(&state) % density == 0 ? drawn - most : 0);
          }
        }
      }
    }
    jpeg_write_coefficients(&library, arrays);
  } else {
    jpeg_start_compress(&library, TRUE);
    while (library.next_scanline < library.image_height) {
      auto* row = const_cast<uint8_t*>(pixels.view().row<uint8_t>(static_cast<int>(library.next_scanline)));
      jpeg_write_scanlines(&library, &row, 1);
    }
  }
  jpeg_finish_compress(&library);
  jpeg_destroy_compress(&library);
  Bytes bytes(memory, memory + size);
  std::free(memory);
  return bytes;
}

Decoded by_library(DecoderSet& decoders, const Bytes& bytes, DecodeOptions options = {},
                   const Rect* region = nullptr) {
  options.only_libjpeg_turbo = true;
  Decoded decoded = decode_with(decoders, bytes, options, region);
  EXPECT_TRUE(decoded.failure || decoders.route() == DecodeRoute::kAsked);
  return decoded;
}

// The whole and `region_count` parts against the crop of the library's whole; `route`, if not null, is
// what each decode must have taken.
void expect_library_pixels(DecoderSet& decoders, const Bytes& bytes, const DecodeOptions& options,
                           int region_count, uint32_t* state, const DecodeRoute* route,
                           const std::string& name) {
  const Decoded whole = by_library(decoders, bytes, options);
  ASSERT_FALSE(whole.failure) << name << ": " << whole.failure->message();
  const ImageShape& shape = whole.pixels.shape;
  for (int i = -1; i < region_count; ++i) {
    const Rect region =
        i < 0 ? Rect{0, 0, shape.width, shape.height} : random_region(shape.height, shape.width, state);
    const Decoded part = decode_with(decoders, bytes, options, &region);
    ASSERT_FALSE(part.failure) << name << ": " << part.failure->message();
    ASSERT_TRUE(route == nullptr || decoders.route() == *route)
        << name << ": " << stoker::name_of(decoders.route());
    ASSERT_TRUE(part.pixels == crop(whole.pixels, region))
        << name << ": " << shape.width << " x " << shape.height << ", region " << region.x << " " << region.y
        << " " << region.width << " " << region.height;
  }
}

constexpr DecodeRoute kOwn = DecodeRoute::kOwn;

std::vector<BaselineKind> usual_kinds() {
  return {{.samplings = {{1, 1}, {1, 1}, {1, 1}}}, {.samplings = {{2, 1}, {1, 1}, {1, 1}}},
          {.samplings = {{1, 2}, {1, 1}, {1, 1}}}, {.samplings = {{2, 2}, {1, 1}, {1, 1}}},
          {.samplings = {{2, 2}, {2, 1}, {1, 2}}}, {.samplings = {{1, 1}, {1, 1}, {1, 1}}, .is_rgb = true}};
}

TEST(JpegBaseline, EverySizeOfEverySampling) {
  DecoderSet decoders;
  uint32_t state = 3;
  for (const BaselineKind& kind : usual_kinds()) {
    for (int width = 1; width <= 67; ++width) {
      for (const int height : {1 + (width * 31) % 67, 1 + (width * 47 + 20) % 67}) {
        const Bytes bytes = encode_baseline(wavy(height, width, 3, static_cast<uint32_t>(width)), kind);
        ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, bytes, {}, 6, &state, &kOwn, name_of(kind)));
      }
    }
  }
  for (int side = 1; side <= 67; ++side) {
    const Bytes bytes = encode_baseline(wavy(68 - side, side, 1), {});
    for (const Color color : {Color::kRgb, Color::kUnchanged}) {
      ASSERT_NO_FATAL_FAILURE(
          expect_library_pixels(decoders, bytes, {.color = color}, 6, &state, &kOwn, "grey"));
    }
  }
}

TEST(JpegBaseline, EveryMixOfSamplings) {
  DecoderSet decoders;
  uint32_t state = 5;
  int own_count = 0;
  for (int mix = 0; mix < 64; ++mix) {
    BaselineKind kind;
    int blocks = 0;
    for (int c = 0; c < 3; ++c) {
      kind.samplings[c] = {1 + (mix >> (2 * c) & 1), 1 + (mix >> (2 * c + 1) & 1)};
      blocks += kind.samplings[c].horizontal * kind.samplings[c].vertical;
    }
    if (blocks > 10) continue;
    ++own_count;
    for (const auto& [width, height] :
         {std::pair(61, 50), std::pair(3, 35), std::pair(4, 3), std::pair(37, 2)}) {
      const Bytes bytes = encode_baseline(wavy(height, width, 3), kind);
      ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, bytes, {}, 12, &state, &kOwn, name_of(kind)));
    }
  }
  EXPECT_EQ(own_count, 63);
}

TEST(JpegBaseline, EveryQualityAndTable) {
  DecoderSet decoders;
  uint32_t state = 7;
  const Pixels waves = wavy(75, 91, 3);
  const Pixels noise = noisy(75, 91, 3, 8);
  for (int quality = 1; quality <= 100; ++quality) {
    for (const bool has_own_tables : {false, true}) {
      BaselineKind kind = usual_kinds()[static_cast<size_t>(quality % 5)];
      kind.quality = quality;
      kind.has_own_tables = has_own_tables;
      for (const Pixels* pixels : {&waves, &noise}) {
        const Bytes bytes = encode_baseline(*pixels, kind);
        ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, bytes, {}, 4, &state, &kOwn, name_of(kind)));
      }
    }
  }
}

TEST(JpegBaseline, RestartMarkers) {
  DecoderSet decoders;
  uint32_t state = 11;
  for (BaselineKind kind : usual_kinds()) {
    for (const int restart_mcus : {1, 2, 3, 7, 13, 1000}) {
      kind.restart_mcus = restart_mcus;
      const Bytes bytes = encode_baseline(wavy(90, 110, 3), kind);
      ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, bytes, {}, 20, &state, &kOwn, name_of(kind)));
      // Another number, none, or bytes before it: the library judges.
      const size_t marker = find_marker(bytes, 0xd0, find_marker(bytes, 0xda));
      if (marker == bytes.size()) continue;
      Bytes renumbered = bytes;
      renumbered[marker + 1] = 0xd3;
      Bytes stuffed = bytes;
      stuffed.insert(stuffed.begin() + static_cast<ptrdiff_t>(marker), {0x12, 0x34});
      for (const Bytes& odd : {renumbered, stuffed}) {
        const Decoded expected = by_library(decoders, odd);
        const Decoded got = decode_with(decoders, odd);
        EXPECT_EQ(decoders.route(), DecodeRoute::kDamaged);
        ASSERT_EQ(got.failure.has_value(), expected.failure.has_value());
        EXPECT_TRUE(got.failure || got.pixels == expected.pixels);
      }
    }
  }
}

TEST(JpegBaseline, WideQuantizationAndExtremeCoefficients) {
  DecoderSet decoders;
  uint32_t state = 13;
  int own_count = 0;
  int extreme_count = 0;
  for (BaselineKind kind : usual_kinds()) {
    for (const int factor : {1, 3, 20, 300, 2000}) {
      for (const int16_t most : {0, 1, 3, 12, 100, 1000}) {
        kind.quantization_factor = factor;
        kind.most_coefficient = most;
        kind.quality = 50;
        const Bytes bytes = encode_baseline(wavy(60, 70, 3), kind);
        ASSERT_NO_FATAL_FAILURE(
            expect_library_pixels(decoders, bytes, {}, 2, &state, nullptr, name_of(kind)));
        own_count += decoders.route() == DecodeRoute::kOwn;
        extreme_count += decoders.route() == DecodeRoute::kExtreme;
      }
    }
  }
  EXPECT_GT(own_count, 60);
  EXPECT_GT(extreme_count, 20);
}

TEST(JpegBaseline, EveryColor) {
  DecoderSet decoders;
  uint32_t state = 17;
  for (const BaselineKind& kind : usual_kinds()) {
    for (const int channels : {1, 3}) {
      const Bytes bytes = encode_baseline(noisy(45, 67, channels, 8), channels == 1 ? BaselineKind{} : kind);
      for (const Color color : {Color::kRgb, Color::kBgr, Color::kGray, Color::kUnchanged}) {
        for (const ConversionRule rule : {ConversionRule::kRounded, ConversionRule::kPillow}) {
          ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, bytes, {.color = color, .rule = rule}, 8,
                                                        &state, &kOwn, name_of(kind)));
        }
      }
    }
  }
}

TEST(JpegBaseline, EveryTarget) {
  DecoderSet decoders;
  uint32_t state = 19;
  for (const std::string& target : vector_targets()) {
    const ForcedTarget forced(target);
    ASSERT_EQ(vector_target_in_use(), target);
    for (BaselineKind kind : usual_kinds()) {
      for (const int16_t most : {0, 30, 500}) {
        kind.most_coefficient = most;
        for (const int width : {1, 2, 5, 15, 31, 33, 64, 131}) {
          const Bytes bytes = encode_baseline(noisy(37, width, 3, 8), kind);
          ASSERT_NO_FATAL_FAILURE(
              expect_library_pixels(decoders, bytes, {}, 10, &state, nullptr, target + " " + name_of(kind)));
        }
      }
    }
    const Bytes gray = encode_baseline(noisy(40, 77, 1, 8), {});
    ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, gray, {}, 10, &state, &kOwn, target + " grey"));
  }
}

TEST(JpegBaseline, WritesOnlyTheRegion) {
  DecoderSet decoders;
  uint32_t state = 23;
  for (const std::string& target : vector_targets()) {
    const ForcedTarget forced(target);
    for (const BaselineKind& kind : usual_kinds()) {
      const Bytes bytes = encode_baseline(wavy(50, 140, 3), kind);
      for (int i = 0; i < 40; ++i) {
        for (const Color color : {Color::kRgb, Color::kGray}) {
          const Rect region = random_region(50, 140, &state);
          Guarded guarded({region.height, region.width, color == Color::kGray ? 1 : 3, DType::kUint8});
          ImageShape shape;
          ASSERT_FALSE(decoders.open(bytes, {.color = color}, &shape));
          ASSERT_FALSE(decoders.decode(region, guarded.view()));
          ASSERT_EQ(decoders.route(), DecodeRoute::kOwn);
          ASSERT_TRUE(guarded.is_intact()) << target << " " << name_of(kind);
        }
      }
    }
  }
}

TEST(JpegBaseline, EveryColorOfYcc) {
  std::vector<uint8_t> light(256);
  std::vector<uint8_t> blueness(256);
  std::vector<uint8_t> redness(256);
  std::vector<uint8_t> pixels(3 * 256);
  const auto clamped = [](int64_t value) { return static_cast<int>(std::clamp<int64_t>(value, 0, 255)); };
  for (const std::string& target : vector_targets()) {
    const ForcedTarget forced(target);
    for (int b = 0; b < 256; ++b) {
      for (int r = 0; r < 256; ++r) {
        for (int i = 0; i < 256; ++i) {
          light[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
          blueness[static_cast<size_t>(i)] = static_cast<uint8_t>(b);
          redness[static_cast<size_t>(i)] = static_cast<uint8_t>(r);
        }
        pixels_from_ycc(light.data(), blueness.data(), redness.data(), 256, false, pixels.data());
        // The standard's equations with 16 bits of fraction.
        const int64_t red = (int64_t{91881} * (r - 128) + 32768) >> 16;
        const int64_t green = (int64_t{-22554} * (b - 128) - int64_t{46802} * (r - 128) + 32768) >> 16;
        const int64_t blue = (int64_t{116130} * (b - 128) + 32768) >> 16;
        for (int y = 0; y < 256; y += 1 + (b + r) % 7) {
          const uint8_t* pixel = pixels.data() + 3 * y;
          ASSERT_TRUE(pixel[0] == clamped(y + red) && pixel[1] == clamped(y + green) &&
                      pixel[2] == clamped(y + blue))
              << target << " " << y << " " << b << " " << r;
        }
      }
    }
  }
}

TEST(JpegBaseline, LeavesTheRestToTheLibraryAndSaysWhy) {
  DecoderSet decoders;
  uint32_t state = 29;
  const Pixels pixels = wavy(40, 56, 3);
  struct Case {
    Bytes bytes;
    DecodeRoute route;
  };
  Bytes unended = encode_jpeg(pixels, {});
  unended.insert(unended.end(), 70'000, 0);
  const std::vector<Case> cases = {
      {encode_jpeg(pixels, {.scans = JpegScans::kProgressive}), DecodeRoute::kProgressive},
      {encode_jpeg(pixels, {.is_arithmetic = true}), DecodeRoute::kArithmetic},
      {encode_jpeg(wavy(40, 56, 4), {.color = JpegColor::kCmyk}), DecodeRoute::kColor},
      {encode_jpeg(pixels, {.luma = {4, 1}}), DecodeRoute::kSampling},
      {encode_jpeg(pixels, {.scans = JpegScans::kPerComponent}), DecodeRoute::kScans},
      {unended, DecodeRoute::kNoEnd},
      {encode_jpeg(pixels, {}), DecodeRoute::kOwn}};
  for (const Case& each : cases) {
    ASSERT_NO_FATAL_FAILURE(expect_library_pixels(decoders, each.bytes, {}, 5, &state, &each.route,
                                                  std::string(stoker::name_of(each.route))));
  }
  decode_with(decoders, encode_png(pixels, {}));
  EXPECT_EQ(decoders.route(), DecodeRoute::kOnlyWay);
}

Bytes without_segments(Bytes jpeg, uint8_t code) {
  for (size_t at = find_marker(jpeg, code); at < find_marker(jpeg, 0xda); at = find_marker(jpeg, code)) {
    const size_t size = 2 + static_cast<size_t>(jpeg[at + 2] << 8 | jpeg[at + 3]);
    jpeg.erase(jpeg.begin() + static_cast<ptrdiff_t>(at), jpeg.begin() + static_cast<ptrdiff_t>(at + size));
  }
  return jpeg;
}

TEST(JpegBaseline, TablesOfTheFileBeforeAreForgotten) {
  const Bytes whole = encode_baseline(wavy(40, 50, 3), {});
  const Bytes motion = without_segments(whole, 0xc4);  // as Motion JPEG has it: the standard's tables
  const Bytes unquantized = without_segments(whole, 0xdb);
  ASSERT_LT(motion.size() + 300, whole.size());
  for (const bool only_library : {false, true}) {
    const DecodeOptions options{.only_libjpeg_turbo = only_library};
    DecoderSet decoders;
    const Pixels expected = decode_with(decoders, whole, options).pixels;
    for (int quality = 10; quality <= 90; quality += 40) {
      const Bytes other = encode_baseline(noisy(40, 50, 3, 8), {.quality = quality, .has_own_tables = true});
      ASSERT_FALSE(decode_with(decoders, other, options).failure);
      const Decoded decoded = decode_with(decoders, motion, options);
      ASSERT_FALSE(decoded.failure) << decoded.failure->message();
      EXPECT_TRUE(decoded.pixels == expected);
      const Decoded refused = decode_with(decoders, unquantized, options);
      ASSERT_TRUE(refused.failure);
      EXPECT_NE(refused.failure->found.find("Quantization table"), std::string::npos)
          << refused.failure->found;
    }
  }
}

// Whatever the damage: the same pixels, or both refuse, with the same words.
TEST(JpegBaseline, DamagedFilesGetTheLibrarysVerdict) {
  DecoderSet decoders;
  DecoderSet library;
  uint32_t state = 31;
  int own_count = 0;
  std::map<int, Bytes> made;
  for (int i = 0; i < 6000; ++i) {
    BaselineKind kind = usual_kinds()[static_cast<size_t>(i % 6)];
    kind.has_own_tables = i % 4 == 0;
    kind.restart_mcus = i % 3 == 0 ? 5 : 0;
    const bool is_gray = i % 12 == 0;
    if (is_gray) kind.samplings[0] = {1, 3};  // the library then reads three rows of blocks at a time
    Bytes& good = made[i % 12];               // all of the above follow from the remainder
    if (good.empty()) good = encode_baseline(wavy(50, 70, is_gray ? 1 : 3), kind);
    Bytes damaged = good;
    for (uint32_t count = 1 + next_random(&state) % 3; count > 0; --count) {
      const size_t at = next_random(&state) % damaged.size();
      switch (next_random(&state) % 4) {
        case 0:
          damaged[at] = static_cast<uint8_t>(next_random(&state));
          break;
        case 1:
          damaged.erase(damaged.begin() + static_cast<ptrdiff_t>(at));
          break;
        case 2:
          damaged.insert(damaged.begin() + static_cast<ptrdiff_t>(at),
                         static_cast<uint8_t>(next_random(&state)));
          break;
        default:
          damaged[at] ^= static_cast<uint8_t>(1u << next_random(&state) % 8);
      }
    }
    DecodeOptions options;
    options.limits.max_pixels = 1'000'000;
    ImageShape shape;
    if (decoders.open(damaged, options, &shape)) continue;
    const Rect region = random_region(shape.height, shape.width, &state);
    const Decoded got = decode_with(decoders, damaged, options, &region);
    const Decoded expected = by_library(library, damaged, options, &region);
    own_count += !got.failure && decoders.route() == DecodeRoute::kOwn;
    ASSERT_EQ(got.failure.has_value(), expected.failure.has_value()) << i;
    if (got.failure) {
      ASSERT_EQ(got.failure->message(), expected.failure->message()) << i;
    } else {
      ASSERT_TRUE(got.pixels == expected.pixels) << i;
    }
  }
  EXPECT_GT(own_count, 1000);
}

// A restart marker is looked for while far more of the scan is at hand than the last bytes of a segment.
TEST(JpegBaseline, AScanWithoutItsRestartMarkersGetsTheLibrarysVerdict) {
  Bytes bytes = encode_baseline(noisy(120, 400, 3, 8), usual_kinds()[0]);
  const Bytes interval = {0xff, 0xdd, 0, 4, 0, 1};  // a marker after every MCU
  const size_t scan = find_marker(bytes, 0xda);
  ASSERT_GT(bytes.size() - scan, 40'000u);
  bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(scan), interval.begin(), interval.end());
  DecoderSet decoders;
  DecoderSet library;
  for (const Rect region : {Rect{0, 0, 400, 120}, Rect{100, 70, 30, 20}}) {
    const Decoded got = decode_with(decoders, bytes, {}, &region);
    EXPECT_EQ(decoders.route(), DecodeRoute::kDamaged);
    const Decoded expected = by_library(library, bytes, {}, &region);
    ASSERT_EQ(got.failure.has_value(), expected.failure.has_value());
    if (got.failure) {
      EXPECT_EQ(got.failure->message(), expected.failure->message());
    } else {
      EXPECT_TRUE(got.pixels == expected.pixels);
    }
  }
}

}  // namespace
}  // namespace stoker::test
