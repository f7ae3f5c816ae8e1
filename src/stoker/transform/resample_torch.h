// torch 2.13's antialiased interpolate() on the CPU, and its nearest neighbours.
#pragma once

#include "stoker/transform/resample.h"
#include "stoker/transform/resample_taps.h"

namespace stoker {

Rect torch_source_region(const Resize& resize, ResizeScratch& scratch);

// uint8: integer weights for Resampler::kTorch, else through float32. float32: kTorch alone.
void torch_resize(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                  ResizeScratch& scratch);

// The part of it that computes in float32, for images of uint8 or float32. Not for nearest neighbours.
void torch_resize_in_floats(const Resize& resize, const ConstImage& source, const Rect& region,
                            const Image& out, ResizeScratch& scratch);

// The source indices that the outputs [first, first + count) of one axis are made of there.
Span torch_float_span(Interpolation interpolation, int source, int size, int first, int count);

}  // namespace stoker
