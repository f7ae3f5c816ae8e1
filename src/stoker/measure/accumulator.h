// Sums over the pixels of a data set, channel by channel, from which mean, deviation and percentiles follow.
//
// Integers are summed exactly, so the result has the same bits for any order, thread count or sharding.
// Floats are summed in pairs of doubles (Dekker 1971, "A floating-point technique for extending the available
// precision"), which leaves some 100 bits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stoker/base/image.h"

namespace stoker {

// An unevaluated sum of two doubles.
struct DoublePair {
  double high = 0;
  double low = 0;
  void add(double value);
  void add_product(double a, double b);
  void add(const DoublePair& other);
};

struct ChannelSums {
  uint64_t count = 0;           // values that are in the sums
  uint64_t nan_count = 0;       // left out
  uint64_t infinite_count = 0;  // left out
  uint64_t nodata_count = 0;    // left out
  uint64_t masked_count = 0;    // left out
  // Integers:
  __int128 sum = 0;
  unsigned __int128 sum_squares = 0;
  std::vector<uint64_t>
      histogram;  // of values from `AccumulatorOptions`'s first bin on; empty if not asked for
  // Floats:
  DoublePair float_sum;
  DoublePair float_sum_squares;
  double min = 0;  // of the values in the sums; 0 when there are none
  double max = 0;

  void merge(const ChannelSums& other);
};

struct AccumulatorOptions {
  bool with_histogram = true;  // uint8, uint16 and int16 only
  std::optional<double> nodata;
};

// Belongs to one thread; merge the threads' accumulators at the end.
class Accumulator {
 public:
  explicit Accumulator(const AccumulatorOptions& options) : options_(options) {}

  // Goes on from sums that another accumulator with the same options gave. Throws ArgumentError, naming the
  // field, for what none can have given.
  Accumulator(const AccumulatorOptions& options, DType dtype, uint64_t image_count,
              std::vector<ChannelSums> channels);

  // `mask`, if not null, is uint8 of the image's height and width with one channel; values under a 0 are left
  // out. Throws ArgumentError for an image whose dtype or channels differ from those before it, for a dtype
  // other than uint8, uint16, int16 and float32, and for more than 64 channels.
  void add(const ConstImage& image, const ConstImage* mask);
  void merge(const Accumulator& other);

  bool is_empty() const { return channels_.empty(); }
  DType dtype() const { return dtype_; }
  const std::vector<ChannelSums>& channels() const { return channels_; }
  uint64_t image_count() const { return image_count_; }

 private:
  void begin(const ImageShape& shape);

  AccumulatorOptions options_;
  DType dtype_ = DType::kUint8;
  uint64_t image_count_ = 0;
  std::vector<ChannelSums> channels_;
};

}  // namespace stoker
