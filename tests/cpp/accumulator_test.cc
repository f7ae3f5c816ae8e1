// Sums over pixels, held against the plainest ones.

#include "stoker/measure/accumulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "scaffold.h"
#include "stoker/base/error.h"
#include "stoker/measure/sums.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

using test::ForcedTarget;
using test::Guarded;
using test::Pixels;
using test::random_pixels;

template <class T>
Pixels image_of(int height, int width, int channels, DType dtype, const std::vector<T>& values) {
  Pixels image = test::blank({height, width, channels, dtype});
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(image.bytes.data()));
  return image;
}

Accumulator sums_of(const std::vector<Pixels>& images, const AccumulatorOptions& options = {}) {
  Accumulator sums(options);
  for (const Pixels& image : images) sums.add(image.view(), nullptr);
  return sums;
}

void expect_equal(const Accumulator& a, const Accumulator& b) {
  ASSERT_EQ(a.channels().size(), b.channels().size());
  EXPECT_EQ(a.image_count(), b.image_count());
  for (size_t c = 0; c < a.channels().size(); ++c) {
    const ChannelSums& x = a.channels()[c];
    const ChannelSums& y = b.channels()[c];
    EXPECT_EQ(x.count, y.count);
    EXPECT_TRUE(x.sum == y.sum);
    EXPECT_TRUE(x.sum_squares == y.sum_squares);
    EXPECT_EQ(x.min, y.min);
    EXPECT_EQ(x.max, y.max);
    EXPECT_EQ(x.histogram, y.histogram);
  }
}

TEST(ByteRow, EqualsPlainSumsOnEveryTargetAtEveryWidth) {
  std::mt19937 random(1);
  for (const std::string& target : vector_targets()) {
    const ForcedTarget forced(target);
    for (const int channels : {1, 3}) {
      for (size_t width = 1; width < 200; ++width) {
        const bool extremes = width % 3 == 0;
        // Of exactly its size, so that a sanitizer sees each access outside.
        std::vector<uint8_t> row(width * static_cast<size_t>(channels));
        for (uint8_t& value : row) value = static_cast<uint8_t>(extremes ? 255 : random());
        std::array<ByteSums, 3> sums;
        add_byte_row(row.data(), width, channels, sums);
        add_byte_row(row.data(), width, channels, sums);
        for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
          ByteSums plain;
          for (size_t x = c; x < row.size(); x += static_cast<size_t>(channels)) {
            plain.sum += 2u * row[x];
            plain.sum_squares += 2u * row[x] * row[x];
            plain.min = std::min(plain.min, row[x]);
            plain.max = std::max(plain.max, row[x]);
          }
          ASSERT_EQ(sums[c].sum, plain.sum) << target << " " << channels << " " << width;
          ASSERT_EQ(sums[c].sum_squares, plain.sum_squares) << target << " " << channels << " " << width;
          ASSERT_EQ(sums[c].min, plain.min) << target << " " << channels << " " << width;
          ASSERT_EQ(sums[c].max, plain.max) << target << " " << channels << " " << width;
        }
      }
    }
  }
}

TEST(ByteRow, TheWidestRowOfTheLargestValuesDoesNotOverflow) {
  for (const std::string& target : vector_targets()) {
    const ForcedTarget forced(target);
    constexpr size_t kWidth = size_t{1} << 18;
    const std::vector<uint8_t> row(3 * kWidth, 255);
    std::array<ByteSums, 3> sums;
    add_byte_row(row.data(), kWidth, 3, sums);
    for (const ByteSums& each : sums) EXPECT_EQ(each.sum_squares, kWidth * 255 * 255) << target;
  }
}

TEST(ByteRow, CountsEveryValueOnce) {
  std::mt19937 random(2);
  for (const int channels : {1, 2, 3}) {
    for (size_t width = 1; width < 30; ++width) {
      std::vector<uint8_t> row(width * static_cast<size_t>(channels));
      for (uint8_t& value : row) value = static_cast<uint8_t>(random() % 5);
      for (int c = 0; c < channels; ++c) {
        std::array<uint32_t, 4 * 256> bins{};
        count_bytes(row.data(), width, channels, c, bins.data());
        std::array<uint32_t, 256> plain{};
        for (size_t x = 0; x < width; ++x)
          ++plain[row[x * static_cast<size_t>(channels) + static_cast<size_t>(c)]];
        for (size_t value = 0; value < 256; ++value) {
          ASSERT_EQ(bins[value] + bins[256 + value] + bins[512 + value] + bins[768 + value], plain[value]);
        }
      }
    }
  }
}

TEST(Accumulator, WithAndWithoutHistogramAgreeAndReadNoGuard) {
  std::mt19937 random(3);
  for (const int channels : {1, 3, 4, 13, 64}) {
    const ImageShape shape{17, 23, channels, DType::kUint8};
    Guarded guarded(shape);
    copy_pixels(random_pixels(shape, random).view(), guarded.view());
    Accumulator with(AccumulatorOptions{});
    Accumulator without(AccumulatorOptions{.with_histogram = false, .nodata = std::nullopt});
    // No value is this one, so that every pixel takes the general way.
    Accumulator general(AccumulatorOptions{.with_histogram = true, .nodata = 1000});
    for (Accumulator* each : {&with, &without, &general}) each->add(guarded.view(), nullptr);
    expect_equal(with, general);
    for (size_t c = 0; c < with.channels().size(); ++c) {
      EXPECT_TRUE(with.channels()[c].sum == without.channels()[c].sum);
      EXPECT_TRUE(with.channels()[c].sum_squares == without.channels()[c].sum_squares);
      EXPECT_EQ(with.channels()[c].min, without.channels()[c].min);
      EXPECT_EQ(with.channels()[c].max, without.channels()[c].max);
      EXPECT_TRUE(without.channels()[c].histogram.empty());
    }
  }
}

