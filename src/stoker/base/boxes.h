// Boxes and keypoints of one sample, as they travel through the operators. Doubles, because the arithmetic
// of Albumentations 2.0.8, which is reproduced, works in doubles between roundings to float32.
#pragma once

#include <cstdint>

namespace stoker {

// In shares of the image's width and height: 0 is its left or top edge, 1 its right or bottom edge.
struct Box {
  double x_min = 0;
  double y_min = 0;
  double x_max = 0;
  double y_max = 0;
  int32_t row = 0;  // which of the sample's boxes this was, so that labels follow it
  // The library's array is float32 still, as it begins: what keeps the array rounds to float32. What computes
  // in doubles there ends this.
  bool is_single = false;

  friend bool operator==(const Box&, const Box&) = default;
};

// In pixels; the centre of the first pixel is (0, 0).
struct Keypoint {
  double x = 0;
  double y = 0;
  double angle = 0;  // radians
  double scale = 0;
  int32_t row = 0;
  bool is_single = false;  // as of a Box

  friend bool operator==(const Keypoint&, const Keypoint&) = default;
};

// What a box or keypoint is known by, its numbers apart.
struct RowOrigin {
  int32_t row = 0;
  bool is_single = false;

  friend bool operator==(const RowOrigin&, const RowOrigin&) = default;
};

}  // namespace stoker
