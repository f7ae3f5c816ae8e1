// The errors that all codecs word alike.
#pragma once

#include <string>
#include <string_view>

#include "stoker/base/error.h"
#include "stoker/decode/decoder.h"

namespace stoker {

// An error of `step` ("decode/jpeg") with the hint that goes with its code.
SampleError codec_error(std::string_view step, SampleErrorCode code, std::string found);

// kTooLarge when the sides or pixels are above the limits. For headers, before anything is allocated.
Failure check_size(std::string_view step, int64_t width, int64_t height, const DecodeLimits& limits);

}  // namespace stoker