TEST(Accumulator, SquaresPass64Bits) {
  ChannelSums channel;
  ChannelSums other;
  other.count = uint64_t{1} << 40;
  other.sum = static_cast<__int128>(65535) << 40;
  other.sum_squares = static_cast<unsigned __int128>(65535ull * 65535ull) << 40;
  for (int i = 0; i < 4; ++i) channel.merge(other);
  EXPECT_TRUE(channel.sum_squares == static_cast<unsigned __int128>(65535ull * 65535ull) << 42);
  EXPECT_GT(static_cast<uint64_t>(channel.sum_squares >> 64), 0u);
}

TEST(Accumulator, SignedExtremes) {
  const auto image = image_of<int16_t>(1, 4, 1, DType::kInt16, {-32768, -32768, 32767, -1});
  const Accumulator sums = sums_of({image});
  const ChannelSums& channel = sums.channels()[0];
  EXPECT_TRUE(channel.sum == -32770);
  EXPECT_TRUE(channel.sum_squares == 2 * 32768ull * 32768ull + 32767ull * 32767ull + 1);
  EXPECT_EQ(channel.min, -32768);
  EXPECT_EQ(channel.max, 32767);
  EXPECT_EQ(channel.histogram.front(), 2u);
  EXPECT_EQ(channel.histogram[32767], 1u);
  EXPECT_EQ(channel.histogram.back(), 1u);
}

TEST(Accumulator, MergedPartsEqualTheWhole) {
  std::mt19937 random(4);
  for (const DType dtype : {DType::kUint8, DType::kUint16, DType::kInt16}) {
    std::vector<Pixels> images;
    for (int i = 0; i < 6; ++i) images.push_back(random_pixels({9, 11, 3, dtype}, random));
    Accumulator merged(AccumulatorOptions{});
    merged.merge(Accumulator(AccumulatorOptions{}));  // an empty one changes nothing
    merged.merge(sums_of({images.begin() + 2, images.end()}));
    merged.merge(sums_of({images.begin(), images.begin() + 2}));
    expect_equal(merged, sums_of(images));
  }
}

TEST(Accumulator, LeavesOutAndCountsWhatIsNoValue) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto image = image_of<float>(1, 6, 1, DType::kFloat32, {nan, infinity, -infinity, -3.4e38f, 2, 3});
  const AccumulatorOptions options{.with_histogram = true, .nodata = -3.4e38};
  const Accumulator sums = sums_of({image}, options);
  const ChannelSums& channel = sums.channels()[0];
  EXPECT_EQ(channel.count, 2u);
  EXPECT_EQ(channel.nan_count, 1u);
  EXPECT_EQ(channel.infinite_count, 2u);
  EXPECT_EQ(channel.nodata_count, 1u);
  EXPECT_EQ(channel.float_sum.high, 5);
  EXPECT_EQ(channel.min, 2);
  EXPECT_EQ(channel.max, 3);
  EXPECT_TRUE(channel.histogram.empty());
}

TEST(Accumulator, RefusesWhatItCannotSum) {
  EXPECT_THROW(sums_of({test::blank({2, 2, 1, DType::kFloat64})}), ArgumentError);
  EXPECT_THROW(sums_of({test::blank({2, 2, 65, DType::kUint8})}), ArgumentError);
  EXPECT_THROW(sums_of({test::blank({2, 2, 1, DType::kUint8}), test::blank({2, 2, 3, DType::kUint8})}),
               ArgumentError);
  EXPECT_THROW(sums_of({test::blank({2, 2, 1, DType::kUint8}), test::blank({2, 2, 1, DType::kUint16})}),
               ArgumentError);
  Accumulator sums = sums_of({test::blank({2, 2, 1, DType::kUint8})});
  EXPECT_THROW(sums.merge(sums_of({test::blank({2, 2, 1, DType::kUint16})})), ArgumentError);
}

TEST(DoublePair, KeepsWhatADoubleLoses) {
  DoublePair sum;
  sum.add(1e16);
  for (int i = 0; i < 1000; ++i) sum.add(0.125);
  sum.add(-1e16);
  EXPECT_EQ(sum.high + sum.low, 125);
  DoublePair squares;
  const double near = 1 + std::ldexp(1, -30);
  squares.add_product(near, near);
  squares.add(-1);
  squares.add(-std::ldexp(1, -29));
  EXPECT_EQ(squares.high + squares.low, std::ldexp(1, -60));
  DoublePair other;
  other.add(3);
  other.add(squares);
  EXPECT_EQ(other.high, 3);
  EXPECT_EQ(other.low, std::ldexp(1, -60));
}

TEST(DoublePair, SumsOfFloatsAreExactTo90Bits) {
  // All are multiples of 2^-40 below 2^10, so that a 128-bit integer holds their exact sum.
  std::mt19937_64 random(5);
  DoublePair sum;
  __int128 exact = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto value = static_cast<int64_t>(random() >> 14) - (int64_t{1} << 49);
    exact += value;
    sum.add(std::ldexp(static_cast<double>(value), -40));
  }
  const __int128 found =
      static_cast<__int128>(std::ldexp(sum.high, 40)) + static_cast<__int128>(std::ldexp(sum.low, 40));
  EXPECT_TRUE(found == exact);
}

}  // namespace
}  // namespace stoker
