// A region equals the same crop of the whole image, and nothing is written beside it: for formats that
// have no second decoder to be held against.
#pragma once

#include <algorithm>

#include "choices.h"

namespace stoker::fuzz {

// `is_exact`: false where a region and the whole are unpacked by two codecs, which judge damage differently.
inline void check_region(std::span<const uint8_t> file, const Choices& choices, bool is_exact = true) {
  static DecoderSet decoders;
  ImageShape shape;
  if (decoders.open(file, choices.options(), &shape)) return;
  const Decoded whole = decode(decoders, shape, {0, 0, shape.width, shape.height}, 0);
  if (decoders.open(file, choices.options(), &shape)) stop("the second open() fails");
  const Rect region = choices.region(shape);
  const Decoded part = decode(decoders, shape, region, choices.gap_bytes() * size_of(shape.dtype));
  if (whole.failure) return;  // the damage may lie outside the region
  if (!is_exact) {
    if (decoders.open(file, choices.options(), &shape)) stop("the third open() fails");
    if (decode(decoders, shape, {0, 0, shape.width, shape.height}, 0).bytes != whole.bytes)
      stop("the same image has other pixels at another time");
    return;
  }
  if (part.failure) stop("a region fails, the whole does not");
  const size_t used = part.shape.row_bytes();
  const size_t first =
      static_cast<size_t>(region.y) * whole.row_bytes + static_cast<size_t>(region.x) * shape.pixel_bytes();
  for (size_t y = 0; y < static_cast<size_t>(region.height); ++y) {
    const auto got = std::span(part.bytes).subspan(y * part.row_bytes, part.row_bytes);
    const auto expected = std::span(whole.bytes).subspan(first + y * whole.row_bytes, used);
    if (!std::equal(expected.begin(), expected.end(), got.begin())) stop("a region is not the crop");
    const bool is_kept = std::all_of(got.begin() + static_cast<ptrdiff_t>(used), got.end(),
                                     [](uint8_t b) { return b == kUntouched; });
    if (!is_kept) stop("the gap between rows was written to");
  }
}

}  // namespace stoker::fuzz
