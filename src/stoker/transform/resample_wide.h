// OpenCV's rules for uint16, int16 and float32: weights and sums are float32, each step rounded.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "stoker/transform/resample_opencv_rule.h"
#include "stoker/transform/resample_passes.h"

namespace stoker {

// A float32 sum as a value of the image: integers are rounded half to even and clamped.
template <class T>
T wide_cast(float sum) {
  if constexpr (std::is_same_v<T, float>) {
    return sum;
  } else {
    using Limits = std::numeric_limits<T>;
    return static_cast<T>(std::clamp(std::nearbyint(sum), static_cast<float>(Limits::min()),
                                     static_cast<float>(Limits::max())));
  }
}

// The part of the source that outputs [first, first + count) of an axis read.
Span wide_source_span(ResizeRule rule, int source, int size, int first, int count);

// Every rule but kCopy, kNearest and kNearestExact, which do not compute.
void wide_resize(const Resize& resize, ResizeRule rule, const SourceWindow& source, const Image& out,
                 ResizeScratch& scratch);

}  // namespace stoker
