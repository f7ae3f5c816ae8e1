#include "stoker/transform/box_blur.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "stoker/base/error.h"
#include "stoker/transform/filter_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/box_blur.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// sums[i] += entering[i] - leaving[i].
void slide_sums(const uint8_t* entering, const uint8_t* leaving, size_t count, uint16_t* sums) {
  const hn::ScalableTag<uint16_t> d;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto in = hn::PromoteTo(d, hn::LoadU(d8, entering + i));
    const auto out = hn::PromoteTo(d, hn::LoadU(d8, leaving + i));
    hn::StoreU(hn::Sub(hn::Add(hn::LoadU(d, sums + i), in), out), d, sums + i);
  }
  for (; i < count; ++i) sums[i] = static_cast<uint16_t>(sums[i] + entering[i] - leaving[i]);
}

// out[i] = (sum of sums[i + j * stride], j < side, + offset) * factor >> 23. Reads and writes up to a vector
// behind `count`.
void mean_of_sums(const uint16_t* sums, size_t stride, size_t side, uint32_t offset, uint32_t factor,
                  size_t count, uint8_t* out) {
  const hn::ScalableTag<uint32_t> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
#if HWY_TARGET == HWY_SCALAR
  for (size_t i = 0; i < count; ++i) {
    uint32_t sum = offset;
    for (size_t j = 0; j < side; ++j) sum += sums[i + j * stride];
    out[i] = static_cast<uint8_t>(sum * factor >> 23);
  }
  static_cast<void>(di);
  static_cast<void>(d8);
#else
  const hn::ScalableTag<uint16_t> d16;
  const hn::Half<decltype(d16)> half;
  const size_t lanes = hn::Lanes(d16);
  const auto add = hn::Set(d, offset);
  const auto scale = hn::Set(d, factor);
  const auto mean = [&](auto part) HWY_ATTR {
    const auto wide = hn::ShiftRight<23>(hn::Mul(hn::Add(hn::PromoteTo(d, part), add), scale));
    return hn::DemoteTo(d8, hn::BitCast(di, wide));
  };
  for (size_t i = 0; i < count; i += lanes) {
    auto sum = hn::LoadU(d16, sums + i);
    for (size_t j = 1; j < side; ++j) sum = hn::Add(sum, hn::LoadU(d16, sums + i + j * stride));
    hn::StoreU(mean(hn::LowerHalf(half, sum)), d8, out + i);
    hn::StoreU(mean(hn::UpperHalf(half, sum)), d8, out + i + lanes / 2);
  }
#endif
}

// Makes each of `count` sums the sum of `side` of them, `stride` apart, by doubling: sums of 1, 2, 4, ...
// neighbours, of which those that `side` is made of are added up in `totals`. `sums` is destroyed; it is read
// up to a vector behind its end, and both are written so far.
void sum_along(uint32_t* sums, size_t stride, size_t side, size_t count, uint32_t* totals) {
  const hn::ScalableTag<uint32_t> d;
  const size_t lanes = hn::Lanes(d);
  std::fill_n(totals, count, 0u);
  size_t done = 0;
  for (size_t length = 1; length <= side; length *= 2) {
    if ((side & length) != 0) {
      const uint32_t* from = sums + done * stride;
      for (size_t i = 0; i < count; i += lanes)
        hn::StoreU(hn::Add(hn::LoadU(d, totals + i), hn::LoadU(d, from + i)), d, totals + i);
      done += length;
    }
    if (2 * length > side) break;
    const size_t left = count + (side - 2 * length) * stride;
    for (size_t i = 0; i < left; i += lanes)
      hn::StoreU(hn::Add(hn::LoadU(d, sums + i), hn::LoadU(d, sums + i + length * stride)), d, sums + i);
  }
}

