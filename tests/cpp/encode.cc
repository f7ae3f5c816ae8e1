#include "encode.h"

#include <png.h>
#include <zlib.h>

#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

namespace stoker::test {
namespace {

void put_u16(Bytes& to, uint32_t value, bool is_big_endian) {
  const auto low = static_cast<uint8_t>(value);
  const auto high = static_cast<uint8_t>(value >> 8);
  to.push_back(is_big_endian ? high : low);
  to.push_back(is_big_endian ? low : high);
}

void put_u32(Bytes& to, uint32_t value, bool is_big_endian) {
  put_u16(to, is_big_endian ? value >> 16 : value & 0xffff, is_big_endian);
  put_u16(to, is_big_endian ? value & 0xffff : value >> 16, is_big_endian);
}

// All DC coefficients, then all AC coefficients of one component after the other, each at full precision,
// so that a scan may be repeated without contradicting the ones before.
std::vector<jpeg_scan_info> spectral_script(int components) {
  std::vector<jpeg_scan_info> script;
  jpeg_scan_info dc{};
  dc.comps_in_scan = components;
  for (int i = 0; i < components; ++i) dc.component_index[i] = i;
  script.push_back(dc);
  for (int i = 0; i < components; ++i) {
    jpeg_scan_info ac{};
    ac.comps_in_scan = 1;
    ac.component_index[0] = i;
    ac.Ss = 1;
    ac.Se = 63;
    script.push_back(ac);
  }
  return script;
}

std::vector<jpeg_scan_info> per_component_script(int components) {
  std::vector<jpeg_scan_info> script;
  for (int i = 0; i < components; ++i) {
    jpeg_scan_info scan{};
    scan.comps_in_scan = 1;
    scan.component_index[0] = i;
    scan.Se = 63;
    script.push_back(scan);
  }
  return script;
}

void set_color(jpeg_compress_struct& library, JpegColor color) {
  switch (color) {
    case JpegColor::kGray:
      library.in_color_space = JCS_GRAYSCALE;
      break;
    case JpegColor::kYcc:
    case JpegColor::kRgb:
      library.in_color_space = JCS_RGB;
      break;
    case JpegColor::kCmyk:
    case JpegColor::kYcck:
      library.in_color_space = JCS_CMYK;
      break;
    case JpegColor::kTwo:
      library.in_color_space = JCS_UNKNOWN;
      break;
  }
  jpeg_set_defaults(&library);
  if (color == JpegColor::kRgb) jpeg_set_colorspace(&library, JCS_RGB);
  if (color == JpegColor::kYcck) jpeg_set_colorspace(&library, JCS_YCCK);
}

void write_png_bytes(png_structp library, png_bytep bytes, png_size_t count) {
  auto& out = *static_cast<Bytes*>(png_get_io_ptr(library));
  out.insert(out.end(), bytes, bytes + count);
}

}  // namespace

Pixels blank(const ImageShape& shape) { return {shape, Bytes(shape.bytes())}; }

uint32_t next_random(uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

Pixels wavy(int height, int width, int channels, uint32_t seed) {
  Pixels pixels = blank({height, width, channels, DType::kUint8});
  uint32_t state = seed;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const double wave = std::sin(0.31 * x + 0.13 * y * (c + 1) + seed) * 70;
        const double value = 128 + wave + static_cast<double>(next_random(&state) % 80) - 40;
        pixels.view().row<uint8_t>(y)[x * channels + c] = static_cast<uint8_t>(value < 0     ? 0
                                                                               : value > 255 ? 255
                                                                                             : value);
      }
    }
  }
  return pixels;
}

