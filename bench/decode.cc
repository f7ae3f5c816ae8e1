// The engine's side of bench/decode.py: what stoker's JPEG decoder costs beside libjpeg-turbo's.
//
// stoker_decode REPETITIONS FILE...: one line of JSON. Of each image and each row of the table the least CPU
// time of all repetitions is taken, the rows in turn, so that a shared machine's pauses fall out; the sums
// over the images are told. Pixels are compared once, before the clock starts.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>
// After <cstdio>: it needs FILE.
#include <jpeglib.h>

#include "stoker/base/clock.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/jpeg_baseline.h"
#include "stoker/transform/targets.h"

namespace {

using Bytes = std::vector<unsigned char>;

// The rule of torchvision's RandomResizedCrop with its defaults.
stoker::Rect draw_crop(std::mt19937_64& random, int width, int height) {
  std::uniform_real_distribution<double> scale(0.08, 1.0);
  std::uniform_real_distribution<double> log_ratio(std::log(3.0 / 4.0), std::log(4.0 / 3.0));
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = scale(random) * width * height;
    const double ratio = std::exp(log_ratio(random));
    const int w = static_cast<int>(std::lround(std::sqrt(area * ratio)));
    const int h = static_cast<int>(std::lround(std::sqrt(area / ratio)));
    if (w == 0 || h == 0 || w > width || h > height) continue;
    return {std::uniform_int_distribution<int>(0, width - w)(random),
            std::uniform_int_distribution<int>(0, height - h)(random), w, h};
  }
  const int side = std::min(width, height);
  return {(width - side) / 2, (height - side) / 2, side, side};
}

[[noreturn]] void stop_on_error(j_common_ptr info) {
  char message[JMSG_LENGTH_MAX];
  info->err->format_message(info, message);
  std::fprintf(stderr, "stoker_decode: %s\n", message);
  std::exit(1);
}

