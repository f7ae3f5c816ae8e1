// Carries out a Geometry on pixels, alone; run/ composes several before it touches any.
#pragma once

#include "stoker/transform/operator.h"

namespace stoker {

ImageShape shape_of(const Geometry& geometry, const ImageShape& in);

void apply_geometry(const Geometry& geometry, const ConstImage& in, const Image& out, ResizeScratch& scratch);
void apply_geometry_reference(const Geometry& geometry, const ConstImage& in, const Image& out);

// The same for a mask.
Geometry mask_geometry(Geometry geometry);

// Moves boxes and keypoints of an image of shape `in`, with the roundings of Albumentations 2.0.8.
void move_boxes(const Geometry& geometry, const ImageShape& in, std::vector<Box>& boxes);
void move_keypoints(const Geometry& geometry, const ImageShape& in, std::vector<Keypoint>& keypoints);

// As keypoints_scale of Albumentations 2.0.8.
void scale_keypoint(double scale_x, double scale_y, Keypoint* point);

// Copies `crop` of `in` to `out`; where it reaches outside, `fill` stands (channel c takes the value
// fill[c % 4] itself, whatever the dtype). Any dtype; half floats with a fill of 0 alone.
void copy_crop(const ConstImage& in, const Rect& crop, const std::array<uint8_t, 4>& fill, const Image& out);

// Mirrors `in` into `out`, of the same shape.
void copy_flipped(const ConstImage& in, bool horizontal, bool vertical, const Image& out);

// Whether `rect` lies within height x width.
inline bool is_inside(const Rect& rect, int height, int width) {
  return rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= width && rect.y + rect.height <= height;
}

}  // namespace stoker