// out[i] = totals[i] * inverse in float32, to the nearest integer.
void mean_of_totals(const uint32_t* totals, float inverse, size_t count, uint8_t* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto total = hn::LoadU(di, reinterpret_cast<const int32_t*>(totals) + i);
    hn::StoreU(hn::DemoteTo(d8, hn::NearestInt(hn::Mul(hn::ConvertTo(d, total), hn::Set(d, inverse)))), d8,
               out + i);
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(slide_sums);
HWY_EXPORT(mean_of_sums);
HWY_EXPORT(sum_along);
HWY_EXPORT(mean_of_totals);

constexpr size_t kSlack = 64;  // samples behind a row that vectors may touch

// Boxes of at most so many pixels are summed in 16 bits, and divided by a multiplication.
constexpr int kMaxShortArea = 256;

struct Division {
  uint32_t offset;
  uint32_t factor;
};

// OpenCV's: 2^23 / area, rounded down or up, whichever is nearer, with an offset that makes up for it.
Division division_by(int area) {
  const double exact = 8388608.0 / area;
  const auto factor = static_cast<uint32_t>(exact);
  const auto half = static_cast<uint32_t>(area / 2);
  if (exact - factor < 0.5) return {half + 1, factor};
  return {half, factor + 1};
}

float inverse_of(int area) { return static_cast<float>(1.0 / area); }

// Of `count` samples with a border of `border` samples on each side already in place behind `row`.
template <class T>
void fill_border(T* row, int width, int radius, int channels) {
  const auto copy = [&](int x) {
    const T* from = row + static_cast<ptrdiff_t>(border_index(x, width, Border::kReflect101)) * channels;
    std::copy_n(from, channels, row + static_cast<ptrdiff_t>(x) * channels);
  };
  for (int x = -radius; x < 0; ++x) copy(x);
  for (int x = width; x < width + radius; ++x) copy(x);
}

// Calls row(y) with `sums` being the column sums of the rows around y, which slide() keeps.
template <class Slide, class Row>
void slide_over(const ConstImage& in, int radius, Slide slide, Row row) {
  const auto at = [&](int y) { return in.row<uint8_t>(border_index(y, in.height(), Border::kReflect101)); };
  for (int y = -radius; y < radius; ++y) slide(at(y), nullptr);
  for (int y = 0; y < in.height(); ++y) {
    slide(at(y + radius), y == 0 ? nullptr : at(y - radius - 1));
    row(y);
  }
}

void blur_bytes(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int radius = side / 2;
  const size_t border = static_cast<size_t>(radius) * channels;
  const size_t sums_count = count + 2 * border + kSlack;
  auto* const all =
      reinterpret_cast<uint16_t*>(scratch.rows.reserve(sums_count * sizeof(uint16_t) + 2 * (count + kSlack)));
  std::fill_n(all, sums_count, uint16_t{0});
  uint16_t* const sums = all + border;
  auto* const means = reinterpret_cast<uint8_t*>(all + sums_count);
  uint8_t* const zeros = means + count + kSlack;
  std::fill_n(zeros, count, uint8_t{0});
  const Division division = division_by(side * side);
  slide_over(
      in, radius,
      [&](const uint8_t* entering, const uint8_t* leaving) {
        HWY_DYNAMIC_DISPATCH(slide_sums)(entering, leaving == nullptr ? zeros : leaving, count, sums);
      },
      [&](int y) {
        fill_border(sums, in.width(), radius, in.channels());
        HWY_DYNAMIC_DISPATCH(mean_of_sums)
        (all, channels, static_cast<size_t>(side), division.offset, division.factor, count, means);
        std::memcpy(out.row<uint8_t>(y), means, count);
      });
}

// Boxes whose sums do not fit 16 bits; those of a column do.
void blur_bytes_widely(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int radius = side / 2;
  const size_t border = static_cast<size_t>(radius) * channels;
  const size_t columns = count + 2 * border;
  auto* const wide = reinterpret_cast<uint32_t*>(
      scratch.rows.reserve((columns + count + 2 * kSlack) * sizeof(uint32_t) +
                           (columns + count) * sizeof(uint16_t) + count + kSlack));
  uint32_t* const totals = wide + columns + kSlack;
  auto* const all = reinterpret_cast<uint16_t*>(totals + count + kSlack);
  uint16_t* const sums = all + border;
  auto* const zeros = reinterpret_cast<uint8_t*>(all + columns);
  uint8_t* const means = zeros + count;
  std::fill_n(wide, columns + count + 2 * kSlack, 0u);
  std::fill_n(all, columns, uint16_t{0});
  std::fill_n(zeros, count, uint8_t{0});
  const float inverse = inverse_of(side * side);
  slide_over(
      in, radius,
      [&](const uint8_t* entering, const uint8_t* leaving) {
        HWY_DYNAMIC_DISPATCH(slide_sums)(entering, leaving == nullptr ? zeros : leaving, count, sums);
      },
      [&](int y) {
        fill_border(sums, in.width(), radius, in.channels());
        std::copy_n(all, columns, wide);
        HWY_DYNAMIC_DISPATCH(sum_along)(wide, channels, static_cast<size_t>(side), count, totals);
        HWY_DYNAMIC_DISPATCH(mean_of_totals)(totals, inverse, count, means);
        std::memcpy(out.row<uint8_t>(y), means, count);
      });
}

template <class T>
T mean_as(double sum, double inverse) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(sum * inverse);
  } else {
    return static_cast<T>(std::lrint(sum * inverse));
  }
}

