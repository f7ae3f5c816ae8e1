#include "stoker/transform/tensor_warp.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "stoker/base/error.h"
#include "stoker/transform/tensor_warp_rows.h"

namespace stoker {
namespace {

template <class MakeRow>
void for_each_row(const TensorWarp& warp, const ConstImage& in, MakeRow make_row) {
  STOKER_CHECK(in.shape.dtype == DType::kUint8);
  STOKER_CHECK(warp.fill.empty() || warp.fill.size() == static_cast<size_t>(in.channels()));
  TensorRow row;
  const auto rescaled = [&](size_t place) {
    const float half = 0.5F * static_cast<float>(place < 3 ? in.width() : in.height());
    return static_cast<float>(warp.matrix[place]) / half;
  };
  for (size_t axis = 0; axis < 2; ++axis) {
    row.x_step[axis] = rescaled(3 * axis);
    row.y_step[axis] = rescaled(3 * axis + 1);
    row.start[axis] = rescaled(3 * axis + 2);
  }
  row.is_nearest = warp.interpolation == Interpolation::kNearest;
  row.fill = warp.fill.empty() ? nullptr : warp.fill.data();
  for (int y = 0; y < in.height(); ++y) {
    row.y = static_cast<float>(y) - static_cast<float>(in.height() - 1) * 0.5F;
    make_row(row, y);
  }
}

// Up to this side the places of a shift by whole pixels come out near enough to pixels to round to them.
constexpr int kMostShifted_px = 4096;

bool is_shift(const TensorWarp& warp, const ConstImage& in) {
  const auto& m = warp.matrix;
  const auto is_step = [](double size, int side) {
    return size == std::floor(size) && std::abs(size) <= side;
  };
  return m[0] == 1 && m[1] == 0 && m[3] == 0 && m[4] == 1 && is_step(m[2], in.width()) &&
         is_step(m[5], in.height()) && std::max(in.width(), in.height()) <= kMostShifted_px;
}

void shift(const TensorWarp& warp, const ConstImage& in, const Image& out) {
  const auto pixel = static_cast<size_t>(in.channels());
  const auto width = static_cast<size_t>(in.width());
  std::vector<uint8_t> outside(width * pixel);
  for (size_t i = 0; i < outside.size() && !warp.fill.empty(); ++i)
    outside[i] = static_cast<uint8_t>(std::nearbyint(warp.fill[i % pixel]));
  const auto right = static_cast<int>(warp.matrix[2]);
  const auto down = static_cast<int>(warp.matrix[5]);
  const auto from = static_cast<size_t>(std::max(right, 0));
  const auto to = static_cast<size_t>(std::max(-right, 0));
  const size_t count = width - static_cast<size_t>(std::abs(right));
  for (int y = 0; y < in.height(); ++y) {
    auto* row = out.row<uint8_t>(y);
    const bool has_row = y + down >= 0 && y + down < in.height();
    if (!has_row || count < width) std::memcpy(row, outside.data(), outside.size());
    if (has_row) std::memcpy(row + to * pixel, in.row<uint8_t>(y + down) + from * pixel, count * pixel);
  }
}

}  // namespace

void tensor_warp(const TensorWarp& warp, const ConstImage& in, const Image& out) {
  if (is_shift(warp, in)) return shift(warp, in, out);
  for_each_row(warp, in, [&](const TensorRow& row, int y) { tensor_row(row, in, out.row<uint8_t>(y)); });
}

void tensor_warp_reference(const TensorWarp& warp, const ConstImage& in, const Image& out) {
  for_each_row(warp, in, [&](const TensorRow& row, int y) {
    for (int x = 0; x < in.width(); ++x)
      tensor_pixel(row, in, x, out.row<uint8_t>(y) + static_cast<ptrdiff_t>(x) * in.channels());
  });
}

}  // namespace stoker
