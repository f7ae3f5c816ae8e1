// The yardstick of bench/loading.py: libjpeg-turbo and nothing else.
//
// Threads decode the region of a RandomResizedCrop from JPEG bytes that are in memory already: no files, no
// resize, no flip, no batch. What a loader needs above this is its own.
//
// decode_floor LIST THREADS: LIST is a file with one path a line. For each line `IMAGES SEED` on the standard
// input it decodes that many images, in the order of the list again and again, and answers with one line:
// images, wall seconds, CPU seconds, checksum.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

// After <cstdio>: it needs FILE.
#include <jpeglib.h>

namespace {

struct Crop {
  unsigned x, y, width, height;
};

// The rule of torchvision's RandomResizedCrop with its defaults.
Crop draw_crop(std::mt19937_64& random, unsigned width, unsigned height) {
  std::uniform_real_distribution<double> scale(0.08, 1.0);
  std::uniform_real_distribution<double> log_ratio(std::log(3.0 / 4.0), std::log(4.0 / 3.0));
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = scale(random) * width * height;
    const double ratio = std::exp(log_ratio(random));
    const auto w = static_cast<unsigned>(std::lround(std::sqrt(area * ratio)));
    const auto h = static_cast<unsigned>(std::lround(std::sqrt(area / ratio)));
    if (w == 0 || h == 0 || w > width || h > height) continue;
    return {std::uniform_int_distribution<unsigned>(0, width - w)(random),
            std::uniform_int_distribution<unsigned>(0, height - h)(random), w, h};
  }
  const unsigned side = std::min(width, height);
  return {(width - side) / 2, (height - side) / 2, side, side};
}

[[noreturn]] void stop_on_error(j_common_ptr info) {
  char message[JMSG_LENGTH_MAX];
  info->err->format_message(info, message);
  std::fprintf(stderr, "decode_floor: %s\n", message);
  std::exit(1);
}

// Decodes one region; the sum keeps the compiler honest and shows that pixels came out.
uint64_t decode_region(const std::string& bytes, std::mt19937_64& random, std::vector<unsigned char>& rows) {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  errors.error_exit = stop_on_error;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&info, TRUE);
  const bool is_cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;
  info.do_fancy_upsampling = TRUE;
  const Crop crop = draw_crop(random, info.image_width, info.image_height);
  jpeg_start_decompress(&info);
  JDIMENSION x = crop.x;
  JDIMENSION width = crop.width;
  jpeg_crop_scanline(&info, &x, &width);  // widens to whole MCUs
  if (crop.y > 0) jpeg_skip_scanlines(&info, crop.y);
  const size_t row_bytes = static_cast<size_t>(info.output_width) * info.output_components;
  rows.resize(row_bytes * crop.height);
  while (info.output_scanline < crop.y + crop.height) {
    JSAMPROW row = rows.data() + row_bytes * (info.output_scanline - crop.y);
    jpeg_read_scanlines(&info, &row, 1);
  }
  const uint64_t sum = rows.front() + rows[rows.size() / 2] + rows.back();
  jpeg_destroy_decompress(&info);  // the rows below the region are never decoded
  return sum;
}

double cpu_seconds() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: decode_floor LIST THREADS\n");
    return 2;
  }
  std::vector<std::string> images;
  std::ifstream list(argv[1]);
  for (std::string path; std::getline(list, path);) {
    std::ifstream file(path, std::ios::binary);
    images.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (images.empty()) {
    std::fprintf(stderr, "decode_floor: %s names no file\n", argv[1]);
    return 2;
  }
  std::cout << "ready" << std::endl;
  size_t count = 0;
  uint64_t seed = 0;
  while (std::cin >> count >> seed) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu_start = cpu_seconds();
    std::atomic<size_t> next{0};
    std::atomic<uint64_t> sum{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < std::atoi(argv[2]); ++t) {
      threads.emplace_back([&] {
        std::vector<unsigned char> rows;
        for (size_t i = next++; i < count; i = next++) {
          std::mt19937_64 random(seed * 1000003 + i);
          sum += decode_region(images[i % images.size()], random, rows);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    std::cout << count << ' ' << wall.count() << ' ' << cpu_seconds() - cpu_start << ' ' << sum << std::endl;
  }
}
