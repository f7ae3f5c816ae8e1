// Pillow 13's Image.resize for 8-bit images.
#pragma once

#include "stoker/transform/resample.h"

namespace stoker {

Rect pillow_source_region(const Resize& resize, ResizeScratch& scratch);
void pillow_resize(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                   ResizeScratch& scratch);

// Whether Pillow resizes the columns before the rows; found by experiment. Between the passes it rounds to
// 8 bits, so the order shows.
bool pillow_starts_with_columns(const Resize& resize);

}  // namespace stoker
