#include "stoker/transform/displacement.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "stoker/base/memory.h"
#include "stoker/transform/noise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/displacement.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Every sum is the middle, then the pairs from the inside out, without fused steps: equal on every CPU.

// out[x] = sum of half[i] * (in[x - i] + in[x + i]); `in` has half_count - 1 values before and behind, and
// vectors more behind; out is written in whole groups of four vectors.
void blur_row(const float* half, size_t half_count, const float* in, size_t count, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t x = 0; x < count; x += 4 * lanes) {
    const float* at = in + x;
    const auto middle = hn::Set(d, half[0]);
    auto s0 = hn::Mul(middle, hn::LoadU(d, at));
    auto s1 = hn::Mul(middle, hn::LoadU(d, at + lanes));
    auto s2 = hn::Mul(middle, hn::LoadU(d, at + 2 * lanes));
    auto s3 = hn::Mul(middle, hn::LoadU(d, at + 3 * lanes));
    for (size_t i = 1; i < half_count; ++i) {
      const auto weight = hn::Set(d, half[i]);
      const float* left = at - i;
      const float* right = at + i;
      const auto pair = [&](size_t k) HWY_ATTR {
        return hn::Mul(weight, hn::Add(hn::LoadU(d, left + k * lanes), hn::LoadU(d, right + k * lanes)));
      };
      s0 = hn::Add(s0, pair(0));
      s1 = hn::Add(s1, pair(1));
      s2 = hn::Add(s2, pair(2));
      s3 = hn::Add(s3, pair(3));
    }
    hn::StoreU(s0, d, out + x);
    hn::StoreU(s1, d, out + x + lanes);
    hn::StoreU(s2, d, out + x + 2 * lanes);
    hn::StoreU(s3, d, out + x + 3 * lanes);
  }
}

// One strip of columns, as wide as a vector: `in` has half_count - 1 rows above and below, and three more
// below. Four rows of results share what they read.
void blur_strip(const float* half, size_t half_count, const float* in, size_t rows, float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  for (size_t y = 0; y < rows; y += 4) {
    const float* at = in + y * lanes;
    const auto middle = hn::Set(d, half[0]);
    auto s0 = hn::Mul(middle, hn::LoadU(d, at));
    auto s1 = hn::Mul(middle, hn::LoadU(d, at + lanes));
    auto s2 = hn::Mul(middle, hn::LoadU(d, at + 2 * lanes));
    auto s3 = hn::Mul(middle, hn::LoadU(d, at + 3 * lanes));
    // The rows above and below each of the four; with each step one new row is read on either side.
    auto a1 = hn::LoadU(d, at), a2 = hn::LoadU(d, at + lanes), a3 = hn::LoadU(d, at + 2 * lanes);
    auto b0 = a2, b1 = a3, b2 = hn::LoadU(d, at + 3 * lanes);
    for (size_t i = 1; i < half_count; ++i) {
      const auto weight = hn::Set(d, half[i]);
      const auto a0 = hn::LoadU(d, at - i * lanes);
      const auto b3 = hn::LoadU(d, at + (i + 3) * lanes);
      s0 = hn::Add(s0, hn::Mul(weight, hn::Add(a0, b0)));
      s1 = hn::Add(s1, hn::Mul(weight, hn::Add(a1, b1)));
      s2 = hn::Add(s2, hn::Mul(weight, hn::Add(a2, b2)));
      s3 = hn::Add(s3, hn::Mul(weight, hn::Add(a3, b3)));
      a3 = a2;
      a2 = a1;
      a1 = a0;
      b0 = b1;
      b1 = b2;
      b2 = b3;
    }
    hn::StoreU(s0, d, out + y * lanes);
    hn::StoreU(s1, d, out + (y + 1) * lanes);
    hn::StoreU(s2, d, out + (y + 2) * lanes);
    hn::StoreU(s3, d, out + (y + 3) * lanes);
  }
}

size_t float_lanes() { return hn::Lanes(hn::ScalableTag<float>()); }

float greatest_size(const float* values, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  auto most = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) most = hn::Max(most, hn::Abs(hn::LoadU(d, values + i)));
  float greatest = hn::GetLane(hn::MaxOfLanes(d, most));
  for (; i < count; ++i) greatest = std::max(greatest, std::abs(values[i]));
  return greatest;
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(blur_row);
HWY_EXPORT(blur_strip);
HWY_EXPORT(float_lanes);
HWY_EXPORT(greatest_size);

