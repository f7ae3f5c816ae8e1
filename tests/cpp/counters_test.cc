#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "scaffold.h"
#include "stoker/base/clock.h"
#include "stoker/run/cores.h"
#include "stoker/run/log_histogram.h"
#include "stoker/run/read_trial.h"
#include "stoker/run/run.h"
#include "stoker/run/step_clock.h"

namespace stoker {
namespace {

using test::Bytes;
using test::EngineRun;
using test::list;
using test::next_batch;

std::vector<int64_t> range(int64_t begin, int64_t end) {
  std::vector<int64_t> indices;
  for (int64_t i = begin; i < end; ++i) indices.push_back(i);
  return indices;
}

std::shared_ptr<const Plan> plan_of(std::vector<NamedOperator> operators) {
  return std::make_shared<Plan>(std::move(operators), PlanOptions{}, std::nullopt);
}

RunOptions with_threads(int threads) {
  RunOptions options;
  options.threads = threads;
  options.seed = 77;
  return options;
}

TEST(LogHistogram, QuantilesAreWithinABucket) {
  LogHistogram histogram;
  for (int64_t i = 1; i <= 10'000; ++i) histogram.add(i * 1000);
  DurationCounts counts;
  histogram.add_to(&counts);
  EXPECT_EQ(counts.total(), 10'000);
  for (const double q : {0.01, 0.5, 0.95, 0.99})
    EXPECT_NEAR(counts.quantile_ns(q), q * 1e7, 0.07 * q * 1e7) << q;
}

TEST(LogHistogram, BucketsBeginWhereTheyHold) {
  EXPECT_EQ(DurationBuckets::of(-5), 0);
  EXPECT_EQ(DurationBuckets::of(INT64_MAX), DurationBuckets::kCount - 1);
  for (int bucket = 0; bucket < DurationBuckets::kCount; ++bucket) {
    const auto begin = static_cast<int64_t>(DurationBuckets::begin_ns(bucket));
    EXPECT_EQ(DurationBuckets::of(begin), bucket);
    EXPECT_LT(DurationBuckets::begin_ns(bucket), DurationBuckets::begin_ns(bucket + 1));
  }
  EXPECT_EQ(DurationCounts().quantile_ns(0.5), 0);
}

void work_for(int64_t cpu_ns) {
  const int64_t end = thread_cpu_ns() + cpu_ns;
  while (thread_cpu_ns() < end) {
  }
}

TEST(StepClock, InnerTimeIsNotTheLapsToo) {
  StepClock clock(2);
  clock.begin_sample();
  {
    const StepClock::Inner inner(clock, kDecodeStep);
    work_for(4'000'000);
  }
  work_for(1'000'000);
  clock.lap(kOperatorSteps + 1);
  clock.lap(kStoreStep);
  clock.end_sample();
  StepClock::Reading decode;
  StepClock::Reading op;
  StepClock::Reading never;
  clock.add_to(kDecodeStep, &decode);
  clock.add_to(kOperatorSteps + 1, &op);
  clock.add_to(kOperatorSteps, &never);
  EXPECT_EQ(clock.timed_samples(), 1);
  EXPECT_EQ(decode.calls, 1);
  EXPECT_GE(decode.cpu_ns, 4'000'000);
  EXPECT_GE(op.cpu_ns, 1'000'000);
  EXPECT_LT(op.cpu_ns, 3'000'000);
  EXPECT_EQ(never.calls, 0);
}

TEST(StepClock, TimesFewOfManySmallSamples) {
  StepClock clock(0);
  const int64_t begin = wall_ns();
  int64_t samples = 0;
  while (wall_ns() - begin < 20'000'000) {
    clock.begin_sample();
    for (int lap = 0; lap < 8; ++lap) clock.lap(kStoreStep);
    clock.end_sample();
    ++samples;
  }
  // Nine readings of the clock, taken for 200 ns each, may be a 200th of 20 ms: 55 samples.
  EXPECT_GE(clock.timed_samples(), 2);
  EXPECT_LE(clock.timed_samples(), 60);
  EXPECT_GT(samples, 10 * clock.timed_samples());
}

TEST(Counters, StepsAreNamedByTheirOperators) {
  const std::vector<test::Pixels> images = test::random_images(64, 40, 40);
  EngineRun run(test::arrays_source(images),
                plan_of({make_operator("resize", {{"size", list({60, 60})}}),
                         make_operator("center_crop", {{"size", list({32, 32})}}),
                         make_operator("gaussian_blur", {{"p", 1.0}}), make_operator("horizontal_flip", {}),
                         make_operator("brightness_contrast", {{"p", 1.0}})}),
                with_threads(2));
  run.submit(range(0, 64), 0);
  ASSERT_TRUE(next_batch(run));
  const CountersReading reading = run.counters();
  std::vector<std::string> names;
  int64_t sum = 0;
  for (const CountersReading::Step& step : reading.steps) {
    EXPECT_GT(step.calls, 0);
    EXPECT_LE(step.p50_ns, step.p95_ns);
    EXPECT_LE(step.p95_ns, step.p99_ns);
    if (step.kind == "operator" || step.kind == "fused" || step.kind == "store") names.push_back(step.name);
    if (step.kind != "fetch") sum += step.cpu_ns;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"resize + center_crop", "gaussian_blur", "horizontal_flip",
                                             "store: brightness_contrast"}));
  const int64_t all = reading.decode_cpu_ns + reading.transform_cpu_ns + reading.store_cpu_ns;
  EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(all), 20);  // each is rounded
}

// ---- active threads

TEST(ActiveThreads, ChangeNoPixelWhateverTheirNumber) {
  const std::vector<test::Pixels> images = test::random_images(64, 24, 24);
  const auto source = test::arrays_source(images);
  const auto augmentation = [] {
    return std::vector<NamedOperator>{make_operator("random_crop", {{"size", list({16, 16})}}),
                                      make_operator("horizontal_flip", {}),
                                      make_operator("brightness_contrast", {{"p", 1.0}})};
  };
  const auto all_bytes = [&](bool changes) {
    EngineRun run(source, plan_of(augmentation()), with_threads(4));
    Bytes bytes;
    for (int64_t batch = 0; batch < 40; ++batch) {
      run.submit(range(8 * (batch % 8), 8 * (batch % 8) + 8), static_cast<uint32_t>(batch / 8));
      if (changes) run.set_active_threads(1 + static_cast<int>(batch * 7 % 4));
      const std::optional<Batch> got = next_batch(run);
      for (int position = 0; position < 8; ++position) {
        const Bytes sample = test::sample_bytes(*got, static_cast<size_t>(position));
        bytes.insert(bytes.end(), sample.begin(), sample.end());
      }
    }
    return bytes;
  };
  EXPECT_EQ(all_bytes(true), all_bytes(false));
}

TEST(ActiveThreads, ParkedThreadsDoNoWork) {
  const std::vector<test::Pixels> images = test::random_images(32, 64, 64);
  RunOptions options = with_threads(3);
  options.active_threads = 1;
  EngineRun run(test::arrays_source(images), plan_of({make_operator("gaussian_blur", {{"p", 1.0}})}),
                options);
  for (int round = 0; round < 20; ++round) {
    run.submit(range(0, 32), 0);
    ASSERT_TRUE(next_batch(run));
  }
  CountersReading reading = run.counters();
  EXPECT_EQ(reading.active_threads, 1);
  ASSERT_GE(reading.threads.size(), 1U);
  for (size_t i = 1; i < reading.threads.size(); ++i) {
    EXPECT_EQ(reading.threads[i].busy_ns, 0);
    EXPECT_GT(reading.threads[i].parked_ns, 0);
    EXPECT_LE(reading.threads[i].unattributed_ns, reading.threads[i].wall_ns / 20 + 1'000'000);
  }
  run.set_active_threads(3);
  for (int round = 0; round < 200; ++round) {
    run.submit(range(0, 32), 0);
    ASSERT_TRUE(next_batch(run));
  }
  reading = run.counters();
  ASSERT_EQ(reading.threads.size(), 3U);
  for (const CountersReading::Thread& thread : reading.threads) EXPECT_GT(thread.busy_ns, 0);
}

TEST(ActiveThreads, AnImpossibleNumberIsRefused) {
  const auto source = test::arrays_source(test::random_images(4, 8, 8));
  EngineRun run(source, plan_of({}), with_threads(2));
  EXPECT_THROW(run.set_active_threads(0), ArgumentError);
  EXPECT_THROW(run.set_active_threads(3), ArgumentError);
  EngineRun inline_run(source, plan_of({}), with_threads(0));
  EXPECT_THROW(inline_run.set_active_threads(1), ArgumentError);
  RunOptions options = with_threads(2);
  options.active_threads = 3;
  EXPECT_THROW(EngineRun(source, plan_of({}), options), ArgumentError);
}

TEST(ActiveThreads, CloseEndsParkedThreadsToo) {
  for (int round = 0; round < 200; ++round) {
    RunOptions options = with_threads(4);
    options.active_threads = 1;
    EngineRun run(test::arrays_source(test::random_images(8, 8, 8)), plan_of({}), options);
    run.submit(range(0, 8), 0);
    if (round % 2 == 0) {
      ASSERT_TRUE(next_batch(run));
    }
    run.close();
  }
}

// A thread that takes a share of `budget` and says so.
class Taker {
 public:
  explicit Taker(CoreBudget& budget)
      : thread_([this, &budget] {
          budget.take();
          has_taken_ = true;
        }) {}
  ~Taker() { thread_.join(); }
  bool has_taken_soon() const {
    for (int wait = 0; wait < 20 && !has_taken_; ++wait) usleep(1000);
    return has_taken_;
  }
  bool takes_in_the_end() const {
    for (int wait = 0; wait < 20'000 && !has_taken_; ++wait) usleep(1000);
    return has_taken_;
  }

 private:
  std::atomic<bool> has_taken_{false};
  std::thread thread_;
};

TEST(CoreBudget, GrowsAndShrinksWhileSharesAreTaken) {
  CoreBudget budget(1);
  budget.take();
  {
    const Taker second(budget);
    EXPECT_FALSE(second.has_taken_soon());
    budget.resize(2);
    EXPECT_TRUE(second.takes_in_the_end());
  }
  budget.resize(1);  // two are taken
  {
    const Taker third(budget);
    EXPECT_FALSE(third.has_taken_soon());
    budget.give_back();
    EXPECT_FALSE(third.has_taken_soon());  // one was one too many
    budget.give_back();
    EXPECT_TRUE(third.takes_in_the_end());
  }
  budget.resize(0);  // never none
  budget.give_back();
  const Taker last(budget);
  EXPECT_TRUE(last.takes_in_the_end());
}

// ---- timeline

TEST(Trace, IsBoundedAndCountsTheRest) {
  Trace trace;
  trace.add({EventKind::kWork, 0, 0, 0, 10});
  EXPECT_TRUE(trace.events().empty());  // not asked for
  trace.begin(3);
  trace.add({EventKind::kWork, 0, 0, 0, 1'000'000});
  trace.add({EventKind::kWork, 0, 0, 1'010'000, 2'000'000});      // goes on
  trace.add({EventKind::kStarved, 0, -1, 2'000'000, 2'000'100});  // too short to be seen
  trace.add({EventKind::kWork, 0, 1, 2'000'100, 3'000'000});
  trace.add({EventKind::kWork, 1, 1, 2'000'100, 3'000'000});
  trace.add({EventKind::kStarved, 0, -1, 3'000'000, 4'000'000});
  ASSERT_EQ(trace.events().size(), 3U);
  EXPECT_EQ(trace.events()[0].end_ns, 2'000'000);
  EXPECT_EQ(trace.dropped(), 1);
  trace.begin(0);
  EXPECT_TRUE(trace.events().empty());
}

TEST(Trace, CoversTheTimeOfEveryThread) {
  EngineRun run(test::arrays_source(test::random_images(32, 200, 200)),
                plan_of({make_operator("gaussian_blur", {{"p", 1.0}})}), with_threads(2));
  run.trace(1000);
  for (int round = 0; round < 10; ++round) run.submit(range(0, 32), 0);
  for (int round = 0; round < 10; ++round) ASSERT_TRUE(next_batch(run));
  const CountersReading reading = run.counters();
  int64_t dropped = -1;
  const std::vector<RunEvent> events = run.events(&dropped);
  EXPECT_EQ(dropped, 0);
  int64_t busy = 0;
  int64_t traced = 0;
  for (const CountersReading::Thread& thread : reading.threads) busy += thread.busy_ns;
  for (const RunEvent& event : events) {
    EXPECT_LE(event.begin_ns, event.end_ns);
    if (event.kind == EventKind::kWork) traced += event.end_ns - event.begin_ns;
  }
  EXPECT_GE(static_cast<double>(traced), 0.8 * static_cast<double>(busy));
}

// ---- reading alone

TEST(ReadTrial, ReadsEveryFileOnce) {
  const test::TemporaryFolder folder;
  std::vector<std::string> paths;
  int64_t bytes = 0;
  for (int i = 0; i < 20; ++i) {
    const Bytes content(static_cast<size_t>(1000 + i), uint8_t{7});
    paths.push_back(folder.write("f" + std::to_string(i), content));
    bytes += static_cast<int64_t>(content.size());
  }
  paths.push_back(folder.path("missing"));
  const auto source = std::make_shared<FilesSource>(paths, folder.path());
  for (const int readers : {1, 3}) {
    const ReadTrial trial = try_reading(*source, range(0, 21), {readers, true, 0});
    EXPECT_EQ(trial.latencies_ns.size(), 20U);
    int64_t read = 0;
    for (const int64_t each : trial.bytes) read += each;
    EXPECT_EQ(read, bytes);
    EXPECT_GT(trial.wall_ns, 0);
    EXPECT_FALSE(trial.cached_share.has_value());  // not of all
  }
  const ReadTrial warm = try_reading(*source, range(0, 20), {1, false, 0});
  ASSERT_TRUE(warm.cached_share.has_value());
  EXPECT_EQ(*warm.cached_share, 1.0);
  EXPECT_THROW(try_reading(*source, {21}, {1, true, 0}), ArgumentError);
  EXPECT_THROW(try_reading(*source, {0}, {0, true, 0}), ArgumentError);
}

}  // namespace
}  // namespace stoker