// As bench/decode_floor.cc: libjpeg-turbo and nothing else.
void decode_floor(const Bytes& bytes, const stoker::Rect& crop, Bytes& rows) {  // `rows` only grows
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  errors.error_exit = stop_on_error;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  auto x = static_cast<JDIMENSION>(crop.x);
  auto width = static_cast<JDIMENSION>(crop.width);
  if (width < info.output_width) jpeg_crop_scanline(&info, &x, &width);
  if (crop.y > 0) jpeg_skip_scanlines(&info, static_cast<JDIMENSION>(crop.y));
  const size_t row_bytes = static_cast<size_t>(info.output_width) * 3;
  rows.resize(std::max(rows.size(), row_bytes * static_cast<size_t>(crop.height)));
  const auto end = static_cast<JDIMENSION>(crop.y + crop.height);
  while (info.output_scanline < end) {
    JSAMPROW row = rows.data() + row_bytes * (info.output_scanline - static_cast<JDIMENSION>(crop.y));
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_destroy_decompress(&info);  // the rows below the region are never decoded
}

void decode(stoker::DecoderSet& decoders, const Bytes& bytes, bool only_library, const stoker::Rect* crop,
            Bytes& pixels) {
  stoker::DecodeOptions options;
  options.only_libjpeg_turbo = only_library;
  stoker::ImageShape shape;
  if (decoders.open(bytes, options, &shape)) std::exit(1);
  shape.channels = 3;
  stoker::Rect region{0, 0, shape.width, shape.height};
  if (crop != nullptr) region = *crop;
  shape.width = region.width;
  shape.height = region.height;
  pixels.resize(std::max(pixels.size(), shape.bytes()));
  if (decoders.decode(region, stoker::packed_image(pixels.data(), shape))) std::exit(1);
}

// The parts of the own decoder alone.
struct Parts {
  stoker::JpegEntropy entropy;
  std::vector<int16_t> blocks;
  std::vector<uint8_t> last;
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;

  Parts() {
    info.err = jpeg_std_error(&errors);
    errors.error_exit = stop_on_error;
    jpeg_create_decompress(&info);
  }
  ~Parts() { jpeg_destroy_decompress(&info); }

  void header(const Bytes& bytes) {
    jpeg_abort_decompress(&info);
    jpeg_mem_src(&info, bytes.data(), bytes.size());
    jpeg_read_header(&info, TRUE);
  }

  // Leaves the Huffman tables of another image behind.
  void prepare(const Bytes& before) {
    header(before);
    stoker::JpegFrame frame;
    stoker::JpegScan scan;
    if (stoker::describe_jpeg(info, &frame, &scan) == stoker::DecodeRoute::kOwn) entropy.begin(frame, scan);
  }

  // Rows of MCUs, one after the other.
  void scan(const Bytes& bytes, bool skips) {
    header(bytes);
    stoker::JpegFrame frame;
    stoker::JpegScan scan;
    if (stoker::describe_jpeg(info, &frame, &scan) != stoker::DecodeRoute::kOwn) std::exit(1);
    const size_t row_blocks = static_cast<size_t>(frame.mcu_columns) * static_cast<size_t>(frame.mcu_blocks);
    blocks.resize(row_blocks * 64);
    last.resize(row_blocks);
    bool is_good = entropy.begin(frame, scan);
    for (int row = 0; is_good && row < frame.mcu_rows; ++row) {
      is_good = skips ? entropy.skip(frame.mcu_columns)
                      : entropy.read(frame.mcu_columns, {blocks.data(), last.data()});
    }
    if (!is_good) std::exit(1);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stoker_decode REPETITIONS FILE...\n");
    return 2;
  }
  const int repetitions = std::atoi(argv[1]);
  std::map<std::string, double> sums_ns;
  std::map<std::string, int> routes;
  int image_count = 0;
  int64_t byte_count = 0;
  int64_t pixel_count = 0;
  int64_t crop_pixel_count = 0;
  stoker::DecoderSet own;
  stoker::DecoderSet library;
  Parts parts;
  Bytes pixels;
  Bytes others;
  Bytes before;  // the image before: a loader finds its Huffman tables, and mostly needs others
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const Bytes bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    stoker::ImageShape shape;
    if (library.open(bytes, {}, &shape)) {
      std::fprintf(stderr, "stoker_decode: %s cannot be decoded\n", argv[i]);
      return 1;
    }
    std::mt19937_64 random(static_cast<uint64_t>(i));
    const stoker::Rect crop = draw_crop(random, shape.width, shape.height);
    const stoker::Rect whole{0, 0, shape.width, shape.height};
    for (const stoker::Rect* region : {&crop, &whole}) {
      std::fill(pixels.begin(), pixels.end(), 0);
      std::fill(others.begin(), others.end(), 1);
      decode(own, bytes, false, region, pixels);
      decode(library, bytes, true, region, others);
      const auto crop_bytes = static_cast<ptrdiff_t>(3) * region->width * region->height;
      if (!std::equal(pixels.begin(), pixels.begin() + crop_bytes, others.begin())) {
        std::fprintf(stderr, "stoker_decode: %s: pixels differ\n", argv[i]);
        return 1;
      }
    }
    if (before.empty()) before = bytes;
    ++routes[std::string(name_of(own.route()))];
    if (own.route() != stoker::DecodeRoute::kOwn) continue;
    const std::vector<std::pair<std::string, std::function<void()>>> rows = {
        {"region, libjpeg-turbo alone", [&] { decode_floor(bytes, crop, others); }},
        {"region, stoker by libjpeg-turbo", [&] { decode(library, bytes, true, &crop, others); }},
        {"region, stoker", [&] { decode(own, bytes, false, &crop, pixels); }},
        {"whole, libjpeg-turbo alone", [&] { decode_floor(bytes, whole, others); }},
        {"whole, stoker by libjpeg-turbo", [&] { decode(library, bytes, true, nullptr, others); }},
        {"whole, stoker", [&] { decode(own, bytes, false, nullptr, pixels); }},
        {"header", [&] { parts.header(bytes); }},
        {"header, entropy decoding of all", [&] { parts.scan(bytes, false); }},
        {"header, skipping of all", [&] { parts.scan(bytes, true); }},
    };
    std::vector<int64_t> least_ns(rows.size(), INT64_MAX);
    for (int repetition = 0; repetition < repetitions; ++repetition) {
      for (size_t row = 0; row < rows.size(); ++row) {
        constexpr stoker::Rect kCorner{0, 0, 1, 1};
        decode(own, before, false, &kCorner, others);
        parts.prepare(before);
        const int64_t begin_ns = stoker::thread_cpu_ns();
        rows[row].second();
        least_ns[row] = std::min(least_ns[row], stoker::thread_cpu_ns() - begin_ns);
      }
    }
    for (size_t row = 0; row < rows.size(); ++row) {
      sums_ns[rows[row].first] += static_cast<double>(least_ns[row]);
    }
    before = bytes;
    ++image_count;
    byte_count += static_cast<int64_t>(bytes.size());
    pixel_count += int64_t{shape.width} * shape.height;
    crop_pixel_count += int64_t{crop.width} * crop.height;
  }
  if (image_count == 0) {
    std::fprintf(stderr, "stoker_decode: no file is for the own decoder\n");
    return 1;
  }
  std::printf("{\"target\": \"%s\", \"images\": %d, \"bytes\": %lld, \"pixels\": %lld, \"crop_pixels\": %lld",
              stoker::vector_target_in_use().c_str(), image_count, static_cast<long long>(byte_count),
              static_cast<long long>(pixel_count), static_cast<long long>(crop_pixel_count));
  for (const auto& [route, count] : routes) std::printf(", \"route %s\": %d", route.c_str(), count);
  std::printf(", \"us\": {");
  const char* separator = "";
  for (const auto& [row, sum_ns] : sums_ns) {
    std::printf("%s\"%s\": %.2f", separator, row.c_str(), sum_ns / 1e3 / image_count);
    separator = ", ";
  }
  std::printf("}}\n");
}
