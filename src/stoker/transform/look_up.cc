#include "stoker/transform/look_up.h"

namespace stoker {

void look_up(const ConstImage& in, const std::vector<ByteTable>& tables, const Image& out) {
  for (int y = 0; y < in.height(); ++y) {
    look_up_row(in.row<uint8_t>(y), static_cast<size_t>(in.width()), in.channels(), tables,
                out.row<uint8_t>(y));
  }
}

std::vector<uint32_t> histogram(const ConstImage& in) {
  // Two sets of counts, for pixels at even and odd places: equal neighbours would else wait for each other.
  const auto channels = static_cast<size_t>(in.channels());
  std::vector<uint32_t> counts(2 * channels * 256);
  uint32_t* const even = counts.data();
  uint32_t* const odd = even + channels * 256;
  for (int y = 0; y < in.height(); ++y) {
    const uint8_t* pixel = in.row<uint8_t>(y);
    int x = 0;
    for (; x + 1 < in.width(); x += 2, pixel += 2 * channels) {
      for (size_t c = 0; c < channels; ++c) {
        ++even[256 * c + pixel[c]];
        ++odd[256 * c + pixel[channels + c]];
      }
    }
    if (x < in.width()) {
      for (size_t c = 0; c < channels; ++c) ++even[256 * c + pixel[c]];
    }
  }
  for (size_t i = 0; i < channels * 256; ++i) even[i] += odd[i];
  counts.resize(channels * 256);
  return counts;
}

}  // namespace stoker
