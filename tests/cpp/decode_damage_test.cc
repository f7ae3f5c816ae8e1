// Damaged, foreign and hostile files end in the right error, soon, and leave the decoder usable.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "encode.h"
#include "stoker/base/clock.h"
#include "stoker/decode/decoder.h"

namespace stoker::test {
namespace {

constexpr Rect kTopRows{0, 0, 8, 4};

Bytes cut(const Bytes& bytes, size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)};
}

Bytes joined(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

std::vector<JpegKind> damage_kinds() {
  return {{.name = "420", .luma = {2, 2}},
          {.name = "gray", .color = JpegColor::kGray},
          {.name = "restarts", .luma = {2, 1}, .restart_rows = 1},
          {.name = "progressive", .luma = {2, 2}, .scans = JpegScans::kProgressive},
          {.name = "arithmetic", .is_arithmetic = true},
          {.name = "scan each", .scans = JpegScans::kPerComponent}};
}

Bytes damage_sample(const JpegKind& kind) {
  return encode_jpeg(wavy(40, 56, kind.color == JpegColor::kGray ? 1 : 3), kind);
}

// The size that a JPEG's frame header claims.
void claim_size(Bytes& jpeg, int width, int height) {
  for (const uint8_t code : {0xc0, 0xc1, 0xc2, 0xc9, 0xca}) {
    const size_t at = find_marker(jpeg, code);
    if (at == jpeg.size()) continue;
    jpeg[at + 5] = static_cast<uint8_t>(height >> 8);
    jpeg[at + 6] = static_cast<uint8_t>(height);
    jpeg[at + 7] = static_cast<uint8_t>(width >> 8);
    jpeg[at + 8] = static_cast<uint8_t>(width);
  }
}

TEST(DamagedJpeg, CutAnywhereIsTruncated) {
  DecoderSet decoders;
  for (const JpegKind& kind : damage_kinds()) {
    const Bytes bytes = damage_sample(kind);
    ASSERT_FALSE(decode_with(decoders, bytes).failure);
    for (size_t size = 0; size < bytes.size(); ++size) {
      for (const Rect* region : {static_cast<const Rect*>(nullptr), &kTopRows}) {
        const Decoded decoded = decode_with(decoders, cut(bytes, size), {}, region);
        ASSERT_TRUE(decoded.failure) << kind.name << " cut to " << size << " of " << bytes.size();
        if (size >= 3) {
          ASSERT_EQ(decoded.failure->code, SampleErrorCode::kTruncated) << kind.name << " " << size;
        }
      }
    }
    ASSERT_FALSE(decode_with(decoders, bytes).failure);
  }
}

TEST(DamagedJpeg, TellsTheRowsThatAreThere) {
  DecoderSet decoders;
  const Bytes bytes = damage_sample({.luma = {2, 2}});
  const Decoded half = decode_with(decoders, cut(bytes, bytes.size() * 3 / 4));
  ASSERT_TRUE(half.failure);
  EXPECT_NE(half.failure->found.find(" of 40 rows"), std::string::npos) << half.failure->found;
  EXPECT_EQ(half.failure->step, "decode/jpeg");
  const Decoded unended = decode_with(decoders, cut(bytes, bytes.size() - 1));
  ASSERT_TRUE(unended.failure);
}

TEST(DamagedJpeg, CutWithAnEndMarkerIsCorrupt) {
  DecoderSet decoders;
  const Bytes bytes = damage_sample({.luma = {2, 2}});
  const size_t first = find_marker(bytes, 0xda) + 14;
  for (size_t size = first; size < bytes.size() - 2; ++size) {
    const Decoded decoded = decode_with(decoders, joined(cut(bytes, size), {0xff, 0xd9}));
    ASSERT_TRUE(decoded.failure) << size;
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kCorrupt);
  }
}

TEST(DamagedJpeg, ThumbnailsEndMarkerDoesNotCount) {
  DecoderSet decoders;
  Bytes app1 = {'E', 'x', 'i', 'f', 0, 0, 0xff, 0xd8, 0xff, 0xd9};
  const Bytes bytes = damage_sample({.luma = {2, 2}, .app1 = app1});
  const Decoded decoded = decode_with(decoders, cut(bytes, bytes.size() - 20), {}, &kTopRows);
  ASSERT_TRUE(decoded.failure);
  EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTruncated);
}

