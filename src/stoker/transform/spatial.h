// Composes the geometries of consecutive operators and carries them out at once: a crop becomes a
// region of the decoder, a crop after a resize computes that window alone, flips wait for the last pass.
//
// Only rewrites that keep every pixel are made: crops and flips are index algebra; a resize is never
// merged with another, and what a pending flip would change in the last bit is flipped first.
#pragma once

#include <array>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/base/memory.h"
#include "stoker/transform/operator.h"

namespace stoker {

// Where the first pixels come from; asked at most once.
class RegionReader {
 public:
  virtual ~RegionReader() = default;
  // Sets `pixels` to the pixels of `region`, alive until the next image.
  virtual Failure read(const Rect& region, ConstImage* pixels) = 0;
};

// Belongs to one thread, reused for image after image.
class SpatialChain {
 public:
  void begin(const ImageShape& shape, RegionReader* reader);
  void begin(const ConstImage& image);

  // Adds what one operator does. `shape()` is the shape so far.
  Failure add(const Geometry& geometry);
  ImageShape shape() const;

  // The pixels, still to be mirrored as the flags say. Alive until the next begin().
  Failure finish(ConstImage* pixels, bool* flip_horizontal, bool* flip_vertical);

  // The same with the mirroring done.
  Failure finish_upright(ConstImage* pixels);

  // Hands over the memory that starts at `data`, the first of the pixels that finish() gave; nothing where
  // they lie elsewhere. Nothing may be read of them before the next begin().
  std::optional<ScratchBuffer> release(const void* data);

  // Releases what one unusually large image left behind.
  void trim(size_t keep_bytes);

 private:
  Failure flush();
  Failure flush_with_flips();
  Image next_buffer(const ImageShape& shape);
  void start_from(const ConstImage& image);
  Rect mirrored(const Rect& rect) const;
  // Size of the result before flips.
  int width() const { return has_resize_ ? roi_.width : crop_.width; }
  int height() const { return has_resize_ ? roi_.height : crop_.height; }

  ImageShape source_shape_;
  RegionReader* reader_ = nullptr;  // null: source_ holds the pixels
  ConstImage source_;
  Rect crop_;
  bool has_resize_ = false;
  Geometry::Target target_;
  Rect roi_;
  bool flip_horizontal_ = false;
  bool flip_vertical_ = false;
  std::array<ScratchBuffer, 2> buffers_;
  size_t next_ = 0;
  ResizeScratch scratch_;
};

}  // namespace stoker
