// Views of pixels. A view owns nothing; whoever made the memory keeps it alive.
//
// Shapes are height, width, channels, the channel axis always present. Pixels of a row are packed
// (channels interleaved); rows are `row_bytes` apart, so a view may be a window of a larger image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/base/dtype.h"

namespace stoker {

// Pixels [x, x + width) by [y, y + height).
struct Rect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;

  friend bool operator==(const Rect&, const Rect&) = default;
};

struct ImageShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  DType dtype = DType::kUint8;

  size_t pixel_bytes() const { return static_cast<size_t>(channels) * size_of(dtype); }
  size_t row_bytes() const { return static_cast<size_t>(width) * pixel_bytes(); }
  size_t bytes() const { return static_cast<size_t>(height) * row_bytes(); }
  friend bool operator==(const ImageShape&, const ImageShape&) = default;
};

struct ConstImage {
  const void* data = nullptr;
  ImageShape shape;
  ptrdiff_t row_bytes = 0;

  int height() const { return shape.height; }
  int width() const { return shape.width; }
  int channels() const { return shape.channels; }

  template <class T>
  const T* row(int y) const {
    return reinterpret_cast<const T*>(static_cast<const uint8_t*>(data) + y * row_bytes);
  }

  // The part inside `rect`, which must lie within the image.
  ConstImage window(const Rect& rect) const {
    ConstImage part = *this;
    part.data = static_cast<const uint8_t*>(data) + rect.y * row_bytes +
                static_cast<ptrdiff_t>(rect.x * shape.pixel_bytes());
    part.shape.width = rect.width;
    part.shape.height = rect.height;
    return part;
  }
};

struct Image {
  void* data = nullptr;
  ImageShape shape;
  ptrdiff_t row_bytes = 0;

  int height() const { return shape.height; }
  int width() const { return shape.width; }
  int channels() const { return shape.channels; }

  template <class T>
  T* row(int y) const {
    return reinterpret_cast<T*>(static_cast<uint8_t*>(data) + y * row_bytes);
  }

  operator ConstImage() const { return {data, shape, row_bytes}; }  // NOLINT: a view widens freely
};

// A view of `shape` over packed memory at `data`.
inline Image packed_image(void* data, const ImageShape& shape) {
  return {data, shape, static_cast<ptrdiff_t>(shape.row_bytes())};
}
inline ConstImage packed_image(const void* data, const ImageShape& shape) {
  return {data, shape, static_cast<ptrdiff_t>(shape.row_bytes())};
}

// Copies pixels; both views must have the same shape.
void copy_pixels(const ConstImage& from, const Image& to);

}  // namespace stoker
