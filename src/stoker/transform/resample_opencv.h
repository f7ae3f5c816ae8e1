// OpenCV 4.11's cv2.resize for 8-bit images (cubic: with IPP off).
#pragma once

#include "stoker/transform/resample.h"

namespace stoker {

Rect opencv_source_region(const Resize& resize, ResizeScratch& scratch);
void opencv_resize(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                   ResizeScratch& scratch);

}  // namespace stoker
