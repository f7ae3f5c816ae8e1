// OpenCV's area averages, for images that shrink along both axes.
#pragma once

#include "stoker/transform/resample_passes.h"

namespace stoker {

// The part of the source that outputs [first, first + count) of an axis average.
Span area_span(int source, int size, int first, int count);

// Both factors are whole numbers: every output pixel is the mean of x_factor * y_factor source pixels.
void area_by_whole_factors(const SourceWindow& source, int x_factor, int y_factor, const Rect& roi,
                           const Image& out, ResizeScratch& scratch);

// Any factors of at least 1: pixels on an edge count in part. float32, in the order of the source pixels.
void area_by_parts(const SourceWindow& source, const Resize& resize, const Image& out,
                   ResizeScratch& scratch);

}  // namespace stoker
