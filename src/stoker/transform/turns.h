// The eight symmetries of a rectangle: flips, quarter turns and transposes, as index maps.
#pragma once

#include <string_view>
#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/image.h"

namespace stoker {

// In the order of Albumentations' D4. Turns are counter-clockwise.
enum class Turn : uint8_t {
  kNone,
  kQuarter,
  kHalf,
  kThreeQuarters,
  kFlipRows,
  kAntiTranspose,
  kFlipColumns,
  kTranspose
};

inline constexpr int kTurns = 8;

// Whether rows become columns.
bool swaps_sides(Turn turn);

ImageShape shape_after(Turn turn, const ImageShape& in);

// `out` has shape_after(turn, in.shape). Any dtype.
void copy_turned(Turn turn, const ConstImage& in, const Image& out);
void copy_turned_reference(Turn turn, const ConstImage& in, const Image& out);

// With the roundings of Albumentations 2.0.8.
void turn_boxes(Turn turn, std::vector<Box>& boxes);
void turn_keypoints(Turn turn, const ImageShape& in, std::vector<Keypoint>& keypoints);

}  // namespace stoker
