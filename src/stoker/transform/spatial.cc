#include "stoker/transform/spatial.h"

#include <utility>

#include "stoker/transform/geometry.h"

namespace stoker {

void SpatialChain::begin(const ImageShape& shape, RegionReader* reader) {
  reader_ = reader;
  source_shape_ = shape;
  crop_ = {0, 0, shape.width, shape.height};
  has_resize_ = false;
  flip_horizontal_ = false;
  flip_vertical_ = false;
}

void SpatialChain::begin(const ConstImage& image) {
  begin(image.shape, nullptr);
  source_ = image;
}

void SpatialChain::start_from(const ConstImage& image) {
  const bool horizontal = flip_horizontal_;
  const bool vertical = flip_vertical_;
  begin(image);
  flip_horizontal_ = horizontal;
  flip_vertical_ = vertical;
}

ImageShape SpatialChain::shape() const {
  ImageShape shape = source_shape_;
  shape.width = width();
  shape.height = height();
  return shape;
}

Rect SpatialChain::mirrored(const Rect& rect) const {
  Rect out = rect;
  if (flip_horizontal_) out.x = width() - rect.x - rect.width;
  if (flip_vertical_) out.y = height() - rect.y - rect.height;
  return out;
}

Failure SpatialChain::add(const Geometry& geometry) {
  if (geometry.crop) {
    const Rect crop = mirrored(*geometry.crop);
    if (is_inside(crop, height(), width())) {
      Rect& window = has_resize_ ? roi_ : crop_;
      window = {window.x + crop.x, window.y + crop.y, crop.width, crop.height};
    } else {
      if (Failure failure = flush()) return failure;
      ImageShape padded_shape = source_shape_;
      padded_shape.width = crop.width;
      padded_shape.height = crop.height;
      const Image padded = next_buffer(padded_shape);
      copy_crop(source_, crop, geometry.fill, padded);
      start_from(padded);
    }
  }
  if (geometry.resize) {
    if (has_resize_ || flip_horizontal_ || flip_vertical_) {
      if (Failure failure = flush_with_flips()) return failure;
    }
    has_resize_ = true;
    target_ = *geometry.resize;
    roi_ = {0, 0, target_.width, target_.height};
  }
  flip_horizontal_ ^= geometry.flip_horizontal;
  flip_vertical_ ^= geometry.flip_vertical;
  return std::nullopt;
}

Image SpatialChain::next_buffer(const ImageShape& shape) {
  // The buffer that does not hold the current source.
  ScratchBuffer& buffer = buffers_[next_];
  next_ = 1 - next_;
  return packed_image(buffer.reserve(shape.bytes()), shape);
}

// Makes source_ the pixels so far, flips still pending.
Failure SpatialChain::flush() {
  Rect needed = crop_;
  Resize resize;
  if (has_resize_) {
    resize = {target_.resampler, target_.interpolation, crop_.width, crop_.height,
              target_.width,     target_.height,        roi_,        source_shape_.dtype};
    needed = source_region(resize, scratch_);
  }
  const Rect region =
      has_resize_ ? Rect{crop_.x + needed.x, crop_.y + needed.y, needed.width, needed.height} : crop_;
  ConstImage pixels;
  if (reader_ != nullptr) {
    if (Failure failure = reader_->read(region, &pixels)) return failure;
  } else {
    pixels = source_.window(region);
  }
  if (has_resize_) {
    const Image resized = next_buffer(shape());
    resize_image(resize, pixels, needed, resized, scratch_);
    pixels = resized;
  }
  start_from(pixels);
  return std::nullopt;
}

Failure SpatialChain::flush_with_flips() {
  if (Failure failure = flush()) return failure;
  if (!flip_horizontal_ && !flip_vertical_) return std::nullopt;
  const Image flipped = next_buffer(source_shape_);
  copy_flipped(source_, flip_horizontal_, flip_vertical_, flipped);
  begin(flipped);
  return std::nullopt;
}

Failure SpatialChain::finish(ConstImage* pixels, bool* flip_horizontal, bool* flip_vertical) {
  if (Failure failure = flush()) return failure;
  *pixels = source_;
  *flip_horizontal = flip_horizontal_;
  *flip_vertical = flip_vertical_;
  return std::nullopt;
}

Failure SpatialChain::finish_upright(ConstImage* pixels) {
  if (Failure failure = flush_with_flips()) return failure;
  *pixels = source_;
  return std::nullopt;
}

std::optional<ScratchBuffer> SpatialChain::release(const void* data) {
  for (ScratchBuffer& buffer : buffers_) {
    if (buffer.capacity_bytes() > 0 && buffer.reserve(0) == data)
      return std::exchange(buffer, ScratchBuffer());
  }
  return std::nullopt;
}

void SpatialChain::trim(size_t keep_bytes) {
  for (ScratchBuffer& buffer : buffers_) buffer.trim(keep_bytes);
  scratch_.rows.trim(keep_bytes);
  scratch_.taps.trim(keep_bytes);
  scratch_.plan.trim(keep_bytes);
}

}  // namespace stoker
