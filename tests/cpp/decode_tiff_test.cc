// TIFF: every kind gives the samples that were written, whole and in part; hostile files end in an error.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <tiffio.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstring>
#include <limits>

#include "encode.h"
#include "stoker/decode/decoder.h"

namespace stoker::test {
namespace {

struct TiffKind {
  std::string name = {};
  DType dtype = DType::kUint8;
  int bands = 1;
  int compression = COMPRESSION_NONE;
  int predictor = 1;
  bool is_planar = false;
  int tile = 0;            // side; 0 for strips
  int rows_per_strip = 3;  // 0: one strip
  const char* mode = "wl";
  int photometric = PHOTOMETRIC_MINISBLACK;
  int orientation = 1;
  std::string nodata = {};
};

struct Memory {
  Bytes bytes;
  size_t position = 0;
};

tmsize_t read_memory(thandle_t handle, void* to, tmsize_t count) {
  Memory& memory = *static_cast<Memory*>(handle);
  const size_t end = std::min(memory.bytes.size(), memory.position + static_cast<size_t>(count));
  const size_t found = end > memory.position ? end - memory.position : 0;
  if (found > 0) std::memcpy(to, memory.bytes.data() + memory.position, found);
  memory.position += found;
  return static_cast<tmsize_t>(found);
}

tmsize_t write_memory(thandle_t handle, void* from, tmsize_t count) {
  Memory& memory = *static_cast<Memory*>(handle);
  const auto size = static_cast<size_t>(count);
  if (memory.bytes.size() < memory.position + size) memory.bytes.resize(memory.position + size);
  std::memcpy(memory.bytes.data() + memory.position, from, size);
  memory.position += size;
  return count;
}

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  Memory& memory = *static_cast<Memory*>(handle);
  memory.position = offset + (whence == SEEK_CUR   ? memory.position
                              : whence == SEEK_END ? memory.bytes.size()
                                                   : 0);
  return memory.position;
}

int close_memory(thandle_t) { return 0; }

toff_t size_of_memory(thandle_t handle) { return static_cast<Memory*>(handle)->bytes.size(); }

// Of the encoder only: that the decoder prints nothing is tested.
int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

constexpr uint32_t kNodataTag = 42113;

// `pixels` has all bands, packed.
Bytes encode_tiff(const Pixels& pixels, const TiffKind& kind) {
  Memory memory;
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, nullptr);
  TIFF* file = TIFFClientOpenExt("test", kind.mode, &memory, read_memory, write_memory, seek_memory,
                                 close_memory, size_of_memory, nullptr, nullptr, options);
  TIFFOpenOptionsFree(options);
  const ImageShape& shape = pixels.shape;
  const auto sample_bytes = static_cast<int>(size_of(shape.dtype));
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(shape.width));
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(shape.height));
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, shape.channels);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 8 * sample_bytes);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT,
               shape.dtype == DType::kFloat32                                 ? SAMPLEFORMAT_IEEEFP
               : shape.dtype == DType::kInt16 || shape.dtype == DType::kInt32 ? SAMPLEFORMAT_INT
                                                                              : SAMPLEFORMAT_UINT);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, kind.photometric);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, kind.is_planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(file, TIFFTAG_COMPRESSION, kind.compression);
  TIFFSetField(file, TIFFTAG_ORIENTATION, kind.orientation);
  if (kind.predictor != 1) TIFFSetField(file, TIFFTAG_PREDICTOR, kind.predictor);
  if (kind.photometric == PHOTOMETRIC_PALETTE) {
    uint16_t map[3][256];
    for (int i = 0; i < 256; ++i) {
      map[0][i] = static_cast<uint16_t>(i * 256 + 7);
      map[1][i] = static_cast<uint16_t>((255 - i) * 256 + 200);
      map[2][i] = static_cast<uint16_t>((i * 3 % 256) * 256 + 255);
    }
    TIFFSetField(file, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
  }
  if (!kind.nodata.empty()) {
    const TIFFFieldInfo info{kNodataTag, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, const_cast<char*>("Nodata")};
    TIFFMergeFieldInfo(file, &info, 1);
    TIFFSetField(file, kNodataTag, kind.nodata.c_str());
  }
  const int rows = kind.rows_per_strip == 0 ? shape.height : kind.rows_per_strip;
  if (kind.tile != 0) {
    TIFFSetField(file, TIFFTAG_TILEWIDTH, kind.tile);
    TIFFSetField(file, TIFFTAG_TILELENGTH, kind.tile);
  } else {
    TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, rows);
  }
  const int chunk_width = kind.tile != 0 ? kind.tile : shape.width;
  const int chunk_height = kind.tile != 0 ? kind.tile : rows;
  const int planes = kind.is_planar ? shape.channels : 1;
  const int samples = kind.is_planar ? 1 : shape.channels;
  uint32_t chunk = 0;
  for (int plane = 0; plane < planes; ++plane) {
    for (int top = 0; top < shape.height; top += chunk_height) {
      const int chunk_rows = kind.tile != 0 ? chunk_height : std::min(chunk_height, shape.height - top);
      for (int left = 0; left < shape.width; left += chunk_width, ++chunk) {
        Bytes data(static_cast<size_t>(chunk_rows) * chunk_width * samples * sample_bytes, 0xa5);
        for (int y = top; y < std::min(shape.height, top + chunk_rows); ++y) {
          for (int x = left; x < std::min(shape.width, left + chunk_width); ++x) {
            std::memcpy(data.data() +
                            (static_cast<size_t>(y - top) * chunk_width + x - left) * samples * sample_bytes,
                        pixels.view().row<uint8_t>(y) + (x * shape.channels + plane) * sample_bytes,
                        static_cast<size_t>(samples) * sample_bytes);
          }
        }
        if (kind.tile != 0) {
          TIFFWriteEncodedTile(file, chunk, data.data(), static_cast<tmsize_t>(data.size()));
        } else {
          TIFFWriteEncodedStrip(file, chunk, data.data(), static_cast<tmsize_t>(data.size()));
        }
      }
    }
  }
  TIFFClose(file);
  return memory.bytes;
}

