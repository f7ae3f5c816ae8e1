// The differential target of the JPEG decoder: stoker's own and libjpeg-turbo get the same bytes, region and
// colour, and must give the same pixels or both refuse with the same words.
#include "choices.h"

namespace stoker::fuzz {
namespace {

Decoded result_of(DecoderSet& decoders, std::span<const uint8_t> input, bool only_library) {
  const Choices choices(input);
  DecodeOptions options = choices.options();
  options.only_libjpeg_turbo = only_library;
  ImageShape shape;
  // With the choices: a JPEG may have anything behind its end.
  if (Failure failure = decoders.open(input, options, &shape)) return {.failure = failure, .bytes = {}};
  return decode(decoders, shape, choices.region(shape), choices.gap_bytes());
}

}  // namespace
}  // namespace stoker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stoker::fuzz;
  // Not those of another format, which this target is not about.
  if (size < Choices::kBytes + 4 || data[0] != 0xff || data[1] != 0xd8) return -1;
  static stoker::DecoderSet own;
  static stoker::DecoderSet library;
  const Decoded got = result_of(own, {data, size}, false);
  const Decoded expected = result_of(library, {data, size}, true);
  if (got.failure.has_value() != expected.failure.has_value()) stop("one decoder refuses, one does not");
  if (got.failure) {
    if (got.failure->message() != expected.failure->message()) stop("the two refuse for different reasons");
  } else if (got.shape != expected.shape || got.bytes != expected.bytes) {
    stop("the two decoders give different pixels");
  }
  return 0;
}
