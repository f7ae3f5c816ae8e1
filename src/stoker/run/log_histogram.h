// How often each duration came, in little memory.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

namespace stoker {

// Buckets of an eighth of an octave: a quantile is right to within 7 %.
struct DurationBuckets {
  static constexpr int kPerOctave = 8;
  static constexpr int kCount = 46 * kPerOctave;  // up to 39 hours in nanoseconds

  static int of(int64_t duration_ns) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(0, duration_ns));
    if (value < kPerOctave) return static_cast<int>(value);
    const int octave = std::bit_width(value) - 1;
    const auto eighth = static_cast<int>(value >> (octave - 3)) & (kPerOctave - 1);
    return std::min((octave - 2) * kPerOctave + eighth, kCount - 1);
  }
  // Least duration of a bucket.
  static double begin_ns(int bucket) {
    if (bucket < kPerOctave) return bucket;
    const int octave = bucket / kPerOctave + 2;
    return static_cast<double>(uint64_t{1} << (octave - 3)) * (kPerOctave + bucket % kPerOctave);
  }
};

// Counts of one or more histograms, for quantiles.
class DurationCounts {
 public:
  void add(int bucket, int64_t count) {
    counts_[static_cast<size_t>(bucket)] += count;
    total_ += count;
  }
  int64_t total() const { return total_; }
  // The duration that a share `q` of all stays below; 0 when there is none.
  double quantile_ns(double q) const {
    const double wanted = q * static_cast<double>(total_);
    double seen = 0;
    for (int bucket = 0; bucket < DurationBuckets::kCount; ++bucket) {
      const auto count = static_cast<double>(counts_[static_cast<size_t>(bucket)]);
      if (count > 0 && seen + count >= wanted) {
        const double begin = DurationBuckets::begin_ns(bucket);
        return begin + (DurationBuckets::begin_ns(bucket + 1) - begin) * (wanted - seen) / count;
      }
      seen += count;
    }
    return 0;
  }

 private:
  std::array<int64_t, DurationBuckets::kCount> counts_{};
  int64_t total_ = 0;
};

// One writer, readers at any moment.
class LogHistogram {
 public:
  void add(int64_t duration_ns) {
    std::atomic<uint32_t>& count = counts_[static_cast<size_t>(DurationBuckets::of(duration_ns))];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void add_to(DurationCounts* counts) const {
    for (int bucket = 0; bucket < DurationBuckets::kCount; ++bucket) {
      const uint32_t count = counts_[static_cast<size_t>(bucket)].load(std::memory_order_relaxed);
      if (count > 0) counts->add(bucket, count);
    }
  }

 private:
  std::array<std::atomic<uint32_t>, DurationBuckets::kCount> counts_{};
};

}  // namespace stoker
