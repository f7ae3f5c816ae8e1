// Batches that may yet be dropped: worked on like any other, seen only once they are kept.
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

#include "scaffold.h"
#include "stoker/run/run.h"

namespace stoker {
namespace {

using test::Bytes;
using test::EngineRun;
using test::list;
using test::next_batch;
using test::TemporaryFolder;

// PNG files of one size, of which the ones in `broken` hold something else.
struct Files {
  explicit Files(int count, const std::set<int>& broken = {}) {
    std::vector<std::string> paths;
    for (int i = 0; i < count; ++i) {
      const auto seed = static_cast<uint32_t>(i);
      const Bytes bytes =
          broken.contains(i) ? Bytes{'n', 'o'} : test::encode_png(test::noisy(9, 9, 3, 8, seed), {});
      paths.push_back(folder.write(std::to_string(1000 + i) + ".png", bytes));
    }
    source = std::make_shared<FilesSource>(paths, folder.path());
  }

  TemporaryFolder folder;
  std::shared_ptr<FilesSource> source;
};

EngineRun make_run(const Files& files, int threads, OnError on_error = OnError::kRaise, double max_bad = 0) {
  RunOptions options;
  options.threads = threads;
  options.on_error = on_error;
  options.max_bad = max_bad;
  return EngineRun(
      files.source,
      std::make_shared<Plan>(std::vector<NamedOperator>{make_operator("random_crop", {{"size", list({8})}})},
                             PlanOptions{}, std::nullopt),
      options);
}

// Waits until two batches are finished and not taken; false after 20 s.
bool waits_until_ready(const Run& run, int64_t batches = 2) {
  for (int i = 0; i < 20'000; ++i) {
    if (run.counters().ready_batches == batches) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST(RunTentative, IsCountedOnceItIsKept) {
  const Files files(8);
  EngineRun run = make_run(files, 2);
  run.submit({0, 1}, 0, true);
  run.submit({2, 3}, 0, true);
  ASSERT_TRUE(waits_until_ready(run));
  EXPECT_EQ(run.counters().samples, 0);
  EXPECT_EQ(run.counters().bytes_read, 0);
  EXPECT_EQ(run.counters().decode_cpu_ns, 0);
  run.keep_tentative();
  EXPECT_EQ(run.counters().samples, 4);
  EXPECT_GT(run.counters().bytes_read, 0);
  EXPECT_GT(run.counters().decode_cpu_ns, 0);
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(run.counters().samples, 4);
  run.close();
  EXPECT_EQ(run.counters().samples, 4);
}

TEST(RunTentative, LeavesNoTraceWhenDropped) {
  const Files files(8, {1});
  EngineRun run = make_run(files, 2, OnError::kReplace, 5);
  run.submit({4, 5}, 0);
  for (int i = 0; i < 6; ++i) run.submit({0, 1}, 1, true);
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{4, 5}));
  ASSERT_TRUE(waits_until_ready(run));
  EXPECT_EQ(run.pending(), 6);
  run.drop_tentative();
  EXPECT_EQ(run.pending(), 0);
  EXPECT_FALSE(next_batch(run));
  EXPECT_EQ(run.counters().samples, 2);
  EXPECT_EQ(run.counters().errors, 0);
  EXPECT_EQ(run.counters().replaced, 0);
  EXPECT_EQ(run.counters().ready_bytes, 0);
  EXPECT_TRUE(run.bad_samples().empty());
  run.submit({1}, 2);
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{2}));
  EXPECT_EQ(run.counters().errors, 1);
  EXPECT_EQ(run.bad_samples().front().epoch, 2u);
}

TEST(RunTentative, OnlyThoseAreDropped) {
  const Files files(8);
  EngineRun run = make_run(files, 2);
  run.submit({6}, 0);
  run.submit({7}, 0);
  run.submit({0, 1}, 1, true);
  run.drop_tentative();
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{6}));
  EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{7}));
  EXPECT_FALSE(next_batch(run));
}

TEST(RunTentative, TooManyBadSamplesEndTheRunOnlyIfKept) {
  for (const double max_bad : {1.0, 100.0}) {  // above the limit; or nothing good to put in their place
    const Files files(5, {0, 1, 2, 3, 4});
    EngineRun run = make_run(files, 2, OnError::kReplace, max_bad);
    run.submit({0, 1, 2}, 0, true);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(run.next(0));
    run.drop_tentative();
    EXPECT_FALSE(next_batch(run));
    EXPECT_EQ(run.counters().errors, 0);
    run.submit({0, 1, 2}, 0, true);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    run.keep_tentative();
    EXPECT_THROW(next_batch(run), BadSamples) << max_bad;
  }
}

TEST(RunTentative, MayBeDroppedAtAnyMoment) {
  const Files files(16, {3});
  EngineRun run = make_run(files, 3, OnError::kSkip, 1);
  for (int round = 0; round < 300; ++round) {
    run.submit({round % 16}, 0);
    run.submit({1, 2, 3, 4}, 1, true);
    run.submit({5, 6, 7, 8}, 1, true);
    const std::optional<Batch> batch = next_batch(run);
    EXPECT_EQ(batch->indices.size(), round % 16 == 3 ? 0u : 1u);
    for (int spin = 0; spin < round % 7; ++spin) std::this_thread::yield();
    if (round % 2 == 0) {
      run.drop_tentative();
      continue;
    }
    run.keep_tentative();
    EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{1, 2, 4}));
    EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{5, 6, 7, 8}));
  }
  EXPECT_EQ(run.counters().samples, 300 + 150 * 8);
  EXPECT_EQ(run.pending(), 0);
}

}  // namespace
}  // namespace stoker
