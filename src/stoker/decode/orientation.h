// The eight EXIF orientations. "Stored" is what the file holds, "turned" what a viewer shows.
#pragma once

#include "stoker/base/image.h"

namespace stoker {

// The shape after turning; `orientation` is 1..8 here and below.
ImageShape turned_shape(const ImageShape& stored, int orientation);

// Where in an image of shape `stored` the pixels of a region of the turned image lie.
Rect stored_region(const Rect& turned, const ImageShape& stored, int orientation);

// Writes `stored` turned into `out`, whose shape is turned_shape(stored.shape).
void turn_pixels(const ConstImage& stored, int orientation, const Image& out);

}  // namespace stoker
