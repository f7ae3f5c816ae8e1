// Warps: every pixel of a result is read from anywhere in the source. Pixels equal those of OpenCV 4.11's
// warpAffine, warpPerspective and remap: coordinates are rounded to 1/32 pixel before interpolation.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

// What stands outside an image `abcd`.
enum class WarpBorder : uint8_t {
  kConstant,    // the fill
  kReplicate,   // aaaa|abcd|dddd
  kReflect,     // dcba|abcd|dcba
  kReflect101,  // dcb|abcd|cba
  kWrap,        // abcd|abcd|abcd
};

std::string_view name_of(WarpBorder border);
WarpBorder warp_border_from_name(std::string_view name);  // throws ArgumentError

// The index that stands for `at` in an axis of `count`; -1 for the fill.
int warp_border_index(int64_t at, int count, WarpBorder border);

// How a warp reads its source.
struct Sampling {
  Interpolation interpolation = Interpolation::kBilinear;  // nearest, bilinear, bicubic or lanczos
  WarpBorder border = WarpBorder::kConstant;
  // One value for all channels, or up to four: channel c of each group of four takes fill[c], and what is
  // missing is 0. In levels of the image's dtype.
  std::vector<double> fill = {0};
};

// The value of `fill` for each channel, by the grouping in fours that Albumentations has.
std::vector<double> fill_of_channels(const std::vector<double>& fill, int channels);

// Coordinates of the source: in whole pixels for nearest, in 1/32 pixel otherwise.
struct Coordinates {
  int32_t* x;
  int32_t* y;
};

// Says where each pixel of a result of width x height comes from.
class PixelMap {
 public:
  virtual ~PixelMap() = default;
  // Row y. May write up to kSlack more than `width` numbers.
  virtual void row(int y, bool whole, const Coordinates& out) const = 0;
  // One pixel, by the plainest code there is.
  virtual std::array<int32_t, 2> at(int x, int y, bool whole) const = 0;

  static constexpr int kSlack = 32;
  int width = 0;
  int height = 0;
};

using Matrix23 = std::array<double, 6>;  // rows of (x, y, 1)
using Matrix33 = std::array<double, 9>;

// The inverse by the arithmetic of cv::warpAffine and cv::warpPerspective; zeros for a singular matrix.
Matrix23 inverted(const Matrix23& matrix);
Matrix33 inverted(const Matrix33& matrix);

// A result pixel (x, y) comes from `inverse` times (x + left, y + top): a part of a larger result.
class AffineMap : public PixelMap {
 public:
  AffineMap(const Matrix23& inverse, int result_width, int result_height, int left = 0, int top = 0);
  void row(int y, bool whole, const Coordinates& out) const override;
  std::array<int32_t, 2> at(int x, int y, bool whole) const override;

 private:
  Matrix23 inverse_;
  int left_;
  int top_;
  std::vector<int32_t> x_steps_;
  std::vector<int32_t> y_steps_;
};

class PerspectiveMap : public PixelMap {
 public:
  PerspectiveMap(const Matrix33& inverse, int result_width, int result_height);
  void row(int y, bool whole, const Coordinates& out) const override;
  std::array<int32_t, 2> at(int x, int y, bool whole) const override;

 private:
  Matrix33 inverse_;
  int block_;  // x is counted anew from each multiple of it, as OpenCV does, which shows in the last bits
};

// Coordinates as floats in pixels, row by row.
class FloatMap : public PixelMap {
 public:
  // Fills `width` coordinates of row y.
  using Row = std::function<void(int y, float* xs, float* ys)>;
  FloatMap(Row row, int result_width, int result_height);
  void row(int y, bool whole, const Coordinates& out) const override;
  std::array<int32_t, 2> at(int x, int y, bool whole) const override;
  const Row& floats() const { return row_; }

 private:
  Row row_;
};

// Reads `in` as `map` says into `out`, of map.width x map.height and the dtype and channels of `in`.
// uint8, uint16, int16 and float32 with every interpolation, other dtypes with nearest alone. They do not
// overlap. Sides of up to 65,500 pixels.
void warp(const PixelMap& map, const Sampling& sampling, const ConstImage& in, const Image& out,
          ResizeScratch& scratch);

// The same, plainly: one pixel at a time, no vector code. The judge of warp().
void warp_reference(const PixelMap& map, const Sampling& sampling, const ConstImage& in, const Image& out);

// Whether warp() can take images of this dtype with this interpolation.
bool can_warp(DType dtype, Interpolation interpolation);

}  // namespace stoker
