// Masks of a measurement: which pixels of an image count.
#pragma once

#include <atomic>
#include <cstdint>

#include "stoker/base/error.h"
#include "stoker/base/image.h"
#include "stoker/base/memory.h"
#include "stoker/decode/decoder.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/source/source.h"

namespace stoker {

// Belongs to one thread; what it is given must outlive it.
class MaskReader {
 public:
  // `is_cancelled`, if not null, ends a long decode early once it is set.
  MaskReader(const Source& masks, Fetcher& fetcher, const std::atomic<bool>* is_cancelled);

  // Sets `mask` to uint8 of (height, width, 1): 0 where every channel of mask `index` is 0, else 1. It is
  // valid until the next read().
  Failure read(int64_t index, ConstImage* mask);

 private:
  Failure decode(const FetchRequest& request, const SampleBytes& bytes, ConstImage* mask);

  const Source& masks_;
  Fetcher& fetcher_;
  DecodeOptions options_;
  DecoderSet decoders_;
  ScratchBuffer decoded_;
  ScratchBuffer flags_;
};

}  // namespace stoker
