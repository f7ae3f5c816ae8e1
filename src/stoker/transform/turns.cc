#include "stoker/transform/turns.h"

#include <algorithm>
#include <cstring>
#include <numbers>
#include <utility>

#include "stoker/transform/geometry.h"
#include "stoker/transform/single.h"

namespace stoker {
namespace {

constexpr double kPi = std::numbers::pi;

// out(y, x) reads row y of the source (row x after a swap), from its end when `from_bottom`.
struct Reading {
  bool swaps = false;
  bool from_bottom = false;
  bool from_right = false;
};

Reading reading_of(Turn turn) {
  switch (turn) {
    case Turn::kNone:
      return {false, false, false};
    case Turn::kQuarter:
      return {true, false, true};
    case Turn::kHalf:
      return {false, true, true};
    case Turn::kThreeQuarters:
      return {true, true, false};
    case Turn::kFlipRows:
      return {false, true, false};
    case Turn::kAntiTranspose:
      return {true, true, true};
    case Turn::kFlipColumns:
      return {false, false, true};
    case Turn::kTranspose:
      return {true, false, false};
  }
  return {};
}

// A tile of 32 x 32 pixels keeps the rows that are read and the rows that are written in the first cache,
// where straight loops would touch a new line with every pixel.
constexpr int kTile = 32;

template <size_t kBytes>
void copy_swapped(const Reading& reading, const ConstImage& in, const Image& out, size_t pixel_bytes) {
  const size_t bytes = kBytes == 0 ? pixel_bytes : kBytes;
  const ptrdiff_t step = reading.from_bottom ? -in.row_bytes : in.row_bytes;
  for (int top = 0; top < out.height(); top += kTile) {
    const int bottom = std::min(top + kTile, out.height());
    for (int left = 0; left < out.width(); left += kTile) {
      const int right = std::min(left + kTile, out.width());
      for (int y = top; y < bottom; ++y) {
        const int column = reading.from_right ? in.width() - 1 - y : y;
        const int row = reading.from_bottom ? in.height() - 1 - left : left;
        const uint8_t* from = in.row<uint8_t>(row) + static_cast<size_t>(column) * bytes;
        uint8_t* to = out.row<uint8_t>(y) + static_cast<size_t>(left) * bytes;
        for (int x = left; x < right; ++x, from += step, to += bytes) std::memcpy(to, from, bytes);
      }
    }
  }
}

void copy_swapped(const Reading& reading, const ConstImage& in, const Image& out) {
  const size_t bytes = in.shape.pixel_bytes();
  switch (bytes) {
    case 1:
      return copy_swapped<1>(reading, in, out, bytes);
    case 2:
      return copy_swapped<2>(reading, in, out, bytes);
    case 3:
      return copy_swapped<3>(reading, in, out, bytes);
    case 4:
      return copy_swapped<4>(reading, in, out, bytes);
    case 6:
      return copy_swapped<6>(reading, in, out, bytes);
    case 8:
      return copy_swapped<8>(reading, in, out, bytes);
    case 12:
      return copy_swapped<12>(reading, in, out, bytes);
    case 16:
      return copy_swapped<16>(reading, in, out, bytes);
    default:
      return copy_swapped<0>(reading, in, out, bytes);
  }
}

void transpose(Keypoint* point) {
  const bool single = point->is_single;
  std::swap(point->x, point->y);
  const double start = kept(point->angle <= kept(kPi, single) ? kPi / 2 : 3 * kPi / 2, single);
  point->angle = angle_in_circle(kept(start - point->angle, single), single);
}

// Rotations and flips leave float32 behind; the angle is taken round the circle there.
void set_single(double x, double y, double angle, Keypoint* point) {
  point->x = to_single(x);
  point->y = to_single(y);
  point->angle = angle_in_circle(to_single(angle), true);
  point->is_single = true;
}

}  // namespace

bool swaps_sides(Turn turn) { return reading_of(turn).swaps; }

ImageShape shape_after(Turn turn, const ImageShape& in) {
  ImageShape out = in;
  if (swaps_sides(turn)) std::swap(out.height, out.width);
  return out;
}

void copy_turned(Turn turn, const ConstImage& in, const Image& out) {
  const Reading reading = reading_of(turn);
  if (reading.swaps) return copy_swapped(reading, in, out);
  copy_flipped(in, reading.from_right, reading.from_bottom, out);
}

void copy_turned_reference(Turn turn, const ConstImage& in, const Image& out) {
  const Reading reading = reading_of(turn);
  const size_t bytes = in.shape.pixel_bytes();
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      const int row = reading.swaps ? x : y;
      const int column = reading.swaps ? y : x;
      const auto* from = in.row<uint8_t>(reading.from_bottom ? in.height() - 1 - row : row);
      std::memcpy(out.row<uint8_t>(y) + static_cast<size_t>(x) * bytes,
                  from + static_cast<size_t>(reading.from_right ? in.width() - 1 - column : column) * bytes,
                  bytes);
    }
  }
}

void turn_boxes(Turn turn, std::vector<Box>& boxes) {
  const Reading reading = reading_of(turn);
  for (Box& box : boxes) {
    if (reading.from_right) {
      std::swap(box.x_min, box.x_max);
      box.x_min = kept(1 - box.x_min, box.is_single);
      box.x_max = kept(1 - box.x_max, box.is_single);
    }
    if (reading.from_bottom) {
      std::swap(box.y_min, box.y_max);
      box.y_min = kept(1 - box.y_min, box.is_single);
      box.y_max = kept(1 - box.y_max, box.is_single);
    }
    if (reading.swaps) {
      std::swap(box.x_min, box.y_min);
      std::swap(box.x_max, box.y_max);
    }
  }
}

void turn_keypoints(Turn turn, const ImageShape& in, std::vector<Keypoint>& keypoints) {
  const int right = in.width - 1;
  const int bottom = in.height - 1;
  for (Keypoint& point : keypoints) {
    const auto angle = [&](double value) { return kept(value, point.is_single); };
    const auto [x, y] = std::pair(point.x, point.y);
    switch (turn) {
      case Turn::kNone:
        break;
      case Turn::kQuarter:
        set_single(y, right - x, point.angle - angle(kPi / 2), &point);
        break;
      case Turn::kHalf:
        set_single(right - x, bottom - y, point.angle - angle(kPi), &point);
        break;
      case Turn::kThreeQuarters:
        set_single(bottom - y, x, point.angle + angle(kPi / 2), &point);
        break;
      case Turn::kFlipRows:
        set_single(x, bottom - y, -point.angle, &point);
        break;
      case Turn::kFlipColumns:
        set_single(right - x, y, angle(kPi) - point.angle, &point);
        break;
      case Turn::kAntiTranspose:
        set_single(right - x, bottom - y, point.angle - angle(kPi), &point);
        transpose(&point);
        break;
      case Turn::kTranspose:
        transpose(&point);
        break;
    }
  }
}

}  // namespace stoker