TEST(DamagedJpeg, WhatFollowsTheRegionIsNotRead) {
  DecoderSet decoders;
  const Bytes good = encode_jpeg(wavy(400, 300, 3), {.luma = {2, 2}});
  const Rect region{10, 5, 100, 60};
  const Decoded expected = decode_with(decoders, good, {}, &region);
  Bytes damaged = good;
  for (size_t i = good.size() * 3 / 4; i < good.size() * 3 / 4 + 200; ++i) damaged[i] = 0x11;
  const Decoded part = decode_with(decoders, damaged, {}, &region);
  ASSERT_FALSE(part.failure);
  EXPECT_TRUE(part.pixels == expected.pixels);

  // Without an end marker in sight the same damage is found, and so is its absence in a whole file.
  EXPECT_TRUE(decode_with(decoders, cut(good, good.size() - 2), {}, &region).failure);
  const Bytes padded = joined(good, Bytes(100'000, 0));
  const Decoded judged = decode_with(decoders, padded, {}, &region);
  ASSERT_FALSE(judged.failure) << judged.failure->message();
  EXPECT_TRUE(judged.pixels == expected.pixels);
}

TEST(DamagedJpeg, ExtraBytesBeforeAMarkerAreHarmless) {
  DecoderSet decoders;
  const Bytes good = damage_sample({.luma = {2, 2}});
  const Pixels expected = decode_with(decoders, good).pixels;
  Bytes padded = good;
  padded.insert(padded.begin() + static_cast<ptrdiff_t>(find_marker(good, 0xdb)), {0, 1, 2, 3});
  const Decoded decoded = decode_with(decoders, padded);
  ASSERT_FALSE(decoded.failure) << decoded.failure->message();
  EXPECT_TRUE(decoded.pixels == expected);
  EXPECT_TRUE(decode_with(decoders, joined(good, Bytes(100, 0x20))).pixels == expected);
}

TEST(DamagedJpeg, FlippedBitsNeverCrash) {
  DecoderSet decoders;
  uint32_t state = 37;
  int failure_count = 0;
  for (const JpegKind& kind : damage_kinds()) {
    const Bytes good = damage_sample(kind);
    for (int i = 0; i < 3000; ++i) {
      Bytes damaged = good;
      damaged[next_random(&state) % damaged.size()] ^= static_cast<uint8_t>(1u << (next_random(&state) % 8));
      if (i % 3 == 0)
        damaged[next_random(&state) % damaged.size()] = static_cast<uint8_t>(next_random(&state));
      DecodeOptions options{.apply_exif_orientation = true};
      options.limits.max_pixels = 1'000'000;
      failure_count += decode_with(decoders, damaged, options).failure.has_value();
      ImageShape shape;
      if (decoders.open(damaged, options, &shape)) continue;
      Pixels part = blank({1, 1, 3, DType::kUint8});
      failure_count += decoders.decode({shape.width / 2, shape.height / 2, 1, 1}, part.view()).has_value();
    }
    ASSERT_FALSE(decode_with(decoders, good).failure);
  }
  EXPECT_GT(failure_count, 3000);
}

TEST(HostileJpeg, SizesAreRefusedBeforeAllocation) {
  DecoderSet decoders;
  const int64_t before = peak_memory_bytes();
  for (const JpegKind& kind : damage_kinds()) {
    Bytes bytes = damage_sample(kind);
    for (const auto& [width, height] : std::vector<std::pair<int, int>>{
             {65500, 65500}, {65535, 1}, {1, 65535}, {65535, 65535}, {12000, 10001}}) {
      claim_size(bytes, width, height);
      const Decoded decoded = decode_with(decoders, bytes);
      ASSERT_TRUE(decoded.failure);
      EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTooLarge) << decoded.failure->message();
      EXPECT_NE(decoded.failure->found.find(std::to_string(width)), std::string::npos)
          << decoded.failure->message();
    }
    claim_size(bytes, 10000, 11000);
    if (kind.is_arithmetic) continue;
    ImageShape shape;
    const Failure failure = decoders.open(bytes, {}, &shape);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->code, SampleErrorCode::kTruncated) << failure->message();
  }
  EXPECT_LT(peak_memory_bytes() - before, int64_t{64} << 20);
}

