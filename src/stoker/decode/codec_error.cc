#include "stoker/decode/codec_error.h"

#include <utility>

namespace stoker {
namespace {

std::string_view hint_for(SampleErrorCode code) {
  switch (code) {
    case SampleErrorCode::kTruncated:
      return "fetch the file again or leave it out";
    case SampleErrorCode::kTooLarge:
      return "raise the decode limit if the file is trusted, or leave it out";
    case SampleErrorCode::kUnsupported:
      return "convert the file to a common kind or leave it out";
    default:
      return "replace the file or leave it out";
  }
}

}  // namespace

SampleError codec_error(std::string_view step, SampleErrorCode code, std::string found) {
  SampleError error;
  error.code = code;
  error.step = step;
  error.found = std::move(found);
  error.hint = hint_for(code);
  return error;
}

Failure check_size(std::string_view step, int64_t width, int64_t height, const DecodeLimits& limits) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height) + " px";
  if (width > limits.max_side_px || height > limits.max_side_px) {
    return codec_error(step, SampleErrorCode::kTooLarge,
                       size + "; a side may have at most " + std::to_string(limits.max_side_px) + " px");
  }
  if (width * height > limits.max_pixels) {
    return codec_error(step, SampleErrorCode::kTooLarge,
                       size + " = " + std::to_string(width * height) + " pixels; at most " +
                           std::to_string(limits.max_pixels) + " allowed");
  }
  return std::nullopt;
}

}  // namespace stoker
