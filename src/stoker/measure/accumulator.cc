#include "stoker/measure/accumulator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "stoker/base/error.h"
#include "stoker/measure/sums.h"

namespace stoker {
namespace {

constexpr size_t kMaxChannels = 64;

// Value of the first bin, and the number of bins, of a dtype's histogram.
int first_bin(DType dtype) { return dtype == DType::kInt16 ? -32768 : 0; }
size_t bin_count(DType dtype) { return dtype == DType::kUint8 ? 256 : 65536; }

bool has_bins(DType dtype) { return dtype != DType::kFloat32; }

// Adds (count, sum, sum of squares, min, max) of integers to a channel.
void add_integers(ChannelSums& channel, uint64_t count, __int128 sum, unsigned __int128 sum_squares,
                  double min, double max) {
  if (count == 0) return;
  channel.min = channel.count == 0 ? min : std::min(channel.min, min);
  channel.max = channel.count == 0 ? max : std::max(channel.max, max);
  channel.count += count;
  channel.sum += sum;
  channel.sum_squares += sum_squares;
}

// Calls `take(row, width)` for all pixels. Rows that lie one behind another go together: what the vectors
// leave over at the end of a row, and what is added up behind it, costs as much as the row itself.
template <class Take>
void for_each_long_row(const ConstImage& image, const Take& take) {
  const auto width = static_cast<size_t>(image.width());
  const auto height = static_cast<size_t>(image.height());
  const bool is_packed =
      image.height() < 2 ||
      image.row<uint8_t>(1) == image.row<uint8_t>(0) + width * static_cast<size_t>(image.channels());
  const size_t rows = is_packed ? std::max<size_t>(1, kMaxRowPixels / width) : 1;
  for (size_t y = 0; y < height; y += rows)
    take(image.row<uint8_t>(static_cast<int>(y)), width * std::min(rows, height - y));
}

// The way of nearly every data set: 8-bit photographs, every pixel of them.
void add_bytes(const ConstImage& image, bool with_histogram, std::vector<ChannelSums>& channels) {
  const uint64_t count = static_cast<uint64_t>(image.height()) * static_cast<uint64_t>(image.width());
  std::array<ByteSums, 3> sums;
  if (!with_histogram) {
    for_each_long_row(
        image, [&](const uint8_t* row, size_t width) { add_byte_row(row, width, image.channels(), sums); });
  }
  for (int c = 0; c < image.channels(); ++c) {
    ChannelSums& channel = channels[static_cast<size_t>(c)];
    ByteSums& each = sums[static_cast<size_t>(c)];
    if (with_histogram) {
      // Of one image, so 32 bits cannot overflow.
      std::array<uint32_t, 4 * 256> bins{};
      for_each_long_row(image, [&](const uint8_t* row, size_t width) {
        count_bytes(row, width, image.channels(), c, bins.data());
      });
      for (size_t value = 0; value < 256; ++value) {
        const uint64_t here =
            uint64_t{bins[value]} + bins[256 + value] + bins[512 + value] + bins[768 + value];
        if (here == 0) continue;
        channel.histogram[value] += here;
        each.sum += here * value;
        each.sum_squares += here * value * value;
        each.min = std::min(each.min, static_cast<uint8_t>(value));
        each.max = static_cast<uint8_t>(value);
      }
    }
    add_integers(channel, count, each.sum, each.sum_squares, each.min, each.max);
  }
}

template <class T>
void add_any_integers(const ConstImage& image, const ConstImage* mask, const AccumulatorOptions& options,
                      std::vector<ChannelSums>& channels) {
  const int first = first_bin(image.shape.dtype);
  for (int c = 0; c < image.channels(); ++c) {
    ChannelSums& channel = channels[static_cast<size_t>(c)];
    uint64_t count = 0;
    int64_t sum = 0;
    unsigned __int128 sum_squares = 0;
    T min = std::numeric_limits<T>::max();
    T max = std::numeric_limits<T>::lowest();
    for (int y = 0; y < image.height(); ++y) {
      const T* value = image.row<T>(y) + c;
      const uint8_t* is_valid = mask == nullptr ? nullptr : mask->row<uint8_t>(y);
      uint64_t row_squares = 0;  // of at most 65,500 values of 32 bits
      for (int x = 0; x < image.width(); ++x, value += image.channels()) {
        if (is_valid != nullptr && is_valid[x] == 0) {
          ++channel.masked_count;
          continue;
        }
        if (options.nodata && static_cast<double>(*value) == *options.nodata) {
          ++channel.nodata_count;
          continue;
        }
        ++count;
        sum += *value;
        row_squares += static_cast<uint64_t>(static_cast<int64_t>(*value) * *value);
        min = std::min(min, *value);
        max = std::max(max, *value);
        if (!channel.histogram.empty()) ++channel.histogram[static_cast<size_t>(*value - first)];
      }
      sum_squares += row_squares;
    }
    add_integers(channel, count, sum, sum_squares, min, max);
  }
}

void add_floats(const ConstImage& image, const ConstImage* mask, const AccumulatorOptions& options,
                std::vector<ChannelSums>& channels) {
  for (int y = 0; y < image.height(); ++y) {
    const float* value = image.row<float>(y);
    const uint8_t* is_valid = mask == nullptr ? nullptr : mask->row<uint8_t>(y);
    for (int x = 0; x < image.width(); ++x) {
      for (ChannelSums& channel : channels) {
        const double each = *value++;
        if (is_valid != nullptr && is_valid[x] == 0) {
          ++channel.masked_count;
        } else if (std::isnan(each)) {
          ++channel.nan_count;
        } else if (std::isinf(each)) {
          ++channel.infinite_count;
        } else if (options.nodata && each == static_cast<double>(static_cast<float>(*options.nodata))) {
          ++channel.nodata_count;
        } else {
          channel.min = channel.count == 0 ? each : std::min(channel.min, each);
          channel.max = channel.count == 0 ? each : std::max(channel.max, each);
          ++channel.count;
          channel.float_sum.add(each);
          channel.float_sum_squares.add_product(each, each);
        }
      }
    }
  }
}

// Whether the figures of a channel, read from somewhere, can be sums at all.
void check_sums(const ChannelSums& sums, size_t bins, DType dtype) {
  uint64_t counted = 0;
  for (const uint64_t count : sums.histogram) counted += count;
  const std::array<double, 6> figures{sums.min,
                                      sums.max,
                                      sums.float_sum.high,
                                      sums.float_sum.low,
                                      sums.float_sum_squares.high,
                                      sums.float_sum_squares.low};
  const char* wrong = nullptr;
  if (sums.histogram.size() != bins || (bins > 0 && counted != sums.count)) {
    wrong = "histogram";
  } else if (!std::all_of(figures.begin(), figures.end(), [](double each) { return std::isfinite(each); }) ||
             sums.min > sums.max) {
    wrong = "min, max or sums";
  }
  if (wrong == nullptr) return;
  throw ArgumentError("statistics: " + std::string(wrong) + " of the sums to go on from cannot be those of " +
                      std::string(name_of(dtype)) + " images.");
}

}  // namespace

void DoublePair::add(double value) {
  const double sum = high + value;
  const double part = sum - high;
  const double error = (high - (sum - part)) + (value - part);
  const double carried = low + error;
  high = sum + carried;
  low = carried - (high - sum);
}

void DoublePair::add_product(double a, double b) {
  const double product = a * b;
  add(product);
  add(std::fma(a, b, -product));
}

void DoublePair::add(const DoublePair& other) {
  add(other.high);
  add(other.low);
}

void ChannelSums::merge(const ChannelSums& other) {
  const bool is_first = count == 0;
  if (other.count > 0) {
    min = is_first ? other.min : std::min(min, other.min);
    max = is_first ? other.max : std::max(max, other.max);
  }
  count += other.count;
  nan_count += other.nan_count;
  infinite_count += other.infinite_count;
  nodata_count += other.nodata_count;
  masked_count += other.masked_count;
  sum += other.sum;
  sum_squares += other.sum_squares;
  for (size_t bin = 0; bin < histogram.size(); ++bin) histogram[bin] += other.histogram[bin];
  float_sum.add(other.float_sum);
  float_sum_squares.add(other.float_sum_squares);
}

Accumulator::Accumulator(const AccumulatorOptions& options, DType dtype, uint64_t image_count,
                         std::vector<ChannelSums> channels)
    : Accumulator(options) {
  if (channels.empty()) return;
  begin({1, 1, static_cast<int>(std::min(channels.size(), kMaxChannels + size_t{1})), dtype});
  for (size_t c = 0; c < channels.size(); ++c) check_sums(channels[c], channels_[c].histogram.size(), dtype);
  image_count_ = image_count;
  channels_ = std::move(channels);
}

void Accumulator::begin(const ImageShape& shape) {
  dtype_ = shape.dtype;
  const bool is_known = dtype_ == DType::kUint8 || dtype_ == DType::kUint16 || dtype_ == DType::kInt16 ||
                        dtype_ == DType::kFloat32;
  if (!is_known || static_cast<size_t>(shape.channels) > kMaxChannels) {
    throw ArgumentError("statistics: images are " + std::string(name_of(dtype_)) + " of " +
                        std::to_string(shape.channels) +
                        " channels, allowed are uint8, uint16, int16 and float32 of at most 64 channels.");
  }
  channels_.resize(static_cast<size_t>(shape.channels));
  if (options_.with_histogram && has_bins(dtype_)) {
    for (ChannelSums& channel : channels_) channel.histogram.assign(bin_count(dtype_), 0);
  }
}

void Accumulator::add(const ConstImage& image, const ConstImage* mask) {
  if (is_empty()) begin(image.shape);
  if (image.shape.dtype != dtype_ || static_cast<size_t>(image.channels()) != channels_.size()) {
    throw ArgumentError("statistics: an image is " + std::string(name_of(image.shape.dtype)) + " of " +
                        std::to_string(image.channels()) + " channels, those before it " +
                        std::string(name_of(dtype_)) + " of " + std::to_string(channels_.size()) +
                        "; choose a color, or leave the image out.");
  }
  ++image_count_;
  const bool is_plain = mask == nullptr && !options_.nodata;
  if (dtype_ == DType::kFloat32) {
    add_floats(image, mask, options_, channels_);
  } else if (dtype_ == DType::kUint16) {
    add_any_integers<uint16_t>(image, mask, options_, channels_);
  } else if (dtype_ == DType::kInt16) {
    add_any_integers<int16_t>(image, mask, options_, channels_);
  } else if (is_plain && (image.channels() == 1 || image.channels() == 3)) {
    add_bytes(image, options_.with_histogram, channels_);
  } else {
    add_any_integers<uint8_t>(image, mask, options_, channels_);
  }
}

void Accumulator::merge(const Accumulator& other) {
  if (other.is_empty()) return;
  if (is_empty()) {
    *this = other;
    return;
  }
  if (other.dtype_ != dtype_ || other.channels_.size() != channels_.size()) {
    throw ArgumentError("statistics: two parts are of different dtype or channels; images must be alike.");
  }
  image_count_ += other.image_count_;
  for (size_t c = 0; c < channels_.size(); ++c) channels_[c].merge(other.channels_[c]);
}

}  // namespace stoker