// Random samples of few values, so that every codec has something to pack.
Pixels samples_of(int height, int width, int bands, DType dtype) {
  Pixels pixels = blank({height, width, bands, dtype});
  uint32_t state = 5;
  for (size_t i = 0; i < pixels.bytes.size(); ++i) {
    pixels.bytes[i] = static_cast<uint8_t>(next_random(&state) % 3 == 0 ? next_random(&state) : i / 7);
  }
  return pixels;
}

Bytes encode_samples(int height, int width, const TiffKind& kind) {
  return encode_tiff(samples_of(height, width, kind.bands, kind.dtype), kind);
}

const DecodeOptions kAll{.color = Color::kUnchanged, .keep_wide = true};

std::vector<TiffKind> tiff_kinds() {
  std::vector<TiffKind> kinds;
  constexpr int kCompressions[] = {COMPRESSION_NONE,    COMPRESSION_LZW,      COMPRESSION_ADOBE_DEFLATE,
                                   COMPRESSION_DEFLATE, COMPRESSION_PACKBITS, COMPRESSION_ZSTD};
  const char* const modes[] = {"wl", "wb", "wl8", "wb8"};
  int count = 0;
  for (const DType dtype : {DType::kUint8, DType::kUint16, DType::kInt16, DType::kInt32, DType::kFloat32}) {
    for (const int compression : kCompressions) {
      for (const int bands : {1, 3, 13}) {
        for (int layout = 0; layout < 4; ++layout) {
          TiffKind kind{.dtype = dtype, .bands = bands, .compression = compression};
          kind.is_planar = layout % 2 == 1;
          kind.tile = layout >= 2 ? 16 : 0;
          kind.rows_per_strip = count % 3 == 0 ? 0 : 3;
          const bool can_predict = compression != COMPRESSION_NONE && compression != COMPRESSION_PACKBITS;
          if (can_predict) kind.predictor = 1 + count % (dtype == DType::kFloat32 ? 3 : 2);
          for (int m = 0; m < 2; ++m) {
            kind.mode = modes[(count / 4 + 3 * m) % 4];
            // libtiff 4.5 writes floats with this predictor wrongly in the foreign byte order.
            if (kind.predictor == 3) kind.mode = m == 0 ? "w" : "w8";
            kind.name = std::string(name_of(dtype)) + " x " + std::to_string(bands) + ", compression " +
                        std::to_string(compression) + ", predictor " + std::to_string(kind.predictor) +
                        (kind.is_planar ? ", planar" : "") + (kind.tile != 0 ? ", tiles, " : ", strips, ") +
                        kind.mode;
            kinds.push_back(kind);
          }
          ++count;
        }
      }
    }
  }
  return kinds;
}

// A few that differ in what the decoder does.
std::vector<TiffKind> few_kinds() {
  return {{.name = "none", .bands = 3},
          {.name = "none big-endian", .dtype = DType::kUint16, .bands = 2, .mode = "wb"},
          {.name = "none planar", .dtype = DType::kFloat32, .bands = 3, .is_planar = true, .mode = "wb8"},
          {.name = "none tiles", .dtype = DType::kInt16, .tile = 16},
          {.name = "lzw", .bands = 3, .compression = COMPRESSION_LZW, .predictor = 2},
          {.name = "deflate",
           .dtype = DType::kUint16,
           .bands = 5,
           .compression = COMPRESSION_ADOBE_DEFLATE,
           .predictor = 2,
           .mode = "wb"},
          {.name = "deflate one strip",
           .dtype = DType::kInt32,
           .compression = COMPRESSION_ADOBE_DEFLATE,
           .rows_per_strip = 0},
          {.name = "deflate tiles",
           .bands = 4,
           .compression = COMPRESSION_ADOBE_DEFLATE,
           .is_planar = true,
           .tile = 16,
           .mode = "wl8"},
          {.name = "packbits", .dtype = DType::kInt16, .bands = 2, .compression = COMPRESSION_PACKBITS},
          {.name = "zstd float",
           .dtype = DType::kFloat32,
           .bands = 2,
           .compression = COMPRESSION_ZSTD,
           .predictor = 3,
           .tile = 16}};
}