void blur_rows(const std::vector<float>& half, int rows, int columns, float* values) {
  const size_t side = half.size() - 1;
  const auto count = static_cast<size_t>(columns);
  constexpr size_t kSlack = 256;  // four of the widest vectors there are
  std::vector<float> padded(count + 2 * side + kSlack);
  std::vector<float> blurred(count + kSlack);
  for (int y = 0; y < rows; ++y) {
    float* row = values + static_cast<size_t>(y) * count;
    std::fill_n(padded.begin(), side, row[0]);
    std::copy_n(row, count, padded.begin() + static_cast<ptrdiff_t>(side));
    std::fill_n(padded.begin() + static_cast<ptrdiff_t>(side + count), side, row[count - 1]);
    HWY_DYNAMIC_DISPATCH(blur_row)(half.data(), half.size(), padded.data() + side, count, blurred.data());
    std::copy_n(blurred.begin(), count, row);
  }
}

void blur_columns(const std::vector<float>& half, int rows, int columns, float* values) {
  const size_t lanes = HWY_DYNAMIC_DISPATCH(float_lanes)();
  const size_t side = half.size() - 1;
  const auto count = static_cast<size_t>(rows);
  const auto row_floats = static_cast<size_t>(columns);
  std::vector<float> strip((count + 2 * side + 8) * lanes);
  std::vector<float> blurred((count + 4) * lanes);
  for (size_t x = 0; x < row_floats; x += lanes) {
    const size_t used = std::min(lanes, row_floats - x);
    for (size_t y = 0; y < count + 2 * side; ++y) {
      const size_t from = std::clamp(y, side, side + count - 1) - side;
      std::memcpy(strip.data() + y * lanes, values + from * row_floats + x, used * sizeof(float));
    }
    HWY_DYNAMIC_DISPATCH(blur_strip)
    (half.data(), half.size(), strip.data() + side * lanes, count, blurred.data());
    for (size_t y = 0; y < count; ++y) {
      std::memcpy(values + y * row_floats + x, blurred.data() + y * lanes, used * sizeof(float));
    }
  }
}

}  // namespace

std::vector<float> half_gaussian(int size, double sigma) {
  const int side = size / 2;
  std::vector<double> weights(static_cast<size_t>(side) + 1);
  double sum = 0;
  for (int i = 0; i <= side; ++i) {
    const double weight = std::exp(-0.5 * i * i / (sigma * sigma));
    weights[static_cast<size_t>(i)] = weight;
    sum += i == 0 ? weight : 2 * weight;
  }
  std::vector<float> half;
  for (const double weight : weights) half.push_back(static_cast<float>(weight / sum));
  return half;
}

void blur_floats(const std::vector<float>& half_kernel, int rows, int columns, float* values) {
  blur_rows(half_kernel, rows, columns, values);
  blur_columns(half_kernel, rows, columns, values);
}

std::vector<float> displacements(const DisplacementRule& rule, uint64_t seed) {
  const int rows = rule.same_for_both ? rule.height : 2 * rule.height;
  const auto columns = static_cast<size_t>(rule.width);
  const size_t count = static_cast<size_t>(rows) * columns;
  std::vector<float> field(static_cast<size_t>(2 * rule.height) * columns + kNoiseGroup);
  // A row of noise is written in whole groups, over the start of the next one, which comes later.
  for (int y = 0; y < rows; ++y) {
    const NoiseRow noise{seed, static_cast<uint32_t>(y), 1};
    float* row = field.data() + static_cast<size_t>(y) * columns;
    if (rule.is_gaussian) {
      normal_row(noise, columns, row);
    } else {
      uniform_row(noise, columns, row);
      for (size_t x = 0; x < columns; ++x) row[x] = 2 * row[x] - 1;
    }
  }
  auto factor = static_cast<float>(rule.alpha);
  if (rule.is_gaussian) {
    const float greatest = HWY_DYNAMIC_DISPATCH(greatest_size)(field.data(), count);
    if (greatest > 1e-6F) factor /= greatest;
  }
  const int size =
      rule.kernel_size > 0 ? rule.kernel_size : static_cast<int>(std::nearbyint(rule.sigma * 8 + 1)) | 1;
  std::vector<float> half = half_gaussian(size, rule.sigma);
  blur_floats(half, rows, rule.width, field.data());
  for (size_t i = 0; i < count; ++i) field[i] *= factor;
  if (rule.same_for_both) {
    std::copy_n(field.begin(), count, field.begin() + static_cast<ptrdiff_t>(count));
  }
  return field;
}

}  // namespace stoker
#endif  // HWY_ONCE
