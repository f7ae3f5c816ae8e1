// The header of a .npy file, read without evaluating anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/decode/decoder.h"

namespace stoker {

bool is_npy(std::span<const uint8_t> bytes);

struct NpyHeader {
  ImageShape shape;          // (height, width) counts as one channel
  bool swaps_bytes = false;  // samples are not in the byte order of this machine
  size_t data_offset = 0;    // shape.bytes() of samples begin here and end the file
};

// Checks the header, the limits and that the size of the file is exactly what the shape needs.
Failure read_npy_header(std::span<const uint8_t> bytes, const DecodeLimits& limits, NpyHeader* header);

}  // namespace stoker
