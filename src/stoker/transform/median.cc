#include "stoker/transform/median.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "stoker/base/error.h"
#include "stoker/transform/filter_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/median.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<uint8_t>;
using ByteVec = hn::Vec<Bytes>;

// All kernels make `count` medians of the samples rows[dy][i + dx * stride] and may read and write up to a
// vector behind the end.

// Note [counting medians]
// The median of n values is the largest v that at least (n + 1) / 2 of them reach. Its bits are found from
// the highest down, each by one count over the square, for as many medians at once as a vector has bytes.
void median_by_counting(const uint8_t* const* rows, size_t stride, size_t side, size_t count, uint8_t* out) {
  const Bytes d;
  const hn::RebindToSigned<Bytes> di;
  const auto flip = hn::Set(d, 0x80);
  const auto one = hn::Set(d, 1);
  const auto needed = hn::Set(d, static_cast<uint8_t>((side * side + 1) / 2));
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    auto median = hn::Zero(d);
    for (uint8_t bit = 0x80; bit != 0; bit = static_cast<uint8_t>(bit >> 1)) {
      const auto tried = hn::Or(median, hn::Set(d, bit));
      const auto below = hn::BitCast(di, hn::Xor(hn::Sub(tried, one), flip));
      auto reached = hn::Zero(di);
      for (size_t dy = 0; dy < side; ++dy) {
        const uint8_t* row = rows[dy] + i;
        for (size_t dx = 0; dx < side; ++dx, row += stride) {
          const auto value =
              hn::BitCast(di, hn::LoadU(d, row));  // rows hold samples with the top bit flipped
          reached = hn::Sub(reached, hn::VecFromMask(di, hn::Gt(value, below)));
        }
      }
      const auto counted = hn::BitCast(d, reached);
      median = hn::IfThenElse(hn::Eq(hn::Max(counted, needed), counted), tried, median);
    }
    hn::StoreU(median, d, out + i);
  }
}

HWY_INLINE void order(ByteVec& low, ByteVec& high) {
  const auto smaller = hn::Min(low, high);
  high = hn::Max(low, high);
  low = smaller;
}

void median_of_9(const uint8_t* const* rows, size_t stride, size_t count, uint8_t* out) {
  const Bytes d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    auto most_low = hn::Zero(d), least_high = hn::Set(d, 0xff);
    auto a = most_low, b = most_low, c = most_low;  // the middle of each column
    for (size_t dx = 0; dx < 3; ++dx) {
      auto low = hn::LoadU(d, rows[0] + i + dx * stride);
      auto middle = hn::LoadU(d, rows[1] + i + dx * stride);
      auto high = hn::LoadU(d, rows[2] + i + dx * stride);
      order(low, middle);
      order(middle, high);
      order(low, middle);
      most_low = hn::Max(most_low, low);
      least_high = hn::Min(least_high, high);
      a = b;
      b = c;
      c = middle;
    }
    order(a, b);
    auto middle = hn::Max(a, hn::Min(b, c));
    order(most_low, least_high);
    middle = hn::Max(most_low, hn::Min(middle, least_high));
    hn::StoreU(middle, d, out + i);
  }
}

#if HWY_HAVE_SCALABLE  // whose vectors cannot be held in arrays
void median_of_25(const uint8_t* const* rows, size_t stride, size_t count, size_t, uint8_t*, uint8_t* out) {
  median_by_counting(rows, stride, 5, count, out);
}
#else
HWY_INLINE void sort_5(ByteVec* v) {
  order(v[0], v[1]);
  order(v[3], v[4]);
  order(v[2], v[4]);
  order(v[2], v[3]);
  order(v[1], v[4]);
  order(v[0], v[3]);
  order(v[0], v[2]);
  order(v[1], v[3]);
  order(v[1], v[2]);
}

// Puts the least of v[first .. last] first and the greatest last.
template <int kFirst, int kLast>
HWY_INLINE void part_extremes(ByteVec* v) {
  constexpr int kCount = kLast - kFirst + 1;
  for (int i = 0; i < kCount / 2; ++i) order(v[kFirst + i], v[kLast - i]);
  for (int i = kFirst + 1; i <= kFirst + (kCount - 1) / 2; ++i) order(v[kFirst], v[i]);
  for (int i = kLast - 1; i >= kLast - (kCount - 1) / 2; --i) order(v[i], v[kLast]);
}

