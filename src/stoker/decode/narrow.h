// The ways from a sample of the file, of 8 or 16 bits, to one of the output.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "stoker/decode/color.h"

namespace stoker {

struct Keep {
  template <class T>
  static T narrow(T sample) {
    return sample;
  }
};
struct Round {
  static uint8_t narrow(uint16_t sample) { return static_cast<uint8_t>((sample * 255u + 32767u) / 65535u); }
};
struct HighByte {
  static uint8_t narrow(uint16_t sample) { return static_cast<uint8_t>(sample >> 8); }
};
// Pillow opens 16-bit grey as numbers ("I;16") and cuts them off at 255 when it converts.
struct CutOff {
  static uint8_t narrow(uint16_t sample) { return static_cast<uint8_t>(std::min<uint16_t>(sample, 255)); }
};

// Grey of the three samples at `pixel`; Pillow narrows before it weighs. Signed and float samples have no
// grey: the first is taken, and no caller asks.
template <class Narrow, class From>
auto gray_of(const From* pixel) {
  using To = decltype(Narrow::narrow(From{}));
  if constexpr (!std::is_unsigned_v<From>) {
    return static_cast<To>(pixel[0]);
  } else if constexpr (std::is_same_v<Narrow, HighByte>) {
    return static_cast<To>(
        luma(Narrow::narrow(pixel[0]), Narrow::narrow(pixel[1]), Narrow::narrow(pixel[2])));
  } else {
    return Narrow::narrow(static_cast<From>(luma(pixel[0], pixel[1], pixel[2])));
  }
}

}  // namespace stoker
