#include "stoker/transform/pillow_warp.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace stoker {
namespace {

constexpr double kFixed = 65536;

// Towards zero, but whatever lies below 0 is outside; far away is outside too.
int64_t place_of(double at) {
  return !(at >= 0) ? -1 : at < 1e9 ? static_cast<int64_t>(at) : int64_t{1} << 30;
}

int64_t fixed(double value) { return static_cast<int64_t>(std::floor(value * kFixed + 0.5)); }

// Whether all coordinates of a result of this size fit in 16.16 fixed point.
bool fits_fixed(const PillowWarp& warp, const ConstImage& in, const Image& out) {
  if (in.width() >= 32768 || in.height() >= 32768) return false;
  const auto& a = warp.coefficients;
  for (const int y : {0, out.height()}) {
    for (const int x : {0, out.width()}) {
      if (!(std::abs(x * a[0] + y * a[1] + a[2]) < 32768 && std::abs(x * a[3] + y * a[4] + a[5]) < 32768)) {
        return false;
      }
    }
  }
  return true;
}

// The coordinates along one axis when it does not depend on the other: a sum that grows by a step.
std::vector<int64_t> summed_places(double start, double step, int count) {
  std::vector<int64_t> places;
  for (int i = 0; i < count; ++i, start += step) places.push_back(place_of(start));
  return places;
}

class NearestWriter {
 public:
  NearestWriter(const PillowWarp& warp, const ConstImage& in)
      : in_(in), fill_(warp.fill), pixel_bytes_(in.shape.pixel_bytes()) {}

  void write(int64_t x, int64_t y, uint8_t* to) const {
    const bool is_inside = x >= 0 && y >= 0 && x < in_.width() && y < in_.height();
    const uint8_t* from = is_inside
                              ? in_.row<uint8_t>(static_cast<int>(y)) + static_cast<size_t>(x) * pixel_bytes_
                              : fill_.data();
    if (pixel_bytes_ == 3) {
      std::memcpy(to, from, 3);
    } else if (pixel_bytes_ == 1) {
      *to = *from;
    } else {
      std::memcpy(to, from, pixel_bytes_);
    }
  }

 private:
  ConstImage in_;
  const std::vector<uint8_t>& fill_;
  size_t pixel_bytes_;
};

void nearest_affine(const PillowWarp& warp, const ConstImage& in, const Image& out) {
  const auto& a = warp.coefficients;
  const NearestWriter writer(warp, in);
  const auto pixel_bytes = static_cast<ptrdiff_t>(in.shape.pixel_bytes());
  if (a[1] == 0 && a[3] == 0) {
    const auto xs = summed_places(a[2] + a[0] * 0.5, a[0], out.width());
    const auto ys = summed_places(a[5] + a[4] * 0.5, a[4], out.height());
    for (int y = 0; y < out.height(); ++y) {
      for (int x = 0; x < out.width(); ++x) {
        writer.write(xs[static_cast<size_t>(x)], ys[static_cast<size_t>(y)],
                     out.row<uint8_t>(y) + x * pixel_bytes);
      }
    }
    return;
  }
  const double start_x = a[2] + a[0] * 0.5 + a[1] * 0.5;
  const double start_y = a[5] + a[3] * 0.5 + a[4] * 0.5;
  if (fits_fixed(warp, in, out)) {
    const int64_t x_step = fixed(a[0]);
    const int64_t y_step = fixed(a[3]);
    int64_t row_x = fixed(start_x);
    int64_t row_y = fixed(start_y);
    for (int y = 0; y < out.height(); ++y, row_x += fixed(a[1]), row_y += fixed(a[4])) {
      int64_t from_x = row_x;
      int64_t from_y = row_y;
      uint8_t* to = out.row<uint8_t>(y);
      for (int x = 0; x < out.width(); ++x, from_x += x_step, from_y += y_step, to += pixel_bytes) {
        writer.write(from_x >> 16, from_y >> 16, to);
      }
    }
    return;
  }
  double row_x = start_x;
  double row_y = start_y;
  for (int y = 0; y < out.height(); ++y, row_x += a[1], row_y += a[4]) {
    double from_x = row_x;
    double from_y = row_y;
    for (int x = 0; x < out.width(); ++x, from_x += a[0], from_y += a[3]) {
      writer.write(place_of(from_x), place_of(from_y), out.row<uint8_t>(y) + x * pixel_bytes);
    }
  }
}

struct Place {
  double x;
  double y;
};

Place source_of(const PillowWarp& warp, int x, int y) {
  const auto& a = warp.coefficients;
  const double at_x = x + 0.5;
  const double at_y = y + 0.5;
  const Place place = {a[0] * at_x + a[1] * at_y + a[2], a[3] * at_x + a[4] * at_y + a[5]};
  if (warp.is_affine) return place;
  const double w = a[6] * at_x + a[7] * at_y + 1;
  return {place.x / w, place.y / w};
}

void bilinear_sample(const PillowWarp& warp, const ConstImage& in, Place at, uint8_t* to) {
  const int channels = in.channels();
  const bool is_inside = at.x >= 0 && at.x < in.width() && at.y >= 0 && at.y < in.height();
  if (!is_inside) {
    std::memcpy(to, warp.fill.data(), static_cast<size_t>(channels));
    return;
  }
  const double left = std::floor(at.x - 0.5);
  const double top = std::floor(at.y - 0.5);
  const double right_share = at.x - 0.5 - left;
  const double lower_share = at.y - 0.5 - top;
  const int x = static_cast<int>(left);
  const int y = static_cast<int>(top);
  const ptrdiff_t from_left = static_cast<ptrdiff_t>(std::max(x, 0)) * channels;
  const ptrdiff_t from_right = static_cast<ptrdiff_t>(std::min(x + 1, in.width() - 1)) * channels;
  const uint8_t* upper = in.row<uint8_t>(std::max(y, 0));
  const uint8_t* lower = in.row<uint8_t>(std::min(y + 1, in.height() - 1));
  for (int c = 0; c < channels; ++c) {
    const int a = upper[from_left + c];
    const int b = upper[from_right + c];
    const double above = a + (b - a) * right_share;
    const int d = lower[from_left + c];
    const int e = lower[from_right + c];
    const double below = d + (e - d) * right_share;
    to[c] = static_cast<uint8_t>(above + (below - above) * lower_share);
  }
}

}  // namespace

void pillow_warp(const PillowWarp& warp, const ConstImage& in, const Image& out) {
  if (warp.is_affine && warp.interpolation == Interpolation::kNearest) return nearest_affine(warp, in, out);
  const NearestWriter writer(warp, in);
  const auto pixel_bytes = static_cast<ptrdiff_t>(in.shape.pixel_bytes());
  for (int y = 0; y < out.height(); ++y) {
    uint8_t* to = out.row<uint8_t>(y);
    for (int x = 0; x < out.width(); ++x, to += pixel_bytes) {
      const Place at = source_of(warp, x, y);
      if (warp.interpolation == Interpolation::kNearest) {
        writer.write(place_of(at.x), place_of(at.y), to);
      } else {
        bilinear_sample(warp, in, at, to);
      }
    }
  }
}

double rounded_to_15_digits(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.15f", value);
  return std::strtod(text, nullptr);
}

}  // namespace stoker
