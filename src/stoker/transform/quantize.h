// Float images through operators that know 8 bits only, as Albumentations does it.
#pragma once

#include <algorithm>
#include <cmath>

#include "stoker/base/image.h"
#include "stoker/base/memory.h"

namespace stoker {

// value * 255 in float32, to the nearest level, halves to even; NaN is 0.
inline uint8_t level_of(float value) {
  const float scaled = std::rint(value * 255.0f);
  return scaled > 0 ? static_cast<uint8_t>(std::min(scaled, 255.0f)) : uint8_t{0};
}

inline float value_of(uint8_t level) { return static_cast<float>(level) / 255.0f; }

// Runs work(in, out), which takes uint8 images, on images of uint8 or float32. `levels` is working memory
// that work() must not touch.
template <class Work>
void in_levels(const ConstImage& in, const Image& out, ScratchBuffer& levels, Work work) {
  if (in.shape.dtype == DType::kUint8) return work(in, out);
  ImageShape in_shape = in.shape;
  ImageShape out_shape = out.shape;
  in_shape.dtype = out_shape.dtype = DType::kUint8;
  uint8_t* const memory = levels.reserve(in_shape.bytes() + out_shape.bytes());
  const Image from = packed_image(memory, in_shape);
  const Image to = packed_image(memory + in_shape.bytes(), out_shape);
  const size_t in_count = in_shape.row_bytes();
  const size_t out_count = out_shape.row_bytes();
  for (int y = 0; y < in_shape.height; ++y)
    std::transform(in.row<float>(y), in.row<float>(y) + in_count, from.row<uint8_t>(y), level_of);
  work(ConstImage(from), to);
  for (int y = 0; y < out_shape.height; ++y)
    std::transform(to.row<uint8_t>(y), to.row<uint8_t>(y) + out_count, out.row<float>(y), value_of);
}

}  // namespace stoker
