// stoker's own decoder of baseline JPEGs: half the time of libjpeg-turbo, and the same pixels or none.
#pragma once

#include <atomic>
#include <cstdint>

#include "stoker/base/image.h"
#include "stoker/base/memory.h"
#include "stoker/decode/decoder.h"
#include "stoker/decode/jpeg_entropy.h"
#include "stoker/decode/jpeg_frame.h"
#include "stoker/decode/jpeg_pixels.h"

struct jpeg_decompress_struct;

namespace stoker {

// When a decode has taken too long.
struct JpegPatience {
  int64_t start_cpu_ns = 0;
  int64_t max_cpu_ns = 0;
  const std::atomic<bool>* is_cancelled = nullptr;
};

// From libjpeg's state behind the first scan's header, which must stay as it is while `frame` and `scan` are
// used. Anything but DecodeRoute::kOwn says what this decoder does not do.
DecodeRoute describe_jpeg(const jpeg_decompress_struct& library, JpegFrame* frame, JpegScan* scan);

// Belongs to one thread and is reused; a steady loop allocates nothing.
class JpegBaseline {
 public:
  // Decodes `region`, reading on to the end of the last row of MCUs that libjpeg-turbo would read for it.
  // Anything but DecodeRoute::kOwn: the rows of `out` hold nothing of use, and libjpeg-turbo has to judge.
  DecodeRoute decode(const JpegFrame& frame, const JpegScan& scan, const Rect& region, JpegPixelKind kind,
                     const JpegPatience& patience, uint8_t* out, ptrdiff_t out_row_bytes);

 private:
  JpegEntropy entropy_;
  JpegPixels pixels_;
  ScratchBuffer coefficients_;
};

}  // namespace stoker