TEST(TiffDecode, EveryKindGivesTheSamples) {
  DecoderSet decoders;
  for (const TiffKind& kind : tiff_kinds()) {
    const Pixels pixels = samples_of(37, 35, kind.bands, kind.dtype);
    const Bytes bytes = encode_tiff(pixels, kind);
    const Decoded decoded = decode_with(decoders, bytes, kAll);
    ASSERT_FALSE(decoded.failure) << kind.name << ": " << decoded.failure->message();
    ASSERT_TRUE(decoded.pixels == pixels) << kind.name;
    uint32_t state = 3;
    for (int i = 0; i < 10; ++i) {
      const Rect region = random_region(37, 35, &state);
      const Decoded part = decode_with(decoders, bytes, kAll, &region);
      ASSERT_FALSE(part.failure) << kind.name << ": " << part.failure->message();
      ASSERT_TRUE(part.pixels == crop(pixels, region)) << kind.name;
    }
  }
}

TEST(TiffDecode, EveryRectangleEqualsTheCrop) {
  DecoderSet decoders;
  for (const TiffKind& kind : few_kinds()) {
    const int height = kind.tile != 0 ? 18 : 10;
    const int width = kind.tile != 0 ? 19 : 9;
    const Bytes bytes = encode_samples(height, width, kind);
    const Pixels whole = decode_with(decoders, bytes, kAll).pixels;
    const DecodeOptions rgb{.keep_wide = true};
    const Pixels whole_rgb = decode_with(decoders, bytes, rgb).pixels;
    for (int x = 0; x < width; ++x) {
      for (int y = 0; y < height; ++y) {
        for (int end_x = x + 1; end_x <= width; ++end_x) {
          for (int end_y = y + 1; end_y <= height; ++end_y) {
            if (kind.tile != 0 && (x + y + end_x + end_y) % 3 != 0) continue;
            const Rect region{x, y, end_x - x, end_y - y};
            const bool is_rgb = end_x % 2 == 0;
            const Decoded part = decode_with(decoders, bytes, is_rgb ? rgb : kAll, &region);
            ASSERT_FALSE(part.failure) << kind.name << ": " << part.failure->message();
            ASSERT_TRUE(part.pixels == crop(is_rgb ? whole_rgb : whole, region)) << kind.name;
          }
        }
      }
    }
  }
}

TEST(TiffDecode, LongStripsAreUnpackedRowByRow) {
  DecoderSet decoders;
  uint32_t state = 17;
  for (const int compression :
       {COMPRESSION_ADOBE_DEFLATE, COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_ZSTD}) {
    for (const bool is_planar : {false, true}) {
      const int bands = is_planar ? 2 : 3;
      const int height = is_planar ? 1600 : 1100;
      const int width = is_planar ? 1320 : 700;
      TiffKind kind{
          .dtype = DType::kUint16, .bands = bands, .compression = compression, .is_planar = is_planar};
      kind.rows_per_strip = 0;
      if (compression != COMPRESSION_PACKBITS) kind.predictor = 2;
      kind.mode = is_planar ? "wb" : "wl";
      const Pixels pixels = samples_of(height, width, bands, DType::kUint16);
      const Bytes bytes = encode_tiff(pixels, kind);
      const Decoded whole = decode_with(decoders, bytes, kAll);
      ASSERT_FALSE(whole.failure) << whole.failure->message();
      ASSERT_TRUE(whole.pixels == pixels) << compression;
      for (int i = 0; i < 2; ++i) {
        const Rect region = random_region(height, width, &state);
        ASSERT_TRUE(decode_with(decoders, bytes, kAll, &region).pixels == crop(pixels, region))
            << compression;
      }
    }
  }
}

Pixels bands_of(const Pixels& from, const std::vector<int>& bands) {
  Pixels to = blank({from.shape.height, from.shape.width, static_cast<int>(bands.size()), from.shape.dtype});
  const size_t bytes = size_of(from.shape.dtype);
  const size_t count = from.bytes.size() / from.shape.pixel_bytes();
  for (size_t i = 0; i < count; ++i) {
    for (size_t b = 0; b < bands.size(); ++b) {
      std::memcpy(to.bytes.data() + (i * bands.size() + b) * bytes,
                  from.bytes.data() + i * from.shape.pixel_bytes() + static_cast<size_t>(bands[b]) * bytes,
                  bytes);
    }
  }
  return to;
}

