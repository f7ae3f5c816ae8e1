// The differential target of the JPEG decoder: stoker's own and libjpeg-turbo get the same bytes, region and
// colour, and must give the same pixels or both refuse with the same words.
//
// The last seven bytes choose the region and the colour; a JPEG may have anything behind its end, so any
// JPEG is a seed as it is.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "stoker/decode/decoder.h"

namespace {

constexpr size_t kChoiceBytes = 7;
constexpr uint8_t kUntouched = 0x5a;

struct Result {
  stoker::Failure failure;
  stoker::Rect region;
  std::vector<uint8_t> pixels;  // as long as the rows and the gaps between them
};

// [first, first + size) within [0, limit), by two bytes.
void choose(uint8_t a, uint8_t b, int limit, int* first, int* size) {
  *size = 1 + a * limit / 256;
  *first = b * (limit - *size + 1) / 256;
}

Result decode(stoker::DecoderSet& decoders, std::span<const uint8_t> bytes, bool only_library) {
  Result result;
  const uint8_t* choice = bytes.data() + bytes.size() - kChoiceBytes;
  stoker::DecodeOptions options;
  options.only_libjpeg_turbo = only_library;
  options.color = static_cast<stoker::Color>(choice[0] % 4);
  options.limits.max_pixels = 1 << 18;
  options.limits.max_scans = 5;
  stoker::ImageShape shape;
  result.failure = decoders.open(bytes, options, &shape);
  if (result.failure) return result;
  stoker::Rect& region = result.region;
  choose(choice[1], choice[2], shape.width, &region.x, &region.width);
  choose(choice[3], choice[4], shape.height, &region.y, &region.height);
  if (choice[5] < 64) region = {0, 0, shape.width, shape.height};
  shape.width = region.width;
  shape.height = region.height;
  const size_t row_bytes = shape.row_bytes() + choice[6] % 40;
  result.pixels.assign(row_bytes * static_cast<size_t>(region.height), kUntouched);
  const stoker::Image out{result.pixels.data(), shape, static_cast<ptrdiff_t>(row_bytes)};
  result.failure = decoders.decode(region, out);
  return result;
}

void stop(const char* found) {
  std::fprintf(stderr, "the two decoders differ: %s\n", found);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Not those of another format, which this target is not about.
  if (size < kChoiceBytes + 4 || data[0] != 0xff || data[1] != 0xd8) return -1;
  static stoker::DecoderSet own;
  static stoker::DecoderSet library;
  const Result got = decode(own, {data, size}, false);
  const Result expected = decode(library, {data, size}, true);
  if (got.failure.has_value() != expected.failure.has_value()) stop("one refuses");
  if (got.failure) {
    if (got.failure->message() != expected.failure->message()) stop("the words");
  } else if (got.pixels != expected.pixels) {
    stop("the pixels");
  }
  return 0;
}
