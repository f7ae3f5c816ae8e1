// A measurement that is broken off and goes on, and one that waits for a sample that does not come.

#include "stoker/run/measurement.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "stoker/base/error.h"

namespace stoker {
namespace {

// Images in memory; the request for sample `stuck` does not return before `release`.
class StuckSource : public ArraysSource {
 public:
  StuckSource(const std::vector<float>& values, int64_t count, int64_t stuck)
      : ArraysSource(reinterpret_cast<const uint8_t*>(values.data()), count, {2, 3, 1, DType::kFloat32},
                     nullptr),
        stuck_(stuck) {}

  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override {
    ++requests;
    while (index == stuck_ && !is_released) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return ArraysSource::request(index, field, epoch);
  }

  mutable std::atomic<int64_t> requests{0};
  std::atomic<bool> is_released{false};

 private:
  const int64_t stuck_;
};

// Of so many sizes that the last bits of their sum depend on the order.
std::vector<float> values_of(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count) * 6);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto step = static_cast<int>(i);
    values[i] = std::ldexp(1.0f + 1e-3f * static_cast<float>(i % 977), (step * 7) % 40 - 20);
  }
  return values;
}

std::shared_ptr<const Plan> plan_of(const Source& source) {
  return std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(source));
}

MeasurementOptions options_of(int threads, int64_t end) {
  MeasurementOptions options;
  options.threads = threads;
  options.end = end;
  return options;
}

void finish(Measurement& measurement, int64_t all) {
  while (measurement.advance(1'000'000) < all) {
  }
}

TEST(Measurement, GoesOnFromAnySnapshotToTheSameBits) {
  constexpr int64_t kCount = 100;
  const std::vector<float> values = values_of(kCount);
  const auto source = std::make_shared<StuckSource>(values, kCount, -1);
  Measurement whole(source, plan_of(*source), options_of(3, kCount));
  finish(whole, kCount);
  const ChannelSums expected = whole.snapshot().sums.channels()[0];
  for (int64_t done = 16; done < kCount; done += 16) {
    Measurement first(source, plan_of(*source), options_of(2, done));
    finish(first, done);
    MeasurementOptions options = options_of(2, kCount);
    options.done = done;
    options.before = first.snapshot().sums;
    Measurement second(source, plan_of(*source), options);
    finish(second, kCount);
    const ChannelSums found = second.snapshot().sums.channels()[0];
    EXPECT_EQ(found.count, expected.count);
    EXPECT_EQ(found.float_sum.high, expected.float_sum.high);
    EXPECT_EQ(found.float_sum.low, expected.float_sum.low);
    EXPECT_EQ(found.float_sum_squares.high, expected.float_sum_squares.high);
    EXPECT_EQ(found.float_sum_squares.low, expected.float_sum_squares.low);
  }
}

TEST(Measurement, RefusesToGoOnWithinABlockOrWithoutSums) {
  const std::vector<float> values = values_of(40);
  const auto source = std::make_shared<StuckSource>(values, 40, -1);
  MeasurementOptions options = options_of(1, 40);
  options.done = 16;
  EXPECT_THROW(Measurement(source, plan_of(*source), options), ArgumentError);
  options.before = Accumulator(options.sums);
  for (const int64_t done : {0, 7, -16, 48}) {
    options.done = done;
    EXPECT_THROW(Measurement(source, plan_of(*source), options), ArgumentError) << done;
  }
}

TEST(Measurement, FewBlocksWaitForOneThatIsStuck) {
  constexpr int64_t kCount = 4000;
  constexpr int kThreads = 2;
  const std::vector<float> values = values_of(kCount);
  const auto source = std::make_shared<StuckSource>(values, kCount, 0);
  Measurement measurement(source, plan_of(*source), options_of(kThreads, kCount));
  int64_t before = -1;
  while (before != source->requests) {  // until nothing moves
    before = source->requests;
    EXPECT_EQ(measurement.advance(200'000'000), 0);
  }
  EXPECT_GT(source->requests, 16);
  EXPECT_LE(source->requests, kThreads * 4 * 16 + 1);
  source->is_released = true;
  finish(measurement, kCount);
  EXPECT_EQ(measurement.snapshot().sums.image_count(), static_cast<uint64_t>(kCount));
}

TEST(Measurement, ClosesWhileThreadsWaitForRoom) {
  const std::vector<float> values = values_of(4000);
  const auto source = std::make_shared<StuckSource>(values, 4000, 0);
  Measurement measurement(source, plan_of(*source), options_of(3, 4000));
  EXPECT_EQ(measurement.advance(100'000'000), 0);
  std::thread release([&source] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    source->is_released = true;
  });
  std::thread other([&measurement] { measurement.close(); });
  measurement.close();
  other.join();
  release.join();
  EXPECT_THROW(measurement.advance(0), ArgumentError);
}

TEST(Accumulator, RefusesFiguresThatAreNoSums) {
  const AccumulatorOptions options;
  ChannelSums good;
  good.histogram.assign(256, 0);
  good.histogram[7] = good.count = 3;
  EXPECT_EQ(Accumulator(options, DType::kUint8, 1, {good}).channels()[0].count, 3u);
  ChannelSums other_count = good;
  other_count.count = 4;
  ChannelSums short_histogram = good;
  short_histogram.histogram.pop_back();
  ChannelSums not_finite = good;
  not_finite.float_sum.high = std::nan("");
  ChannelSums turned = good;
  turned.min = 2;
  turned.max = 1;
  for (const ChannelSums& bad : {other_count, short_histogram, not_finite, turned})
    EXPECT_THROW(Accumulator(options, DType::kUint8, 1, {bad}), ArgumentError);
  EXPECT_THROW(Accumulator(options, DType::kFloat64, 1, {good}), ArgumentError);
  EXPECT_THROW(Accumulator(options, DType::kUint8, 1, std::vector<ChannelSums>(65, good)), ArgumentError);
}

}  // namespace
}  // namespace stoker