Pixels decoded_as(DecoderSet& decoders, const Bytes& bytes, const DecodeOptions& options) {
  const Decoded decoded = decode_with(decoders, bytes, options);
  EXPECT_FALSE(decoded.failure) << decoded.failure->message();
  return decoded.pixels;
}

TEST(TiffDecode, ColoursTakeTheFirstBands) {
  DecoderSet decoders;
  for (const DType dtype : {DType::kUint8, DType::kUint16, DType::kInt16, DType::kInt32, DType::kFloat32}) {
    for (const bool is_planar : {false, true}) {
      TiffKind kind{.dtype = dtype, .bands = 13, .is_planar = is_planar};
      const Pixels many = samples_of(9, 8, 13, dtype);
      const Bytes bytes = encode_tiff(many, kind);
      EXPECT_TRUE(decoded_as(decoders, bytes, {.keep_wide = true}) == bands_of(many, {0, 1, 2}));
      EXPECT_TRUE(decoded_as(decoders, bytes, {.color = Color::kBgr, .keep_wide = true}) ==
                  bands_of(many, {2, 1, 0}));
      for (const int bands : {1, 2}) {
        kind.bands = bands;
        const Pixels few = samples_of(9, 8, bands, dtype);
        const Bytes small = encode_tiff(few, kind);
        EXPECT_TRUE(decoded_as(decoders, small, {.keep_wide = true}) == bands_of(few, {0, 0, 0}));
        EXPECT_TRUE(decoded_as(decoders, small, {.color = Color::kBgr, .keep_wide = true}) ==
                    bands_of(few, {0, 0, 0}));
        EXPECT_TRUE(decoded_as(decoders, small, {.color = Color::kGray, .keep_wide = true}) ==
                    bands_of(few, {0}));
      }
    }
  }
}

uint32_t luma_601(uint32_t r, uint32_t g, uint32_t b) {
  return (19595 * r + 38470 * g + 7471 * b + 32768) / 65536;
}

TEST(TiffDecode, SixteenBitsBecomeEightAsInPng) {
  DecoderSet decoders;
  for (const int bands : {1, 3, 4}) {
    const Pixels wide = samples_of(9, 8, bands, DType::kUint16);
    const Bytes bytes = encode_tiff(wide, {.dtype = DType::kUint16, .bands = bands});
    const Decoded rounded = decode_with(decoders, bytes, {.color = Color::kUnchanged});
    const Decoded pillow =
        decode_with(decoders, bytes, {.color = Color::kUnchanged, .rule = ConversionRule::kPillow});
    ASSERT_FALSE(rounded.failure);
    ASSERT_FALSE(pillow.failure);
    for (size_t i = 0; i < rounded.pixels.bytes.size(); ++i) {
      uint16_t sample = 0;
      std::memcpy(&sample, wide.bytes.data() + 2 * i, 2);
      ASSERT_EQ(rounded.pixels.bytes[i], (sample * 510u + 65535u) / 131070u);
      ASSERT_EQ(pillow.pixels.bytes[i], bands == 1 ? std::min<int>(sample, 255) : sample >> 8);
    }
    if (bands < 3) continue;
    const Decoded gray = decode_with(decoders, bytes, {.color = Color::kGray});
    const Decoded wide_gray = decode_with(decoders, bytes, {.color = Color::kGray, .keep_wide = true});
    for (size_t i = 0; i < gray.pixels.bytes.size(); ++i) {
      uint16_t pixel[3];
      std::memcpy(pixel, wide.bytes.data() + 2 * i * static_cast<size_t>(bands), 6);
      const uint32_t luma = luma_601(pixel[0], pixel[1], pixel[2]);
      uint16_t kept = 0;
      std::memcpy(&kept, wide_gray.pixels.bytes.data() + 2 * i, 2);
      ASSERT_EQ(kept, luma);
      ASSERT_EQ(gray.pixels.bytes[i], (luma * 510u + 65535u) / 131070u);
    }
  }
}

TEST(TiffDecode, WhiteIsZeroAndPalettes) {
  DecoderSet decoders;
  const Pixels pixels = samples_of(9, 8, 1, DType::kUint8);
  const Bytes white = encode_tiff(pixels, {.photometric = PHOTOMETRIC_MINISWHITE});
  EXPECT_TRUE(decoded_as(decoders, white, kAll) == pixels);
  const Pixels gray = decoded_as(decoders, white, {.color = Color::kGray});
  const Pixels rgb = decoded_as(decoders, white, {});
  const Bytes palette = encode_tiff(pixels, {.photometric = PHOTOMETRIC_PALETTE});
  const Pixels colors = decoded_as(decoders, palette, {});
  const Pixels bgr = decoded_as(decoders, palette, {.color = Color::kBgr});
  const Pixels luma = decoded_as(decoders, palette, {.color = Color::kGray});
  EXPECT_TRUE(decoded_as(decoders, palette, kAll) == colors);
  for (size_t i = 0; i < pixels.bytes.size(); ++i) {
    const int index = pixels.bytes[i];
    ASSERT_EQ(gray.bytes[i], 255 - index);
    ASSERT_EQ(rgb.bytes[3 * i + 1], 255 - index);
    const int expected[3] = {index, 255 - index, index * 3 % 256};
    for (size_t c = 0; c < 3; ++c) {
      ASSERT_EQ(colors.bytes[3 * i + c], expected[c]);
      ASSERT_EQ(bgr.bytes[3 * i + 2 - c], expected[c]);
    }
    ASSERT_EQ(luma.bytes[i], luma_601(expected[0], expected[1], expected[2]));
  }
}

