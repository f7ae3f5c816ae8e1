// TIFF: the directory by stoker's own reader, packed strips and tiles by libtiff.
#include <algorithm>

#include "regions.h"
#include "stoker/decode/tiff_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stoker::fuzz;
  // Not those of another format, which this target is not about.
  const bool is_tiff =
      size >= Choices::kBytes + 8 && data[0] == data[1] && (data[0] == 'I' || data[0] == 'M');
  if (!is_tiff) return -1;
  const std::span<const uint8_t> input(data, size);
  const auto file = input.first(size - Choices::kBytes);
  stoker::TiffDirectory directory;
  if (stoker::read_tiff_directory(file, Choices(input).options().limits, &directory)) return 0;
  // libtiff unpacks whole chunks of deflate by libdeflate, parts of them by zlib.
  const bool is_deflate = directory.compression == 8 || directory.compression == 32946;
  check_region(file, Choices(input), !is_deflate);
  return 0;
}