// Note [median of 25]
// Columns are sorted once, into five rows of `sorted`, `pitch` bytes apart, and serve five medians. With the
// rows of such a square sorted too, the sample of rank (a, b) has a * b samples at or below it and (6 - a)(6
// - b) at or above: only 13 can be the median, and it is theirs. Of those, the extremes are dropped in pairs
// (Smith 1996, "Implementing median filters in XC4000E FPGAs").
void median_of_25(const uint8_t* const* rows, size_t stride, size_t count, size_t pitch, uint8_t* sorted,
                  uint8_t* out) {
  const Bytes d;
  const size_t lanes = hn::Lanes(d);
  const size_t columns = count + 4 * stride;
  for (size_t i = 0; i < columns; i += lanes) {
    ByteVec v[5];
    for (size_t dy = 0; dy < 5; ++dy) v[dy] = hn::LoadU(d, rows[dy] + i);
    sort_5(v);
    for (size_t dy = 0; dy < 5; ++dy) hn::StoreU(v[dy], d, sorted + dy * pitch + i);
  }
  for (size_t i = 0; i < count; i += lanes) {
    ByteVec m[13];
    int made = 0;
    constexpr int kFirst[5] = {3, 2, 1, 0, 0};
    constexpr int kLast[5] = {4, 4, 3, 2, 1};
#pragma GCC unroll 5
    for (size_t dy = 0; dy < 5; ++dy) {
      ByteVec v[5];
      for (size_t dx = 0; dx < 5; ++dx) v[dx] = hn::LoadU(d, sorted + dy * pitch + i + dx * stride);
      sort_5(v);
      for (int dx = kFirst[dy]; dx <= kLast[dy]; ++dx) m[made++] = v[dx];
    }
    part_extremes<0, 7>(m);
    m[7] = m[8];
    part_extremes<1, 7>(m);
    m[7] = m[9];
    part_extremes<2, 7>(m);
    m[7] = m[10];
    part_extremes<3, 7>(m);
    m[7] = m[11];
    part_extremes<4, 7>(m);
    m[7] = m[12];
    part_extremes<5, 7>(m);
    hn::StoreU(m[6], d, out + i);
  }
}
#endif

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {

HWY_EXPORT(median_by_counting);
HWY_EXPORT(median_of_9);
HWY_EXPORT(median_of_25);

constexpr size_t kSlack = 64;  // bytes: the widest vector

// Counts of larger squares do not fit 8 bits; they go by histograms.
constexpr int kMaxCountedPx = 15;

// Medians of one row, of channel `c`, by a histogram that slides along it (Huang 1979).
void median_by_histogram(const std::vector<const uint8_t*>& rows, size_t channels, size_t c, size_t width,
                         uint8_t* out) {
  const size_t side = rows.size();
  const auto half = static_cast<int>(side * side / 2);
  std::array<int, 256> histogram{};
  int median = 0;
  int below = 0;  // samples less than the median
  const auto change = [&](size_t column, int by) {
    for (const uint8_t* row : rows) {
      const uint8_t value = row[column * channels + c];
      histogram[value] += by;
      below += value < median ? by : 0;
    }
  };
  for (size_t column = 0; column + 1 < side; ++column) change(column, 1);
  for (size_t x = 0; x < width; ++x) {
    change(x + side - 1, 1);
    while (below > half) below -= histogram[static_cast<size_t>(--median)];
    while (below + histogram[static_cast<size_t>(median)] <= half)
      below += histogram[static_cast<size_t>(median++)];
    out[x * channels + c] = static_cast<uint8_t>(median);
    change(x, -1);
  }
}

}  // namespace

void median_blur(const ConstImage& in, int side, const Image& out, ResizeScratch& scratch) {
  STOKER_CHECK(side % 2 == 1 && side <= kMaxMedianPx);
  if (side == 1) return copy_pixels(in, out);
  const auto channels = static_cast<size_t>(in.channels());
  const size_t count = static_cast<size_t>(in.width()) * channels;
  const int radius = side / 2;
  const size_t border = static_cast<size_t>(radius) * channels;
  const auto slots = static_cast<size_t>(side);
  const size_t padded = count + 2 * border + kSlack;
  // The rows around one row, one row of medians, and five rows of sorted columns.
  uint8_t* const ring = scratch.rows.reserve((slots + 6) * padded);
  std::memset(ring, 0, (slots + 6) * padded);
  uint8_t* const medians = ring + slots * padded;
  uint8_t* const sorted = medians + padded;
  const bool is_counted = side > 5 && side <= kMaxCountedPx;
  const uint8_t flip = is_counted ? 0x80 : 0;

  const auto load = [&](int y) {
    const uint8_t* from = in.row<uint8_t>(border_index(y, in.height(), Border::kReplicate));
    uint8_t* const row = ring + static_cast<size_t>(y + radius) % slots * padded;
    uint8_t* const middle = row + border;
    for (size_t i = 0; i < count; ++i) middle[i] = from[i] ^ flip;
    for (int x = 0; x < radius; ++x) {
      std::copy_n(middle, channels, row + static_cast<size_t>(x) * channels);
      std::copy_n(middle + count - channels, channels, middle + count + static_cast<size_t>(x) * channels);
    }
  };
  std::vector<const uint8_t*> rows(slots);
  int next = -radius;
  for (int y = 0; y < in.height(); ++y) {
    for (; next <= y + radius; ++next) load(next);
    for (size_t dy = 0; dy < slots; ++dy) rows[dy] = ring + (static_cast<size_t>(y) + dy) % slots * padded;
    if (side == 3) {
      HWY_DYNAMIC_DISPATCH(median_of_9)(rows.data(), channels, count, medians);
    } else if (side == 5) {
      HWY_DYNAMIC_DISPATCH(median_of_25)(rows.data(), channels, count, padded, sorted, medians);
    } else if (is_counted) {
      HWY_DYNAMIC_DISPATCH(median_by_counting)(rows.data(), channels, slots, count, medians);
    } else {
      for (size_t c = 0; c < channels; ++c)
        median_by_histogram(rows, channels, c, static_cast<size_t>(in.width()), medians);
    }
    std::memcpy(out.row<uint8_t>(y), medians, count);
  }
}

void median_blur_reference(const ConstImage& in, int side, const Image& out) {
  const int radius = side / 2;
  std::vector<uint8_t> values(static_cast<size_t>(side) * static_cast<size_t>(side));
  for (int y = 0; y < in.height(); ++y) {
    for (int x = 0; x < in.width(); ++x) {
      for (int c = 0; c < in.channels(); ++c) {
        size_t at = 0;
        for (int dy = -radius; dy <= radius; ++dy) {
          const uint8_t* row = in.row<uint8_t>(std::clamp(y + dy, 0, in.height() - 1));
          for (int dx = -radius; dx <= radius; ++dx)
            values[at++] = row[std::clamp(x + dx, 0, in.width() - 1) * in.channels() + c];
        }
        const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        out.row<uint8_t>(y)[x * in.channels() + c] = *middle;
      }
    }
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