TEST(TiffDecode, OrientationIsReported) {
  DecoderSet decoders;
  const Pixels pixels = samples_of(9, 8, 1, DType::kUint16);
  const Bytes bytes = encode_tiff(pixels, {.dtype = DType::kUint16, .orientation = 3});
  DecodeOptions options = kAll;
  EXPECT_TRUE(decoded_as(decoders, bytes, options) == pixels);
  options.apply_exif_orientation = true;
  const Pixels turned = decoded_as(decoders, bytes, options);
  for (size_t i = 0; i < pixels.bytes.size(); i += 2) {
    ASSERT_EQ(std::memcmp(turned.bytes.data() + i, pixels.bytes.data() + pixels.bytes.size() - 2 - i, 2), 0);
  }
  const Bytes many = encode_samples(9, 8, {.bands = 13, .orientation = 6});
  EXPECT_FALSE(decode_with(decoders, many, kAll).failure);
  EXPECT_EQ(decode_with(decoders, many, options).failure->code, SampleErrorCode::kUnsupported);
}

TEST(TiffDecode, NodataOfGdal) {
  DecoderSet decoders;
  const auto nodata_of = [&](const std::string& text, const DecodeOptions& options) {
    const TiffKind kind{.dtype = DType::kUint16, .bands = 2, .mode = "wb", .nodata = text};
    EXPECT_FALSE(decode_with(decoders, encode_samples(9, 8, kind), options).failure);
    return decoders.nodata();
  };
  EXPECT_EQ(nodata_of("-9999", kAll), -9999);
  EXPECT_EQ(nodata_of("0", kAll), 0);  // fits in the entry itself
  EXPECT_EQ(nodata_of(" 65535 ", kAll), 65535);
  EXPECT_EQ(nodata_of("-3.4028234663852886e+38", kAll), -std::numeric_limits<float>::max());
  EXPECT_TRUE(std::isnan(nodata_of("nan", kAll).value()));
  EXPECT_EQ(nodata_of("none", kAll), std::nullopt);
  EXPECT_EQ(nodata_of("12x", kAll), std::nullopt);
  EXPECT_EQ(nodata_of("", kAll), std::nullopt);
  EXPECT_EQ(nodata_of("-9999", {}), std::nullopt);  // samples do not keep their values
}

TEST(UnsupportedTiff, SaysWhatItIs) {
  DecoderSet decoders;
  const auto expect = [&](const Bytes& bytes, const DecodeOptions& options, const std::string& found,
                          const std::string& hint = "") {
    const Decoded decoded = decode_with(decoders, bytes, options);
    ASSERT_TRUE(decoded.failure) << found;
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kUnsupported);
    EXPECT_NE(decoded.failure->found.find(found), std::string::npos) << decoded.failure->message();
    EXPECT_NE(decoded.failure->hint.find(hint), std::string::npos) << decoded.failure->message();
  };
  expect(encode_samples(9, 8, {.compression = COMPRESSION_LZMA}), kAll, "LZMA");
  expect(encode_samples(16, 16, {.bands = 3, .compression = COMPRESSION_JPEG, .rows_per_strip = 16}), kAll,
         "compression 7 (JPEG)");
  for (const DType dtype : {DType::kInt16, DType::kInt32, DType::kFloat32}) {
    expect(encode_samples(9, 8, {.dtype = dtype}), {}, std::string(name_of(dtype)), "dtype=\"auto\"");
    expect(encode_samples(9, 8, {.dtype = dtype, .bands = 3}), {.color = Color::kGray, .keep_wide = true},
           "grey of", "color=\"unchanged\"");
  }
  expect(encode_samples(9, 8, {.bands = 4, .photometric = PHOTOMETRIC_SEPARATED}), {}, "CMYK",
         "color=\"unchanged\"");
  EXPECT_FALSE(
      decode_with(decoders, encode_samples(9, 8, {.bands = 4, .photometric = PHOTOMETRIC_SEPARATED}), kAll)
          .failure);
}

// ---- files made by hand ----

constexpr uint16_t kShort = 3;
constexpr uint16_t kLong = 4;

struct Entry {
  uint16_t tag;
  uint16_t type;
  uint32_t count;
  uint32_t value;
};

Bytes little_endian(uint64_t value, size_t bytes) {
  Bytes result(bytes);
  for (size_t i = 0; i < bytes; ++i) result[i] = static_cast<uint8_t>(value >> (8 * i));
  return result;
}

