// The parts of resize_image_reference, one output at a time. No code of resize_image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "stoker/transform/resample.h"

namespace stoker {

struct Tap {
  int at;
  double weight;
};

// A sample of the whole source; asked only for pixels that matter.
using ByteSample = std::function<int(int x, int y, int channel)>;

inline uint8_t clamped(int64_t value) { return static_cast<uint8_t>(std::clamp<int64_t>(value, 0, 255)); }

// Pillow's filters, which torch has too, and how far they reach to each side.
double bell(Interpolation kind, double x);
double reach(Interpolation kind);
uint8_t pillow_sample(const Resize& r, const ByteSample& source, int x, int y, int channel);

// The number of bits in which all weights of an axis are counted.
int torch_bits(const Resize& r, int source, int size);
uint8_t torch_sample(const Resize& r, int x_bits, int y_bits, const ByteSample& source, int x, int y,
                     int channel);
void torch_float_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                           const Image& out);

double cv_scale(int source, int size);
bool is_whole(double scale);
int inside(int at, int source);
// The first of the two pixels between which an output lies, and how far behind it.
std::pair<int, float> cv_place(bool area, int source, int size, int output);
int cv_nearest(bool exact, int source, int size, int output);
// Four weights of the cubic, or eight of Lanczos.
std::vector<float> cv_wide_weights(Interpolation kind, float f);
std::vector<Tap> cv_area_taps(int source, int size, int output);
uint8_t opencv_sample(const Resize& r, const ByteSample& source, int channels, int x, int y, int channel);

// OpenCV's rules for uint16, int16 and float32.
void wide_resize_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                           const Image& out);

}  // namespace stoker
