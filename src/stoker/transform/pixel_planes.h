// A stretch of RGB pixels as three planes: what kernels of colour work on, so that a chain of them parts and
// joins the pixels once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "stoker/base/image.h"

namespace stoker {

struct PixelPlanes {
  // A multiple of 32, so that hsv_cut_count holds stretch by stretch, and of every vector's bytes: kernels
  // change whole vectors, also where the last one reaches beyond the pixels.
  static constexpr size_t kMaxPixels = 512;

  alignas(64) uint8_t values[3][kMaxPixels] = {};
  size_t count = 0;  // pixels in use
};

// `count` interleaved pixels, at most kMaxPixels, into planes.
void part_pixels(const uint8_t* rgb, size_t count, PixelPlanes& planes);

// Back to planes.count interleaved pixels.
void join_pixels(const PixelPlanes& planes, uint8_t* rgb);

// Whether an image's memory may be taken for one long row, for fewer and longer stretches: no gap between its
// rows, and none that ends within 32 pixels.
inline bool can_be_one_row(const ConstImage& image) {
  return image.row_bytes == static_cast<ptrdiff_t>(image.shape.row_bytes()) && image.width() % 32 == 0 &&
         static_cast<int64_t>(image.height()) * image.width() <= std::numeric_limits<int>::max();
}

template <class View>
View in_one_row(View image) {
  image.shape.width *= image.shape.height;
  image.shape.height = 1;
  image.row_bytes = static_cast<ptrdiff_t>(image.shape.row_bytes());
  return image;
}

// Calls work(y, x, count) for each stretch of an image, row by row from the left.
template <class Work>
void for_each_stretch(const ConstImage& image, Work work) {
  const auto width = static_cast<size_t>(image.width());
  for (int y = 0; y < image.height(); ++y) {
    for (size_t x = 0; x < width; x += PixelPlanes::kMaxPixels)
      work(y, x, std::min(PixelPlanes::kMaxPixels, width - x));
  }
}

}  // namespace stoker