void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

// Header and directory, then `data` at byte kDataAt.
constexpr uint32_t kDataAt = 512;
Bytes by_hand(const std::vector<Entry>& entries, const Bytes& data) {
  Bytes bytes = {'I', 'I', 42, 0, 8, 0, 0, 0};
  append(bytes, little_endian(entries.size(), 2));
  for (const Entry& entry : entries) {
    append(bytes, little_endian(entry.tag, 2));
    append(bytes, little_endian(entry.type, 2));
    append(bytes, little_endian(entry.count, 4));
    append(bytes, little_endian(entry.value, 4));
  }
  append(bytes, little_endian(0, 4));
  bytes.resize(kDataAt);
  append(bytes, data);
  return bytes;
}

// 4 x 4 bytes in one strip, with other values for some tags.
std::vector<Entry> with(const std::vector<Entry>& changes) {
  std::vector<Entry> entries = {{256, kLong, 1, 4},  {257, kLong, 1, 4},  {258, kShort, 1, 8},
                                {259, kShort, 1, 1}, {262, kShort, 1, 1}, {273, kLong, 1, kDataAt},
                                {277, kShort, 1, 1}, {278, kLong, 1, 4},  {279, kLong, 1, 16}};
  for (const Entry& change : changes) {
    const auto same =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.tag == change.tag; });
    if (same == entries.end()) {
      entries.push_back(change);
    } else if (change.count == 0) {
      entries.erase(same);
    } else {
      *same = change;
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.tag < b.tag; });
  return entries;
}

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

