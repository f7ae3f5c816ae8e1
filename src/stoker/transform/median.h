// The median of a square around each sample.
#pragma once

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

inline constexpr int kMaxMedianPx = 255;

// `side` is odd, up to kMaxMedianPx; the border repeats its edge. uint8 of any channels; a median has one
// value, so that pixels equal those of every library with this border.
void median_blur(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch);
void median_blur_reference(const ConstImage& in, int side, const Image& out);

}  // namespace stoker