Pixels noisy(int height, int width, int channels, int bit_depth, uint32_t seed) {
  Pixels pixels = blank({height, width, channels, bit_depth > 8 ? DType::kUint16 : DType::kUint8});
  uint32_t state = seed;
  const int row_samples = width * channels;
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < row_samples; ++i) {
      const uint32_t value = next_random(&state) & ((1u << bit_depth) - 1);
      if (bit_depth > 8) {
        pixels.view().row<uint16_t>(y)[i] = static_cast<uint16_t>(value);
      } else {
        pixels.view().row<uint8_t>(y)[i] = static_cast<uint8_t>(value);
      }
    }
  }
  return pixels;
}

Pixels crop(const Pixels& from, const Rect& region) {
  ImageShape shape = from.shape;
  shape.height = region.height;
  shape.width = region.width;
  Pixels part = blank(shape);
  copy_pixels(from.view().window(region), part.view());
  return part;
}

Rect random_region(int height, int width, uint32_t* state) {
  Rect region;
  region.width = 1 + static_cast<int>(next_random(state) % static_cast<uint32_t>(width));
  region.height = 1 + static_cast<int>(next_random(state) % static_cast<uint32_t>(height));
  region.x = static_cast<int>(next_random(state) % static_cast<uint32_t>(width - region.width + 1));
  region.y = static_cast<int>(next_random(state) % static_cast<uint32_t>(height - region.height + 1));
  return region;
}

Bytes encode_jpeg(const Pixels& pixels, const JpegKind& kind) {
  jpeg_compress_struct library;
  jpeg_error_mgr errors;
  library.err = jpeg_std_error(&errors);
  jpeg_create_compress(&library);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&library, &memory, &size);
  library.image_width = static_cast<JDIMENSION>(pixels.shape.width);
  library.image_height = static_cast<JDIMENSION>(pixels.shape.height);
  library.input_components = pixels.shape.channels;
  set_color(library, kind.color);
  jpeg_set_quality(&library, kind.quality, TRUE);
  if (!kind.is_adobe) library.write_Adobe_marker = FALSE;
  for (int i = 0; i < library.num_components; ++i) {
    const bool is_first_kind = i == 0 || i == 3;
    library.comp_info[i].h_samp_factor = is_first_kind ? kind.luma.horizontal : 1;
    library.comp_info[i].v_samp_factor = is_first_kind ? kind.luma.vertical : 1;
  }
  library.restart_in_rows = kind.restart_rows;
  library.arith_code = kind.is_arithmetic ? TRUE : FALSE;
  std::vector<jpeg_scan_info> script;
  if (kind.scans == JpegScans::kProgressive) jpeg_simple_progression(&library);
  if (kind.scans == JpegScans::kSpectral) script = spectral_script(library.num_components);
  if (kind.scans == JpegScans::kPerComponent) script = per_component_script(library.num_components);
  if (!script.empty()) {
    library.scan_info = script.data();
    library.num_scans = static_cast<int>(script.size());
  }
  jpeg_start_compress(&library, TRUE);
  if (!kind.app1.empty()) {
    jpeg_write_marker(&library, JPEG_APP0 + 1, kind.app1.data(), static_cast<unsigned>(kind.app1.size()));
  }
  while (library.next_scanline < library.image_height) {
    auto* row = const_cast<uint8_t*>(pixels.view().row<uint8_t>(static_cast<int>(library.next_scanline)));
    jpeg_write_scanlines(&library, &row, 1);
  }
  jpeg_finish_compress(&library);
  jpeg_destroy_compress(&library);
  Bytes bytes(memory, memory + size);
  std::free(memory);
  return bytes;
}