TEST(HostileTiff, DirectoriesAreRefusedBeforeAllocation) {
  DecoderSet decoders;
  const Bytes data(16, 7);
  ASSERT_FALSE(decode_with(decoders, by_hand(with({}), data), kAll).failure);
  struct Case {
    std::string name;
    std::vector<Entry> entries;
    SampleErrorCode code;
  };
  const uint32_t big = 0xffffffff;
  const std::vector<Case> cases = {
      {"wide", with({{256, kLong, 1, big}}), SampleErrorCode::kTooLarge},
      {"high", with({{257, kLong, 1, big}}), SampleErrorCode::kTooLarge},
      {"many pixels", with({{256, kLong, 1, 65500}, {257, kLong, 1, 65500}}), SampleErrorCode::kTooLarge},
      {"no width", with({{256, kLong, 1, 0}}), SampleErrorCode::kCorrupt},
      {"10000 x 11000 in 16 bytes",
       with({{256, kLong, 1, 10000}, {257, kLong, 1, 11000}, {278, kLong, 1, 11000}}),
       SampleErrorCode::kTruncated},
      {"65 bands", with({{277, kShort, 1, 65}}), SampleErrorCode::kUnsupported},
      {"0 bands", with({{277, kShort, 1, 0}}), SampleErrorCode::kCorrupt},
      {"1 bit", with({{258, kShort, 1, 1}}), SampleErrorCode::kUnsupported},
      {"64 bits", with({{258, kShort, 1, 64}}), SampleErrorCode::kUnsupported},
      {"complex", with({{258, kShort, 1, 32}, {339, kShort, 1, 5}}), SampleErrorCode::kUnsupported},
      {"uint32", with({{258, kShort, 1, 32}}), SampleErrorCode::kUnsupported},
      {"int8", with({{339, kShort, 1, 2}}), SampleErrorCode::kUnsupported},
      {"unknown compression", with({{259, kShort, 1, 12345}}), SampleErrorCode::kUnsupported},
      {"strip beyond the end", with({{273, kLong, 1, kDataAt + 1}}), SampleErrorCode::kTruncated},
      {"strip offset wraps", with({{273, kLong, 1, big}}), SampleErrorCode::kTruncated},
      {"strip bytes wrap", with({{279, kLong, 1, big}}), SampleErrorCode::kTruncated},
      {"short strip", with({{279, kLong, 1, 15}}), SampleErrorCode::kTruncated},
      {"sparse strip", with({{279, kLong, 1, 0}}), SampleErrorCode::kUnsupported},
      {"two strips, one offset", with({{278, kLong, 1, 2}}), SampleErrorCode::kCorrupt},
      {"no offsets", with({{273, kLong, 0, 0}}), SampleErrorCode::kCorrupt},
      {"a billion offsets", with({{273, kLong, 1'000'000'000, 8}}), SampleErrorCode::kTruncated},
      {"values wrap", with({{273, kLong, 0x40000001, 8}}), SampleErrorCode::kTruncated},
      {"0 rows a strip", with({{278, kLong, 1, 0}}), SampleErrorCode::kCorrupt},
      {"float width", with({{256, 11, 1, 0x40800000}}), SampleErrorCode::kCorrupt},
      {"unknown type", with({{256, 99, 1, 4}}), SampleErrorCode::kCorrupt},
      {"planar 3", with({{284, kShort, 1, 3}}), SampleErrorCode::kCorrupt},
      {"YCbCr", with({{262, kShort, 1, 6}}), SampleErrorCode::kUnsupported},
      {"palette without map", with({{262, kShort, 1, 3}}), SampleErrorCode::kCorrupt},
      {"short palette", with({{262, kShort, 1, 3}, {320, kShort, 2, 0}}), SampleErrorCode::kCorrupt},
      {"thumbnail", with({{254, kLong, 1, 1}}), SampleErrorCode::kUnsupported},
      {"reversed bits", with({{266, kShort, 1, 2}}), SampleErrorCode::kUnsupported},
      {"slices", with({{32997, kLong, 1, 2}}), SampleErrorCode::kUnsupported},
      {"tile without height", with({{322, kLong, 1, 16}}), SampleErrorCode::kCorrupt},
      {"vast tile",
       with({{322, kLong, 1, big}, {323, kLong, 1, big}, {324, kLong, 1, kDataAt}, {325, kLong, 1, 16}}),
       SampleErrorCode::kTooLarge},
      {"large tile of a small image",
       with({{259, kShort, 1, 5},
             {322, kLong, 1, 8192},
             {323, kLong, 1, 8192},
             {324, kLong, 1, kDataAt},
             {325, kLong, 1, 16}}),
       SampleErrorCode::kTooLarge},
      {"predictor 9", with({{259, kShort, 1, 8}, {317, kShort, 1, 9}}), SampleErrorCode::kUnsupported},
      {"float predictor on bytes", with({{259, kShort, 1, 8}, {317, kShort, 1, 3}}),
       SampleErrorCode::kCorrupt},
      {"too many bytes",
       with({{256, kLong, 1, 10000},
             {257, kLong, 1, 10000},
             {258, kShort, 1, 32},
             {339, kShort, 1, 3},
             {277, kShort, 1, 64},
             {278, kLong, 1, 10000},
             {259, kShort, 1, 50000}}),
       SampleErrorCode::kTooLarge},
  };
  const int64_t before = peak_memory_bytes();
  for (const Case& hostile : cases) {
    const Decoded decoded = decode_with(decoders, by_hand(hostile.entries, data), kAll);
    ASSERT_TRUE(decoded.failure) << hostile.name;
    EXPECT_EQ(decoded.failure->code, hostile.code) << hostile.name << ": " << decoded.failure->message();
    EXPECT_EQ(decoded.failure->step, "decode/tiff");
  }
  std::vector<Entry> twice = with({});
  twice.insert(twice.begin(), twice.front());
  EXPECT_EQ(decode_with(decoders, by_hand(twice, data), kAll).failure->code, SampleErrorCode::kCorrupt);
  EXPECT_LT(peak_memory_bytes() - before, int64_t{64} << 20);
}

TEST(HostileTiff, BombsAreRefused) {
  DecoderSet decoders;
  const int64_t before = peak_memory_bytes();
  // 64 MiB of pixels; each number of bytes is just below what the codec needs at least.
  for (const auto& [compression, stored] : std::vector<std::pair<uint32_t, uint32_t>>{
           {8, 60'000}, {32946, 60'000}, {32773, 900'000}, {5, 15'000}, {50000, 1'800}}) {
    const std::vector<Entry> entries = with({{256, kLong, 1, 8192},
                                             {257, kLong, 1, 8192},
                                             {278, kLong, 1, 8192},
                                             {259, kShort, 1, compression},
                                             {279, kLong, 1, stored}});
    const Decoded decoded = decode_with(decoders, by_hand(entries, Bytes(stored, 0)), kAll);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTruncated) << decoded.failure->message();
    EXPECT_NE(decoded.failure->found.find("cannot hold"), std::string::npos) << decoded.failure->message();
  }
  EXPECT_LT(peak_memory_bytes() - before, int64_t{64} << 20);
}

TEST(HostileTiff, CpuDeadline) {
  DecoderSet decoders;
  DecodeOptions options = kAll;
  options.limits.max_cpu_ns = 1000;
  const Pixels pixels = samples_of(3000, 2000, 1, DType::kUint16);
  for (const TiffKind& kind :
       {TiffKind{.dtype = DType::kUint16, .compression = COMPRESSION_LZW, .rows_per_strip = 0},
        TiffKind{.dtype = DType::kUint16, .compression = COMPRESSION_PACKBITS, .tile = 256},
        TiffKind{.dtype = DType::kUint16}}) {
    const Decoded decoded = decode_with(decoders, encode_tiff(pixels, kind), options);
    ASSERT_TRUE(decoded.failure);
    EXPECT_EQ(decoded.failure->code, SampleErrorCode::kTooLarge);
    EXPECT_NE(decoded.failure->found.find("CPU time"), std::string::npos) << decoded.failure->found;
  }
}

TEST(DamagedTiff, CutAnywhereIsAnErrorOrTheSamePixels) {
  DecoderSet decoders;
  const Rect top{0, 0, 8, 2};
  std::vector<Bytes> files = {by_hand(with({}), Bytes(16, 7))};
  for (const TiffKind& kind : few_kinds()) files.push_back(encode_samples(10, 9, kind));
  for (const Bytes& bytes : files) {
    const Pixels whole = decoded_as(decoders, bytes, kAll);
    const bool is_by_hand = whole.shape.width == 4;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Bytes part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      const Decoded decoded = decode_with(decoders, part, kAll);
      if (!decoded.failure) {
        ASSERT_TRUE(decoded.pixels == whole) << size << " of " << bytes.size();
      }
      if (is_by_hand || size < 8) {
        ASSERT_TRUE(decoded.failure) << size;
      }
      if (decoded.failure && size >= 4) {
        ASSERT_EQ(decoded.failure->code, SampleErrorCode::kTruncated) << size;
      }
      if (is_by_hand) continue;
      const Decoded region = decode_with(decoders, part, kAll, &top);
      if (!region.failure) {
        ASSERT_TRUE(region.pixels == crop(whole, top)) << size;
      }
    }
    EXPECT_FALSE(decode_with(decoders, bytes, kAll).failure);
  }
}

// Rows that deflate packs into one long match; they differ from strip to strip.
Bytes deflated_rows(int height, int width, int rows_per_strip, int predictor) {
  Pixels pixels = blank({height, width, 1});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x)
      pixels.view().row<uint8_t>(y)[x] = static_cast<uint8_t>(37 * x * x + 11 * (y / rows_per_strip) + 1);
  }
  return encode_tiff(
      pixels,
      {.compression = COMPRESSION_ADOBE_DEFLATE, .predictor = predictor, .rows_per_strip = rows_per_strip});
}

// Of a little-endian TIFF: another number of rows in its directory.
void set_height(Bytes& bytes, int height) {
  const Bytes tag = {0x01, 0x01};
  const size_t directory = bytes[4] + 256u * bytes[5];
  for (size_t entry = directory + 2; entry + 12 <= bytes.size(); entry += 12) {
    if (std::equal(tag.begin(), tag.end(), bytes.begin() + static_cast<ptrdiff_t>(entry)))
      bytes[entry + 8] = static_cast<uint8_t>(height);
  }
}

TEST(DamagedTiff, ALastStripMayHoldRowsBelowTheImage) {
  DecoderSet decoders;
  for (const int predictor : {1, 2}) {
    for (const int rows_per_strip : {8, 16}) {
      Bytes bytes = deflated_rows(16, 40, rows_per_strip, predictor);
      const Pixels all = decoded_as(decoders, bytes, kAll);
      set_height(bytes, 11);
      const Pixels top = decoded_as(decoders, bytes, kAll);
      EXPECT_TRUE(top == crop(all, {0, 0, 40, 11})) << predictor << ", " << rows_per_strip;
    }
  }
}

TEST(DamagedTiff, AStreamThatGoesOnBehindItsStripGivesNoOldPixels) {
  Bytes bytes = deflated_rows(16, 40, 16, 1);
  set_height(bytes, 11);
  // As many rows to the strip as to the image, so that nothing tells of the rows behind.
  const Bytes rows_tag = {0x16, 0x01};
  const auto entry =
      std::search(bytes.begin() + bytes[4] + 256 * bytes[5], bytes.end(), rows_tag.begin(), rows_tag.end());
  ASSERT_NE(entry, bytes.end());
  entry[8] = 11;
  DecoderSet fresh;
  const Pixels expected = decoded_as(fresh, bytes, kAll);
  DecoderSet used;
  Pixels bright = blank({11, 40, 1});
  std::fill(bright.bytes.begin(), bright.bytes.end(), 255);
  decoded_as(used, encode_tiff(bright, {.compression = COMPRESSION_ADOBE_DEFLATE, .rows_per_strip = 0}),
             kAll);
  EXPECT_TRUE(decoded_as(used, bytes, kAll) == expected);
}

TEST(DamagedTiff, FlippedBitsNeverCrashNorPrint) {
  testing::internal::CaptureStderr();
  DecoderSet decoders;
  uint32_t state = 41;
  int failure_count = 0;
  for (const TiffKind& kind : few_kinds()) {
    const Bytes good = encode_samples(10, 9, kind);
    for (int i = 0; i < 2000; ++i) {
      Bytes damaged = good;
      for (uint32_t flips = next_random(&state) % 3 + 1; flips > 0; --flips) {
        damaged[next_random(&state) % damaged.size()] ^=
            static_cast<uint8_t>(1u << (next_random(&state) % 8));
      }
      DecodeOptions options = i % 2 == 0 ? kAll : DecodeOptions{};
      options.limits.max_pixels = 100'000;
      failure_count += decode_with(decoders, damaged, options).failure.has_value();
    }
    ASSERT_FALSE(decode_with(decoders, good, kAll).failure);
  }
  EXPECT_GT(failure_count, 3000);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace stoker::test