// Sums in double, always in the same order: down the columns, then along the row.
template <class T>
void blur_in_double(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch) {
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int radius = side / 2;
  const size_t border = static_cast<size_t>(radius) * channels;
  auto* const all =
      reinterpret_cast<double*>(scratch.rows.reserve((2 * count + 2 * border) * sizeof(double)));
  double* const sums = all + border;
  double* const totals = sums + count + border;
  const double inverse = 1.0 / (side * side);
  for (int y = 0; y < in.height(); ++y) {
    std::fill_n(sums, count, 0.0);
    for (int j = -radius; j <= radius; ++j) {
      const T* from = in.row<T>(border_index(y + j, in.height(), Border::kReflect101));
      for (size_t i = 0; i < count; ++i) sums[i] += static_cast<double>(from[i]);
    }
    fill_border(sums, in.width(), radius, in.channels());
    std::fill_n(totals, count, 0.0);
    for (int j = 0; j < side; ++j) {
      const double* from = all + static_cast<size_t>(j) * channels;
      for (size_t i = 0; i < count; ++i) totals[i] += from[i];
    }
    T* const to = out.row<T>(y);
    for (size_t i = 0; i < count; ++i) to[i] = mean_as<T>(totals[i], inverse);
  }
}

template <class T>
void blur_plainly(const ConstImage& in, int side, const Image& out) {
  const int radius = side / 2;
  const int area = side * side;
  for (int y = 0; y < in.height(); ++y) {
    for (int x = 0; x < in.width(); ++x) {
      for (int c = 0; c < in.channels(); ++c) {
        double total = 0;
        for (int dx = -radius; dx <= radius; ++dx) {
          const int column = border_index(x + dx, in.width(), Border::kReflect101);
          double sum = 0;
          for (int dy = -radius; dy <= radius; ++dy) {
            const int row = border_index(y + dy, in.height(), Border::kReflect101);
            sum += static_cast<double>(in.row<T>(row)[column * in.channels() + c]);
          }
          total += sum;
        }
        T* const to = out.row<T>(y) + x * in.channels() + c;
        if constexpr (!std::is_same_v<T, uint8_t>) {
          *to = mean_as<T>(total, 1.0 / area);
        } else if (area <= kMaxShortArea) {
          const Division division = division_by(area);
          *to = static_cast<T>((static_cast<uint32_t>(total) + division.offset) * division.factor >> 23);
        } else {
          *to = static_cast<T>(std::rint(static_cast<float>(total) * inverse_of(area)));
        }
      }
    }
  }
}

}  // namespace

void box_blur(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch) {
  STOKER_CHECK(side % 2 == 1 && side <= kMaxBoxPx);
  if (side == 1) return copy_pixels(in, out);
  if (in.shape.dtype == DType::kUint16) return blur_in_double<uint16_t>(in, side, out, scratch);
  if (in.shape.dtype == DType::kInt16) return blur_in_double<int16_t>(in, side, out, scratch);
  if (in.shape.dtype == DType::kFloat32) return blur_in_double<float>(in, side, out, scratch);
  if (side * side <= kMaxShortArea) return blur_bytes(in, side, out, scratch);
  blur_bytes_widely(in, side, out, scratch);
}

void box_blur_reference(const ConstImage& in, int side, const Image& out) {
  if (side == 1) return copy_pixels(in, out);
  if (in.shape.dtype == DType::kUint16) return blur_plainly<uint16_t>(in, side, out);
  if (in.shape.dtype == DType::kInt16) return blur_plainly<int16_t>(in, side, out);
  if (in.shape.dtype == DType::kFloat32) return blur_plainly<float>(in, side, out);
  blur_plainly<uint8_t>(in, side, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