Bytes encode_png(const Pixels& samples, const PngKind& kind) {
  constexpr int kChannels[] = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  if (samples.shape.channels != kChannels[kind.color_type])
    throw std::invalid_argument("encode_png: the samples have not the channels of the colour type");
  Bytes bytes;
  png_structp library = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(library);
  png_set_write_fn(library, &bytes, write_png_bytes, nullptr);
  png_set_IHDR(library, info, static_cast<png_uint_32>(samples.shape.width),
               static_cast<png_uint_32>(samples.shape.height), kind.bit_depth, kind.color_type,
               kind.is_interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty()) {
    std::vector<png_color> colors;
    for (size_t i = 0; i + 2 < kind.palette.size(); i += 3) {
      colors.push_back({kind.palette[i], kind.palette[i + 1], kind.palette[i + 2]});
    }
    png_set_PLTE(library, info, colors.data(), static_cast<int>(colors.size()));
  }
  png_color_16 key{};
  key.gray = key.red = key.green = key.blue = 1;
  if (!kind.palette_alpha.empty()) {
    png_set_tRNS(library, info, kind.palette_alpha.data(), static_cast<int>(kind.palette_alpha.size()),
                 nullptr);
  } else if (kind.has_color_key) {
    png_set_tRNS(library, info, nullptr, 0, &key);
  }
  Bytes exif = kind.exif;
  if (!exif.empty()) png_set_eXIf_1(library, info, static_cast<png_uint_32>(exif.size()), exif.data());
  png_write_info(library, info);
  png_set_packing(library);
  if (kind.bit_depth == 16) png_set_swap(library);
  const int passes = png_set_interlace_handling(library);
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < samples.shape.height; ++y) png_write_row(library, samples.view().row<uint8_t>(y));
  }
  png_write_end(library, nullptr);
  png_destroy_write_struct(&library, &info);
  return bytes;
}

Bytes png_chunk(const std::string& type, const Bytes& data) {
  Bytes chunk;
  put_u32(chunk, static_cast<uint32_t>(data.size()), true);
  chunk.insert(chunk.end(), type.begin(), type.end());
  chunk.insert(chunk.end(), data.begin(), data.end());
  const uLong sum = crc32(crc32(0, nullptr, 0), chunk.data() + 4, static_cast<uInt>(chunk.size() - 4));
  put_u32(chunk, static_cast<uint32_t>(sum), true);
  return chunk;
}

Bytes with_chunk(const Bytes& png, const Bytes& chunk) {
  constexpr size_t kHeaderBytes = 33;
  Bytes bytes = png;
  bytes.insert(bytes.begin() + kHeaderBytes, chunk.begin(), chunk.end());
  return bytes;
}

Bytes exif_block(int orientation, bool is_big_endian) {
  Bytes block(2, is_big_endian ? 'M' : 'I');
  put_u16(block, 42, is_big_endian);
  put_u32(block, 8, is_big_endian);
  put_u16(block, 2, is_big_endian);
  for (const uint32_t tag : {0x0100u, 0x0112u}) {  // another tag comes first
    put_u16(block, tag, is_big_endian);
    put_u16(block, 3, is_big_endian);
    put_u32(block, 1, is_big_endian);
    put_u16(block, tag == 0x0112 ? static_cast<uint32_t>(orientation) : 7, is_big_endian);
    put_u16(block, 0, is_big_endian);
  }
  put_u32(block, 0, is_big_endian);
  return block;
}

size_t find_marker(const Bytes& jpeg, uint8_t code, size_t from) {
  for (size_t i = from; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xff && jpeg[i + 1] == code) return i;
  }
  return jpeg.size();
}

Decoded decode_with(DecoderSet& decoders, const Bytes& bytes, const DecodeOptions& options,
                    const Rect* region) {
  Decoded decoded;
  ImageShape shape;
  // A copy of exactly this size lets the address sanitizer see a read behind the end.
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes.size()]);
  if (!bytes.empty()) std::memcpy(exact.get(), bytes.data(), bytes.size());
  decoded.failure = decoders.open({exact.get(), bytes.size()}, options, &shape);
  if (decoded.failure) return decoded;
  const Rect whole{0, 0, shape.width, shape.height};
  const Rect asked = region != nullptr ? *region : whole;
  shape.width = asked.width;
  shape.height = asked.height;
  decoded.pixels = blank(shape);
  decoded.failure = decoders.decode(asked, decoded.pixels.view());
  return decoded;
}

}  // namespace stoker::test