TEST(HostileJpeg, AThousandScansAreRefusedSoon) {
  DecoderSet decoders;
  for (const JpegScans scans : {JpegScans::kSpectral, JpegScans::kPerComponent}) {
    const Bytes good = encode_jpeg(wavy(200, 200, 3), {.scans = scans});
    size_t last = 0;
    int scan_count = 0;
    for (size_t at = find_marker(good, 0xda); at != good.size(); at = find_marker(good, 0xda, at + 1)) {
      last = at;
      ++scan_count;
    }
    const Bytes scan(good.begin() + static_cast<ptrdiff_t>(last), good.end() - 2);
    const auto with_scans = [&](int count) {
      Bytes bytes = cut(good, good.size() - 2);
      for (int i = scan_count; i < count; ++i) bytes.insert(bytes.end(), scan.begin(), scan.end());
      return joined(std::move(bytes), {0xff, 0xd9});
    };
    const Decoded just_right = decode_with(decoders, with_scans(100));
    EXPECT_FALSE(just_right.failure) << just_right.failure->message();
    EXPECT_TRUE(decode_with(decoders, with_scans(101)).failure);

    const Bytes bomb = with_scans(1000);
    DecodeOptions options;
    const auto decode_timed = [&](int64_t* cpu_ns) {
      const int64_t start_ns = thread_cpu_ns();
      ImageShape shape;
      Failure failure = decoders.open(bomb, options, &shape);
      Pixels pixels = blank(shape);
      if (!failure) failure = decoders.decode({0, 0, shape.width, shape.height}, pixels.view());
      *cpu_ns = thread_cpu_ns() - start_ns;
      return failure;
    };
    int64_t refusal_ns = 0;
    int64_t patience_ns = 0;
    const Failure refused = decode_timed(&refusal_ns);
    options.limits.max_scans = 10'000;
    const Failure accepted = decode_timed(&patience_ns);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, SampleErrorCode::kTooLarge);
    EXPECT_NE(refused->found.find("more than 100 scans"), std::string::npos) << refused->found;
    EXPECT_FALSE(accepted) << accepted->message();
    EXPECT_LT(refusal_ns * 3, patience_ns);
  }
}

TEST(HostileImages, CpuDeadline) {
  DecoderSet decoders;
  DecodeOptions options;
  options.limits.max_cpu_ns = 1000;
  const Pixels pixels = wavy(1200, 1600, 3);
  for (const Bytes& bytes :
       {encode_jpeg(pixels, {.luma = {2, 2}}), encode_jpeg(pixels, {.scans = JpegScans::kProgressive}),
        encode_png(pixels, {})}) {
    const Decoded decoded = decode_with(decoders, bytes, options);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTooLarge);
    EXPECT_NE(decoded.failure->found.find("CPU time"), std::string::npos) << decoded.failure->found;
  }
}

TEST(UnsupportedJpeg, SaysWhatItIs) {
  DecoderSet decoders;
  const Bytes good = damage_sample({.luma = {2, 2}});
  const size_t frame = find_marker(good, 0xc0);
  Bytes twelve_bits = good;
  twelve_bits[frame + 4] = 12;
  Bytes lossless = good;
  lossless[frame + 1] = 0xc3;
  const Bytes two = encode_jpeg(wavy(20, 20, 2), {.color = JpegColor::kTwo});
  for (const Bytes& bytes : {twelve_bits, lossless, two}) {
    const Decoded decoded = decode_with(decoders, bytes);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kUnsupported) << decoded.failure->message();
    EXPECT_FALSE(decoded.failure->found.empty());
  }
}

