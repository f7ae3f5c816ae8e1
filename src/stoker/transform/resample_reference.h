// The parts of resize_image_reference: OpenCV's rules, one output at a time. No code of resize_image.
#pragma once

#include <utility>
#include <vector>

#include "stoker/transform/resample.h"

namespace stoker {

struct Tap {
  int at;
  double weight;
};

double cv_scale(int source, int size);
bool is_whole(double scale);
int inside(int at, int source);
// The first of the two pixels between which an output lies, and how far behind it.
std::pair<int, float> cv_place(bool area, int source, int size, int output);
int cv_nearest(bool exact, int source, int size, int output);
// Four weights of the cubic, or eight of Lanczos.
std::vector<float> cv_wide_weights(Interpolation kind, float f);
std::vector<Tap> cv_area_taps(int source, int size, int output);

// uint16, int16 and float32.
void wide_resize_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                           const Image& out);

}  // namespace stoker
