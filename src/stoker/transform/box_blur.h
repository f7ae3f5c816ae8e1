// The mean of a square around each pixel.
#pragma once

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

inline constexpr int kMaxBoxPx = 255;

// `side` is odd, up to kMaxBoxPx; border reflected without its edge. uint8, uint16, int16, float32 of any
// channels; pixels equal cv2.blur (4.11). The reference is the plain judge.
void box_blur(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch);
void box_blur_reference(const ConstImage& in, int side, const Image& out);

}  // namespace stoker