std::vector<Bytes> damage_pngs() {
  PngKind palette{.bit_depth = 4, .color_type = 3};
  palette.palette = noisy(1, 16, 3, 8).bytes;
  palette.palette_alpha = {1, 2, 3};
  return {encode_png(noisy(9, 11, 3, 8), {}),
          encode_png(noisy(9, 11, 4, 16), {.bit_depth = 16, .color_type = 6, .is_interlaced = true}),
          encode_png(noisy(9, 11, 1, 4), palette)};
}

TEST(DamagedPng, CutAnywhereIsAnError) {
  DecoderSet decoders;
  for (const Bytes& bytes : damage_pngs()) {
    ASSERT_FALSE(decode_with(decoders, bytes).failure);
    for (size_t size = 0; size < bytes.size(); ++size) {
      for (const Rect* region : {static_cast<const Rect*>(nullptr), &kTopRows}) {
        const Decoded decoded = decode_with(decoders, cut(bytes, size), {}, region);
        ASSERT_TRUE(decoded.failure) << size;
        if (size >= 8) {
          ASSERT_EQ(decoded.failure->code, SampleErrorCode::kTruncated) << size;
        }
      }
    }
    EXPECT_FALSE(decode_with(decoders, joined(bytes, Bytes(50, 7))).failure);
    EXPECT_FALSE(decode_with(decoders, joined(bytes, Bytes(70'000, 7)), {}, &kTopRows).failure);
  }
}

TEST(DamagedPng, EveryFlippedBitIsFound) {
  DecoderSet decoders;
  for (const Bytes& good : damage_pngs()) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes damaged = good;
        damaged[at] ^= static_cast<uint8_t>(1u << bit);
        ASSERT_TRUE(decode_with(decoders, damaged).failure) << at << " " << bit;
      }
    }
    ASSERT_FALSE(decode_with(decoders, good).failure);
  }
}

TEST(HostilePng, SizesAreRefusedBeforeAllocation) {
  DecoderSet decoders;
  const int64_t before = peak_memory_bytes();
  const Bytes good = encode_png(noisy(9, 11, 3, 8), {.is_interlaced = true});
  const auto claim = [&](uint32_t width, uint32_t height) {
    Bytes header = cut(Bytes(good.begin() + 16, good.end()), 13);
    for (int i = 0; i < 4; ++i) {
      header[static_cast<size_t>(i)] = static_cast<uint8_t>(width >> (24 - 8 * i));
      header[static_cast<size_t>(4 + i)] = static_cast<uint8_t>(height >> (24 - 8 * i));
    }
    Bytes bytes = joined(cut(good, 8), png_chunk("IHDR", header));
    bytes.insert(bytes.end(), good.begin() + 33, good.end());
    return decode_with(decoders, bytes);
  };
  for (const auto& [width, height] : std::vector<std::pair<uint32_t, uint32_t>>{
           {65500, 65500}, {70000, 1}, {1, 70000}, {0x7fffffff, 0x7fffffff}, {0xffffffff, 0xffffffff}}) {
    const Decoded decoded = claim(width, height);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTooLarge) << decoded.failure->message();
  }
  const Decoded tiny = claim(10000, 11000);
  ASSERT_TRUE(tiny.failure);
  EXPECT_EQ(tiny.failure->code, SampleErrorCode::kTruncated) << tiny.failure->message();
  EXPECT_TRUE(claim(0, 5).failure);
  EXPECT_LT(peak_memory_bytes() - before, int64_t{64} << 20);
}

TEST(UnknownFormats, AreNamedByTheirFirstBytes) {
  DecoderSet decoders;
  const Decoded gif = decode_with(decoders, {'G', 'I', 'F', '8', '9', 'a'});
  ASSERT_TRUE(gif.failure);
  EXPECT_EQ(gif.failure->code, SampleErrorCode::kUnknownFormat);
  EXPECT_NE(gif.failure->found.find("47 49 46 38 39 61"), std::string::npos) << gif.failure->found;
  EXPECT_NE(gif.failure->found.find("jpeg npy png"), std::string::npos) << gif.failure->found;
  const Decoded empty = decode_with(decoders, {});
  ASSERT_TRUE(empty.failure);
  EXPECT_EQ(empty.failure->code, SampleErrorCode::kEmpty);
}

}  // namespace
}  // namespace stoker::test
