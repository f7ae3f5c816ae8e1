// Small batches made on the calling thread: the same as those of the queue, counted alike.
#include <gtest/gtest.h>

#include <thread>

#include "scaffold.h"
#include "stoker/run/run.h"

namespace stoker {
namespace {

using test::Bytes;
using test::EngineRun;
using test::next_batch;

constexpr int kCount = 40;
constexpr ImageShape kShape{2, 3, 3, DType::kUint8};

// Images of 18 bytes with labels.
std::shared_ptr<ArraysSource> small_images() {
  const auto pixels = std::make_shared<Bytes>(kCount * kShape.bytes());
  for (size_t i = 0; i < pixels->size(); ++i) (*pixels)[i] = static_cast<uint8_t>(7 * i);
  auto source = std::make_shared<ArraysSource>(pixels->data(), kCount, kShape, pixels);
  test::add_labels(*source);
  return source;
}

EngineRun make_run(const std::shared_ptr<const Source>& source, int threads,
                   std::vector<NamedOperator> operators = {}) {
  RunOptions options;
  options.threads = threads;
  return EngineRun(source, std::make_shared<Plan>(std::move(operators), PlanOptions{}, std::nullopt),
                   options);
}

TEST(RunAtOnce, GivesWhatTheQueueGives) {
  const auto source = small_images();
  for (const int threads : {0, 2}) {
    EngineRun run = make_run(source, threads);
    const std::vector<int64_t> indices{3, 0, 39, 3, 17};
    run.submit(indices, 0);
    const std::optional<Batch> queued = next_batch(run);
    ASSERT_TRUE(queued);
    const Batch batch = run.make_at_once(indices);
    EXPECT_EQ(batch.indices, indices);
    for (size_t i = 0; i < indices.size(); ++i)
      EXPECT_EQ(test::sample_bytes(batch, i), test::sample_bytes(*queued, i));
    ASSERT_EQ(batch.columns.size(), 1u);
    const auto* labels = reinterpret_cast<const int64_t*>(batch.columns[0].data.get());
    EXPECT_EQ(labels[2], 390);
  }
}

TEST(RunAtOnce, IsForSmallBatchesOfUntouchedImagesInMemory) {
  const auto source = small_images();
  EXPECT_EQ(make_run(source, 2).most_at_once(), 65536 / (18 + 8));  // with a label of 8 bytes
  EXPECT_EQ(make_run(source, 2, {make_operator("horizontal_flip", {})}).most_at_once(), 0);
  test::TemporaryFolder folder;
  const std::string path = folder.write("a.png", test::encode_png(test::noisy(3, 3, 3, 8, 1), {}));
  const auto files = std::make_shared<FilesSource>(std::vector<std::string>{path}, folder.path());
  EXPECT_EQ(make_run(files, 2).most_at_once(), 0);
  EXPECT_THROW(static_cast<void>(make_run(files, 2).make_at_once({0})), ArgumentError);
}

TEST(RunAtOnce, ChecksItsArguments) {
  EngineRun run = make_run(small_images(), 0);
  EXPECT_THROW(static_cast<void>(run.make_at_once({})), ArgumentError);
  EXPECT_THROW(static_cast<void>(run.make_at_once({0, kCount})), ArgumentError);
  EXPECT_THROW(static_cast<void>(run.make_at_once({-1})), ArgumentError);
  const auto most = static_cast<size_t>(run.most_at_once());
  EXPECT_EQ(run.make_at_once(std::vector<int64_t>(most, 1)).indices.size(), most);
  EXPECT_THROW(static_cast<void>(run.make_at_once(std::vector<int64_t>(most + 1, 1))), ArgumentError);
  run.close();
  EXPECT_THROW(static_cast<void>(run.make_at_once({0})), Error);
}

TEST(RunAtOnce, IsCountedAndStartsNoThread) {
  EngineRun run = make_run(small_images(), 2);
  for (int i = 0; i < 100; ++i) static_cast<void>(run.make_at_once({i % kCount, 5, 6}));
  const CountersReading reading = run.counters();
  EXPECT_EQ(reading.samples, 300);
  EXPECT_EQ(reading.batches, 100);
  EXPECT_GT(reading.store_cpu_ns, 0);
  EXPECT_GT(reading.consumer_wait_ns, 0);
  EXPECT_TRUE(reading.threads.empty());
  ASSERT_EQ(reading.steps.size(), 1u);
  EXPECT_EQ(reading.steps[0].kind, "store");
}

TEST(RunAtOnce, GoesOnBesideTheQueueAndOtherThreads) {
  EngineRun run = make_run(small_images(), 2);
  constexpr int kBatches = 200;
  const auto make = [&run] {
    for (int64_t i = 0; i < kBatches; ++i) {
      const Batch batch = run.make_at_once({i % kCount});
      EXPECT_EQ(batch.indices.front(), i % kCount);
    }
  };
  std::thread one(make);
  std::thread other(make);
  for (int64_t i = 0; i < kBatches; ++i) {
    run.submit({i % kCount, 1}, 0);
    const std::optional<Batch> batch = next_batch(run);
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->indices.front(), i % kCount);
    static_cast<void>(run.counters());
  }
  one.join();
  other.join();
  EXPECT_EQ(run.counters().samples, 4 * kBatches);
}

}  // namespace
}  // namespace stoker
