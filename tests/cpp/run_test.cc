#include "stoker/run/run.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>

#include "scaffold.h"
#include "stoker/base/clock.h"
#include "stoker/fetch/fetcher.h"
#include "stoker/run/cores.h"

namespace stoker {
namespace {

using test::Bytes;
using test::EngineRun;
using test::list;
using test::next_batch;
using test::Pixels;
using test::TemporaryFolder;

constexpr int64_t kMilliseconds = 1'000'000;
#if defined(__SANITIZE_THREAD__)
constexpr int kRounds = 700;
#else
constexpr int kRounds = 3000;
#endif
constexpr int64_t kLongWait_ns = 20'000 * kMilliseconds;

std::vector<int64_t> range(int64_t begin, int64_t end) {
  std::vector<int64_t> indices;
  for (int64_t i = begin; i < end; ++i) indices.push_back(i);
  return indices;
}

// A crop, a flip and a change of brightness: every draw shows in the pixels.
std::vector<NamedOperator> augmentation() {
  return {make_operator("random_crop", {{"size", list({8})}, {"padding", list({2})}}),
          make_operator("horizontal_flip", {}), make_operator("brightness_contrast", {{"p", 1.0}})};
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

Bytes png(int height, int width, uint32_t seed) {
  return test::encode_png(test::noisy(height, width, 3, 8, seed), {});
}

// `count` PNG files of one size, of which the ones in `broken` hold something else.
struct Files {
  explicit Files(int count, const std::set<int64_t>& broken = {}, int side = 9) {
    for (int64_t i = 0; i < count; ++i) {
      const Bytes bytes = broken.contains(i) ? Bytes{'n', 'o'} : png(side, side, static_cast<uint32_t>(i));
      paths.push_back(folder.write("images/" + std::to_string(1000 + i) + ".png", bytes));
    }
    source = std::make_shared<FilesSource>(paths, folder.path("images"));
    test::add_labels(*source);
  }

  TemporaryFolder folder;
  std::vector<std::string> paths;
  std::shared_ptr<FilesSource> source;
};

std::vector<int64_t> labels_of(const Batch& batch) {
  const ColumnValues& column = batch.columns.front();
  const auto* values = reinterpret_cast<const int64_t*>(column.data.get());
  return {values, values + column.shape.front()};
}

std::vector<int64_t> times_ten(std::vector<int64_t> values) {
  for (int64_t& value : values) value *= 10;
  return values;
}

// All samples of `order` in batches of `batch_size`, one after another.
std::vector<Bytes> epoch_of(const std::shared_ptr<const Source>& source, const RunOptions& options,
                            const std::vector<int64_t>& order, size_t batch_size) {
  EngineRun run(source, plan_of(augmentation()), options);
  for (size_t begin = 0; begin < order.size(); begin += batch_size) {
    const size_t end = std::min(order.size(), begin + batch_size);
    run.submit({order.begin() + static_cast<ptrdiff_t>(begin), order.begin() + static_cast<ptrdiff_t>(end)},
               5);
  }
  std::vector<Bytes> samples;
  std::vector<int64_t> indices;
  while (const std::optional<Batch> batch = next_batch(run)) {
    for (size_t i = 0; i < batch->indices.size(); ++i) samples.push_back(test::sample_bytes(*batch, i));
    indices.insert(indices.end(), batch->indices.begin(), batch->indices.end());
    EXPECT_EQ(labels_of(*batch), times_ten(batch->indices));
  }
  EXPECT_EQ(indices, order);
  return samples;
}

TEST(Run, ContentsDependOnNeitherThreadsNorBatches) {
  const std::vector<Pixels> images = test::random_images(40, 9, 9);
  const auto arrays = test::arrays_source(images);
  std::vector<int64_t> order = range(0, 40);
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) order.push_back(static_cast<int64_t>(random() % 40));  // some come again
  const std::vector<Bytes> first = epoch_of(arrays, with_threads(0), order, 7);
  ASSERT_EQ(first.size(), order.size());
  std::vector<uint16_t> seen(40);
  const auto operators = augmentation();
  for (size_t i = 0; i < order.size(); ++i) {
    const auto index = static_cast<size_t>(order[i]);
    const auto plain = test::one_by_one(operators, images[index], {77, 5, index, seen[index]++, 0});
    ASSERT_EQ(first[i], test::stored_plainly(plain->view(), false, false, Layout::kChw, DType::kUint8)) << i;
  }
  for (const int threads : {1, 2, 3, 8}) {
    for (const size_t batch_size : {1, 7, 64}) {
      EXPECT_EQ(epoch_of(arrays, with_threads(threads), order, batch_size), first)
          << threads << " threads, batches of " << batch_size;
    }
  }
  const Files files(40);
  const std::vector<Bytes> from_files = epoch_of(files.source, with_threads(0), order, 7);
  for (const int threads : {1, 3, 8}) {
    EXPECT_EQ(epoch_of(files.source, with_threads(threads), order, 16), from_files) << threads << " threads";
  }
}

TEST(Run, CountsOccurrencesAnewInEachEpoch) {
  const auto source = test::arrays_source(test::random_images(4, 9, 9));
  EngineRun run(source, plan_of(augmentation()), with_threads(2));
  run.submit({1, 1, 2}, 0);
  run.submit({1}, 0);
  run.submit({1}, 1);
  run.submit({1}, 0);
  std::vector<Batch> batches;
  while (std::optional<Batch> batch = next_batch(run)) batches.push_back(std::move(*batch));
  ASSERT_EQ(batches.size(), 4u);
  const Bytes first = test::sample_bytes(batches[0], 0);
  EXPECT_NE(test::sample_bytes(batches[0], 1), first);
  EXPECT_NE(test::sample_bytes(batches[1], 0), first);
  EXPECT_NE(test::sample_bytes(batches[2], 0), first);
  EXPECT_EQ(test::sample_bytes(batches[3], 0), first);  // epoch 0 begun again
}

TEST(Run, ChecksItsArguments) {
  const auto source = test::arrays_source(test::random_images(4, 9, 9));
  const auto refused = [&](auto change) {
    RunOptions options;
    change(options);
    EXPECT_THROW(EngineRun(source, plan_of({}), options), ArgumentError);
  };
  refused([](RunOptions& options) { options.threads = -1; });
  refused([](RunOptions& options) { options.io_threads = 0; });
  refused([](RunOptions& options) { options.max_bad = -0.5; });
  refused([](RunOptions& options) { options.max_active_batches = 0; });
  EngineRun run(source, plan_of({}), with_threads(1));
  EXPECT_THROW(run.submit({0, 4}, 0), ArgumentError);
  EXPECT_THROW(run.submit({-1}, 0), ArgumentError);
  EXPECT_EQ(run.pending(), 0);
  EXPECT_FALSE(run.next(kLongWait_ns));  // nothing is submitted: at once
  run.submit({3}, 0);
  EXPECT_TRUE(next_batch(run));
}

TEST(Run, GivesColumnsAloneAndEmptyBatches) {
  for (const int threads : {0, 1, 3}) {
    SCOPED_TRACE(threads);
    const auto rows = std::make_shared<RowsSource>(5);
    test::add_labels(*rows);
    EngineRun run(rows, plan_of({}), with_threads(threads));
    run.submit({4, 0, 4}, 0);
    run.submit({}, 0);
    run.submit({2}, 0);
    EXPECT_EQ(labels_of(*next_batch(run)), (std::vector<int64_t>{40, 0, 40}));
    const std::optional<Batch> empty = next_batch(run);
    EXPECT_EQ(empty->columns.front().shape, std::vector<int64_t>{0});
    EXPECT_EQ(labels_of(*next_batch(run)), std::vector<int64_t>{20});
    EXPECT_FALSE(next_batch(run));
  }
}

TEST(Run, EmptyBatchesKeepTheirPlaceAmongFullOnes) {
  const auto source = test::arrays_source(test::random_images(6, 9, 9));
  for (const int threads : {0, 1, 3}) {
    SCOPED_TRACE(threads);
    EngineRun run(source, plan_of(augmentation()), with_threads(threads));
    run.submit({0, 1, 2}, 0);
    run.submit({}, 0);
    run.submit({3, 4}, 0);
    run.submit({}, 0);
    std::vector<std::vector<int64_t>> taken;
    while (const std::optional<Batch> batch = next_batch(run)) taken.push_back(batch->indices);
    EXPECT_EQ(taken, (std::vector<std::vector<int64_t>>{{0, 1, 2}, {}, {3, 4}, {}}));
  }
}

TEST(Run, KeepsImagesOfDifferentShapeApartOnRequest) {
  TemporaryFolder folder;
  std::vector<std::string> paths;
  for (int i = 0; i < 9; ++i)
    paths.push_back(folder.write(std::to_string(i) + ".png", png(4 + i, 12 - i, static_cast<uint32_t>(i))));
  const auto source = std::make_shared<FilesSource>(paths, folder.path());
  RunOptions options = with_threads(3);
  options.shapes = Shapes::kList;
  EngineRun run(source, plan_of({}), options);
  run.submit(range(0, 9), 0);
  const std::optional<Batch> batch = next_batch(run);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->fields[0].data, nullptr);
  ASSERT_EQ(batch->fields[0].list.size(), 9u);
  for (int i = 0; i < 9; ++i) {
    const ListedImage& image = batch->fields[0].list[static_cast<size_t>(i)];
    EXPECT_EQ(image.shape, (ImageShape{4 + i, 12 - i, 3, DType::kUint8}));
    const Pixels wanted = test::noisy(4 + i, 12 - i, 3, 8, static_cast<uint32_t>(i));
    EXPECT_EQ(Bytes(image.data.get(), image.data.get() + image.shape.bytes()),
              test::stored_plainly(wanted.view(), false, false, Layout::kChw, DType::kUint8));
  }
}

TEST(Run, NamesTheSameShapeConflictWhoeverComesFirst) {
  TemporaryFolder folder;
  std::vector<std::string> paths;
  for (int i = 0; i < 12; ++i)
    paths.push_back(
        folder.write(std::to_string(i) + ".png", png(i < 7 ? 8 : 9, 8, static_cast<uint32_t>(i))));
  const auto source = std::make_shared<FilesSource>(paths, folder.path());
  for (const OnError policy : {OnError::kRaise, OnError::kReplace, OnError::kSkip}) {
    for (int round = 0; round < 20; ++round) {
      RunOptions options = with_threads(round % 4);
      options.on_error = policy;
      EngineRun run(source, plan_of({}), options);
      run.submit({3, 4, 9, 5, 8}, 0);
      run.submit({1, 2}, 0);
      try {
        next_batch(run);
        FAIL() << "no conflict was seen";
      } catch (const BadSamples& error) {
        ASSERT_EQ(error.errors().size(), 1u);
        EXPECT_EQ(error.errors().front().index, 9);
        EXPECT_NE(std::string(error.what()).find("it is 9 x 8 x 3, sample 3 of the same batch is 8 x 8 x 3"),
                  std::string::npos)
            << error.what();
      }
      EXPECT_EQ(next_batch(run)->indices, (std::vector<int64_t>{1, 2}));
      EXPECT_TRUE(run.bad_samples().empty());  // the pipeline's mistake, not the samples'
    }
  }
}

// ---- bad samples

TEST(RunErrors, RaiseNamesEveryBadSampleAndGoesOn) {
  const Files files(12, {2, 3, 7});
  for (const int threads : {0, 1, 3}) {
    SCOPED_TRACE(threads);
    EngineRun run(files.source, plan_of({}), with_threads(threads));
    run.submit(range(0, 6), 3);
    run.submit({6}, 3);
    try {
      next_batch(run);
      FAIL() << "no bad sample was seen";
    } catch (const BadSamples& error) {
      ASSERT_EQ(error.errors().size(), 2u);
      EXPECT_EQ(error.errors()[0].index, 2);
      EXPECT_EQ(error.errors()[0].epoch, 3);
      EXPECT_EQ(error.errors()[0].path, files.paths[2]);
      EXPECT_EQ(error.errors()[0].code, SampleErrorCode::kUnknownFormat);
      EXPECT_EQ(error.errors()[1].index, 3);
      EXPECT_NE(std::string(error.what()).find(files.paths[3]), std::string::npos);
    }
    EXPECT_EQ(next_batch(run)->indices, std::vector<int64_t>{6});
    EXPECT_EQ(run.bad_samples().size(), 2u);
    EXPECT_EQ(run.counters().errors, 2);
  }
}

TEST(RunErrors, SkipShortensTheBatch) {
  const Files files(12, {2, 3, 7});
  for (const Shapes shapes : {Shapes::kDense, Shapes::kList}) {
    for (const int threads : {0, 1, 3}) {
      RunOptions options = with_threads(threads);
      options.on_error = OnError::kSkip;
      options.shapes = shapes;
      options.max_bad = 3;
      EngineRun run(files.source, plan_of({}), options);
      run.submit(range(0, 6), 0);
      run.submit({7}, 0);
      const std::optional<Batch> batch = next_batch(run);
      ASSERT_TRUE(batch);
      EXPECT_EQ(batch->indices, (std::vector<int64_t>{0, 1, 4, 5}));
      EXPECT_EQ(labels_of(*batch), (std::vector<int64_t>{0, 10, 40, 50}));
      for (size_t i = 0; i < 4; ++i) {
        const Pixels pixels = test::noisy(9, 9, 3, 8, static_cast<uint32_t>(batch->indices[i]));
        const Bytes wanted = test::stored_plainly(pixels.view(), false, false, Layout::kChw, DType::kUint8);
        const uint8_t* got = shapes == Shapes::kDense
                                 ? batch->fields[0].data.get() + i * batch->fields[0].shape.bytes()
                                 : batch->fields[0].list[i].data.get();
        EXPECT_EQ(Bytes(got, got + wanted.size()), wanted);
      }
      EXPECT_TRUE(next_batch(run)->indices.empty());  // all of it was bad
      EXPECT_EQ(run.counters().skipped, 3);
    }
  }
}

TEST(RunErrors, ReplaceTakesTheNextGoodSample) {
  const Files files(12, {2, 3, 11});
  std::vector<Bytes> first;
  for (const int threads : {0, 1, 2, 8}) {
    RunOptions options = with_threads(threads);
    options.on_error = OnError::kReplace;
    options.max_bad = 0.25;  // of 12: 3
    EngineRun run(files.source, plan_of(augmentation()), options);
    run.submit({1, 2, 3, 4}, 0);
    run.submit({11}, 0);
    std::vector<Bytes> samples;
    const std::optional<Batch> batch = next_batch(run);
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->indices, (std::vector<int64_t>{1, 4, 4, 4}));
    EXPECT_EQ(labels_of(*batch), (std::vector<int64_t>{10, 40, 40, 40}));
    for (size_t i = 0; i < 4; ++i) samples.push_back(test::sample_bytes(*batch, i));
    const std::optional<Batch> wrapped = next_batch(run);
    EXPECT_EQ(wrapped->indices, std::vector<int64_t>{0});
    samples.push_back(test::sample_bytes(*wrapped, 0));
    EXPECT_EQ(run.counters().replaced, 3);
    EXPECT_EQ(run.bad_samples().size(), 3u);
    if (first.empty()) first = samples;
    EXPECT_EQ(samples, first) << threads << " threads";
  }
}

TEST(RunErrors, StopsAboveTheLimitAndSaysSoEachTime) {
  const Files files(12, {2, 3, 7});
  for (const OnError policy : {OnError::kReplace, OnError::kSkip}) {
    for (const int threads : {0, 2}) {
      RunOptions options = with_threads(threads);
      options.on_error = policy;
      options.max_bad = 2;
      EngineRun run(files.source, plan_of({}), options);
      run.submit(range(0, 12), 0);
      for (int call = 0; call < 3; ++call) {
        try {
          run.next(kLongWait_ns);
          ADD_FAILURE() << "no limit was seen";
        } catch (const BadSamples& error) {
          EXPECT_NE(std::string(error.what()).find("3 of 12 samples are bad, allowed are 2"),
                    std::string::npos)
              << error.what();
          EXPECT_EQ(error.errors().size(), 3u);
        }
      }
      EXPECT_THROW(run.submit({0}, 0), BadSamples);
    }
  }
}

TEST(RunErrors, ReplaceGivesUpWhereNothingIsGood) {
  const Files files(5, {0, 1, 2, 3, 4});
  RunOptions options = with_threads(2);
  options.on_error = OnError::kReplace;
  options.max_bad = 100;
  EngineRun run(files.source, plan_of({}), options);
  run.submit({3}, 0);
  try {
    run.next(kLongWait_ns);
    FAIL();
  } catch (const BadSamples& error) {
    EXPECT_NE(std::string(error.what()).find("5 samples in a row are bad"), std::string::npos)
        << error.what();
  }
}

TEST(RunErrors, AVanishedRootStopsTheRun) {
  for (const OnError policy : {OnError::kRaise, OnError::kReplace, OnError::kSkip}) {
    for (const int threads : {0, 2}) {
      const Files files(64);
      RunOptions options = with_threads(threads);
      options.on_error = policy;
      options.max_bad = 1000;
      EngineRun run(files.source, plan_of({}), options);
      for (int64_t i = 0; i < 64; i += 2) run.submit({i, i + 1}, 0);
      ASSERT_TRUE(next_batch(run));
      std::filesystem::remove_all(files.folder.path("images"));
      std::string message;
      try {
        while (next_batch(run)) {
        }
      } catch (const IoError& error) {
        message = error.what();
      }
      EXPECT_NE(message.find("the folder '" + files.folder.path("images") + "' is gone"), std::string::npos)
          << message;
      EXPECT_THROW(run.next(0), IoError);
    }
  }
}

TEST(RunErrors, FilesThatAreNoneAreNamedForWhatTheyAre) {
  TemporaryFolder folder;
  const std::string fifo = folder.path("fifo.png");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::filesystem::create_directory(folder.path("folder.png"));
  const Bytes good = png(9, 9, 1);
  const std::vector<std::string> paths = {fifo,
                                          folder.path("folder.png"),
                                          folder.write("empty.png", {}),
                                          folder.path("missing.png"),
                                          folder.write("text.png", {'h', 'i'}),
                                          folder.write("cut.png", {good.begin(), good.begin() + 60}),
                                          folder.write("wrong.jpg", good),
                                          folder.write("file", {1}) + "/below.png",
                                          "/dev/null"};
  const auto source = std::make_shared<FilesSource>(paths, folder.path());
  for (const int threads : {0, 2}) {
    EngineRun run(source, plan_of({}), with_threads(threads));
    run.submit(range(0, 9), 0);
    try {
      next_batch(run);
      FAIL() << "no bad sample was seen";
    } catch (const BadSamples& error) {
      std::vector<std::string> codes;
      for (const SampleError& each : error.errors()) codes.emplace_back(name_of(each.code));
      EXPECT_EQ(codes, (std::vector<std::string>{"not-regular", "not-regular", "empty", "missing",
                                                 "unknown-format", "truncated", "missing", "not-regular"}));
    }
  }
}

// A source whose request for one sample throws.
class ThrowingSource : public FilesSource {
 public:
  ThrowingSource(const std::vector<std::string>& paths, int64_t bad) : FilesSource(paths, ""), bad_(bad) {}
  FetchRequest request(int64_t index, size_t field, uint32_t epoch) const override {
    if (index == bad_) throw ShardError("the index is damaged");
    return FilesSource::request(index, field, epoch);
  }

 private:
  int64_t bad_;
};

TEST(RunErrors, AThrowingSourceStopsTheRunWhicheverThreadAsksIt) {
  const Files files(60);
  for (const int threads : {0, 1, 2}) {
    for (const int64_t bad : {0, 30}) {
      EngineRun run(std::make_shared<ThrowingSource>(files.paths, bad), plan_of({}), with_threads(threads));
      EXPECT_THROW(
          {
            for (int64_t i = 0; i < 60; i += 4) run.submit(range(i, i + 4), 0);
            while (next_batch(run)) {
            }
          },
          ShardError)
          << threads << " threads";
    }
  }
}

// Compressed bytes in memory, and pixels in files: the two ways that no source of the engine has yet.
class UnusualSource : public Source {
 public:
  explicit UnusualSource(const Files& files) : files_(files), encoded_(png(9, 9, 0)) {
    for (int64_t i = 0; i < 4; ++i)
      raw_paths_.push_back(files.folder.write("raw" + std::to_string(i), Bytes(9 * 9 * 3, uint8_t{7})));
  }
  std::optional<int64_t> size() const override { return 8; }
  FetchRequest request(int64_t index, size_t, uint32_t) const override {
    FetchRequest request;
    if (index < 4) {
      request.memory = encoded_;
    } else {
      request.path = raw_paths_[static_cast<size_t>(index - 4)];
      request.raw_shape = ImageShape{9, 9, 3, DType::kUint8};
    }
    return request;
  }

 private:
  const Files& files_;
  Bytes encoded_;
  std::vector<std::string> raw_paths_;
};

TEST(Run, CountsBytesReadAheadForEveryKindOfRequest) {
  const Files files(1);
  RunOptions options = with_threads(2);
  options.read_ahead_bytes = 500;
  EngineRun run(std::make_shared<UnusualSource>(files), plan_of({}), options);
  for (int round = 0; round < 20; ++round) run.submit(range(0, 8), 0);
  int taken = 0;
  while (const std::optional<Batch> batch = next_batch(run)) {
    EXPECT_EQ(test::sample_bytes(*batch, 7), Bytes(9 * 9 * 3, uint8_t{7}));
    ++taken;
  }
  EXPECT_EQ(taken, 20);
  EXPECT_EQ(run.counters().ready_bytes, 0);
}

// ---- memory

TEST(Run, BeginsNoMoreBatchesThanItMay) {
  const auto source = test::arrays_source(test::random_images(40, 9, 9));
  RunOptions options = with_threads(3);
  options.max_active_batches = 2;
  EngineRun run(source, plan_of(augmentation()), options);
  for (int64_t i = 0; i < 40; i += 4) run.submit(range(i, i + 4), 0);
  for (int taken = 0; taken < 10; ++taken) {
    const int64_t wanted = std::min(10, taken + 2) * 4;
    for (int wait = 0; wait < 5000 && run.counters().samples < wanted; ++wait) usleep(1000);
    usleep(3000);
    EXPECT_EQ(run.counters().samples, wanted);
    EXPECT_EQ(run.counters().ready_batches, std::min(2, 10 - taken));
    EXPECT_EQ(run.pending(), 10 - taken);
    ASSERT_TRUE(next_batch(run));
  }
}

TEST(Run, ReadsNoFurtherAheadThanItMay) {
  const Files files(60, {}, 40);
  RunOptions options = with_threads(1);
  options.max_active_batches = 60;
  options.read_ahead_bytes = 200'000;  // memory of four small files
  EngineRun run(files.source, plan_of({make_operator("resize", {{"size", list({800, 800})}})}), options);
  for (int64_t i = 0; i < 60; ++i) run.submit({i}, 0);
  int64_t most = 0;
  while (run.pending() > 0) {
    most = std::max(most, run.counters().ready_bytes);
    run.next(100'000);
  }
  EXPECT_GT(most, 0);
  EXPECT_LT(most, 200'000 + 5 * 65'536);  // at most the fetches that were on their way
}

TEST(Run, UsesBuffersAgainAndLeavesKeptBatchesAlone) {
  const std::vector<Pixels> images = test::random_images(8, 64, 64);
  const auto source = test::arrays_source(images);
  RunOptions options = with_threads(2);
  options.max_active_batches = 2;
  EngineRun run(source, plan_of({}), options);
  std::set<const uint8_t*> places;
  std::vector<Batch> kept;
  const auto wanted = [&](int64_t index) {
    return test::stored_plainly(images[static_cast<size_t>(index)].view(), false, false, Layout::kChw,
                                DType::kUint8);
  };
  for (int round = 0; round < 60; ++round) {
    while (run.pending() < 3) run.submit({round % 8, (round + 3) % 8}, 0);
    std::optional<Batch> batch = next_batch(run);
    ASSERT_TRUE(batch);
    places.insert(batch->fields[0].data.get());
    if (round % 20 == 5) kept.push_back(std::move(*batch));
  }
  EXPECT_EQ(kept.size(), 3u);
  EXPECT_LE(places.size(), 3u + 2u + 2u);  // kept, being filled, and in the user's hand or on the shelf
  run.close();
  for (const Batch& batch : kept) {
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(test::sample_bytes(batch, i), wanted(batch.indices[i]));
  }
}

TEST(Run, BatchesOutliveTheRun) {
  const std::vector<Pixels> images = test::random_images(2, 9, 9);
  std::optional<Batch> batch;
  {
    EngineRun run(test::arrays_source(images), plan_of({}), with_threads(1));
    run.submit({1}, 0);
    batch = next_batch(run);
  }
  EXPECT_EQ(test::sample_bytes(*batch, 0),
            test::stored_plainly(images[1].view(), false, false, Layout::kChw, DType::kUint8));
}

// ---- stopping

TEST(RunStop, NextComesBackWhenItsTimeIsOver) {
  const auto source = test::arrays_source(test::random_images(4, 30, 30));
  // Some 10 ms a sample.
  const auto heavy = plan_of({make_operator("resize", {{"size", list({1500, 1500})}})});
  for (const int threads : {0, 1}) {
    EngineRun run(source, heavy, with_threads(threads));
    run.submit({0, 1, 2, 3}, 0);
    EXPECT_FALSE(run.next(1));
    EXPECT_EQ(run.pending(), 1);
    std::optional<Batch> batch;
    for (int calls = 0; !batch && calls < 100'000; ++calls) batch = run.next(100'000);
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->indices.size(), 4u);
  }
}

TEST(RunStop, CloseAtAnyMoment) {
  const auto arrays = test::arrays_source(test::random_images(20, 9, 9));
  const Files files(20, {5});
  std::mt19937 random(1);
  for (int round = 0; round < kRounds; ++round) {
    const bool reads = round % 4 == 0;
    RunOptions options = with_threads(static_cast<int>(random() % 4));
    options.on_error = OnError::kSkip;
    options.max_bad = 10;
    EngineRun run(reads ? std::shared_ptr<const Source>(files.source) : arrays, plan_of(augmentation()),
                  options);
    for (int64_t i = 0; i < 20; i += 4) run.submit(range(i, i + 4), 0);
    const int64_t delay_ns = static_cast<int64_t>(random() % (reads ? 1'500'000 : 300'000));
    const int64_t begin = wall_ns();
    std::thread closer([&] {
      while (wall_ns() - begin < delay_ns) {
      }
      run.close();
    });
    int taken = 0;
    while (run.pending() > 0) taken += run.next(kLongWait_ns).has_value();
    EXPECT_LE(taken, 5);
    closer.join();
    EXPECT_LT(wall_ns() - begin, 2'000 * kMilliseconds);
    EXPECT_FALSE(run.next(kLongWait_ns));
    EXPECT_THROW(run.submit({0}, 0), Error);
    run.close();
  }
}

TEST(RunStop, DestroyedWithBatchesInFlight) {
  const auto arrays = test::arrays_source(test::random_images(20, 9, 9));
  const Files files(20);
  for (int round = 0; round < 1000; ++round) {
    EngineRun run(round % 4 == 0 ? std::shared_ptr<const Source>(files.source) : arrays,
                  plan_of(augmentation()), with_threads(round % 3));
    for (int64_t i = 0; i < 20; i += 4) run.submit(range(i, i + 4), 0);
    for (int take = round % 4; take > 0; --take) next_batch(run);
  }
}

TEST(RunStop, NeverBegunIsEndedToo) {
  const auto source = test::arrays_source(test::random_images(2, 9, 9));
  EngineRun run(source, plan_of({}), with_threads(2));
  run.close();
  run.close();
}

// ---- counters

TEST(RunCounters, AccountForEveryThreadsTime) {
  const auto source = test::arrays_source(test::random_images(8, 30, 30));
  const auto check = [](const EngineRun& run, const char* when) {
    const CountersReading reading = run.counters();
    ASSERT_EQ(reading.threads.size(), 2u);
    for (const CountersReading::Thread& thread : reading.threads) {
      const int64_t known_ns = thread.starved_ns + thread.busy_ns + thread.blocked_ns;
      EXPECT_GE(known_ns, thread.wall_ns * 95 / 100) << when << ", of " << thread.wall_ns;
      EXPECT_LE(known_ns, thread.wall_ns * 101 / 100 + kMilliseconds) << when;
    }
  };
  EngineRun run(source, plan_of({make_operator("resize", {{"size", list({300, 300})}})}), with_threads(2));
  for (int i = 0; i < 30; ++i) run.submit(range(0, 8), 0);
  while (run.counters().ready_batches < RunOptions{}.max_active_batches) usleep(1000);
  usleep(300'000);
  check(run, "blocked");
  EXPECT_GT(run.counters().threads[0].blocked_ns + run.counters().threads[1].blocked_ns, 200 * kMilliseconds);
  while (next_batch(run)) {
  }
  check(run, "at the end");
  usleep(600'000);
  check(run, "starved");
  const CountersReading reading = run.counters();
  EXPECT_GT(reading.threads[0].starved_ns, 400 * kMilliseconds);
  EXPECT_EQ(reading.samples, 240);
  EXPECT_EQ(reading.batches, 30);
  EXPECT_GT(reading.transform_cpu_ns, 0);
  EXPECT_GT(reading.store_cpu_ns, 0);
  run.close();
  usleep(100'000);
  check(run, "closed");
}

// ---- fork

TEST(RunFork, AChildGetsAnErrorAndNeverHangs) {
  const auto source = test::arrays_source(test::random_images(20, 9, 9));
  auto run = std::make_unique<EngineRun>(source, plan_of(augmentation()), with_threads(2));
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    while (run->pending() < 4) run->submit(range(0, 20), 0);
    const int64_t begin = wall_ns();
    const int64_t delay_ns = static_cast<int64_t>(random() % 200'000);
    while (wall_ns() - begin < delay_ns) {
    }
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(10);
      int wrong = 0;
      const auto refuses = [&wrong](int bit, auto call) {
        try {
          call();
          wrong |= bit;
        } catch (const Error&) {
        }
      };
      refuses(1, [&] { run->next(kLongWait_ns); });
      refuses(2, [&] { run->submit({0}, 0); });
      run->pending();  // these answer, whatever they say
      run->counters();
      run->bad_samples();
      run->close();
      run.reset();
      _exit(wrong);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    ASSERT_EQ(WEXITSTATUS(status), 0);
    ASSERT_TRUE(next_batch(*run));
  }
}

// ---- cores

TEST(RunCores, AreDividedByRanksAndLeaveOneForTheTrainer) {
  const auto threads = [](int affinity, std::optional<double> quota, int ranks) {
    UsableCores cores;
    cores.affinity = affinity;
    cores.quota = quota;
    cores.local_world_size = ranks;
    return cores.threads();
  };
  EXPECT_EQ(threads(1, std::nullopt, 1), 1);
  EXPECT_EQ(threads(8, std::nullopt, 1), 7);
  EXPECT_EQ(threads(8, std::nullopt, 2), 3);
  EXPECT_EQ(threads(64, 3.5, 1), 2);
  EXPECT_EQ(threads(64, 0.5, 4), 1);
  EXPECT_GE(usable_cores().threads(), 1);
}

TEST(RunCores, OfARankThatIsBoundToSomeAreNotDividedAgain) {
  const auto most = [](int affinity, int host, std::optional<double> quota, int ranks) {
    UsableCores cores;
    cores.affinity = affinity;
    cores.host = host;
    cores.quota = quota;
    cores.local_world_size = ranks;
    return cores.most_threads();
  };
  EXPECT_EQ(most(16, 128, std::nullopt, 8), 16);   // each rank on cores of its own
  EXPECT_EQ(most(64, 128, std::nullopt, 8), 16);   // four ranks on each half
  EXPECT_EQ(most(128, 128, std::nullopt, 8), 16);  // nobody is bound
  EXPECT_EQ(most(4, 128, std::nullopt, 8), 4);
  EXPECT_EQ(most(16, 128, 64.0, 8), 8);  // the control group's share is less
  EXPECT_EQ(most(16, 8, std::nullopt, 2), 8);
}

TEST(RunCores, RunsThatShareThemFinishBoth) {
  const auto source = test::arrays_source(test::random_images(40, 9, 9));
  RunOptions options = with_threads(3);
  const std::vector<Bytes> alone = epoch_of(source, options, range(0, 40), 8);
  options.shares_cores = true;
  std::vector<std::vector<Bytes>> got(3);
  std::vector<std::thread> users;
  for (auto& samples : got) users.emplace_back([&] { samples = epoch_of(source, options, range(0, 40), 8); });
  for (std::thread& user : users) user.join();
  for (const auto& samples : got) EXPECT_EQ(samples, alone);
}

// ---- the fetcher

TEST(RunFetch, ReadsRangesAndRefusesWhatLiesOutside) {
  TemporaryFolder folder;
  Bytes bytes(100'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  FetchRequest request;
  request.path = folder.write("data", bytes);
  const auto fetcher = make_file_fetcher(1);
  const auto fetched = [&](uint64_t offset, std::optional<uint64_t> length) {
    request.offset_bytes = offset;
    request.length_bytes = length;
    return fetcher->fetch(request);
  };
  for (int round = 0; round < 3; ++round) {  // with memory that came back, too
    FetchResult whole = fetched(0, std::nullopt);
    ASSERT_FALSE(whole.failure);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), whole.bytes.view().begin(), whole.bytes.view().end()));
    fetcher->recycle(std::move(whole.bytes));
    FetchResult part = fetched(70'000, 123);
    EXPECT_TRUE(std::equal(bytes.begin() + 70'000, bytes.begin() + 70'123, part.bytes.view().begin(),
                           part.bytes.view().end()));
    fetcher->recycle(std::move(part.bytes));
  }
  EXPECT_EQ(fetched(100'000, std::nullopt).bytes.view().size(), 0u);
  EXPECT_EQ(fetched(100'001, std::nullopt).failure->code, SampleErrorCode::kTruncated);
  EXPECT_EQ(fetched(99'999, 2).failure->code, SampleErrorCode::kTruncated);
  EXPECT_EQ(fetched(1, ~uint64_t{0}).failure->code, SampleErrorCode::kTruncated);
}

TEST(RunFetch, StopDropsWhatHasNotBegun) {
  const Files files(1);
  for (int round = 0; round < 50; ++round) {
    const auto fetcher = make_file_fetcher(2);
    std::atomic<int> done{0};
    for (int i = 0; i < 50; ++i) {
      FetchRequest request;
      request.path = files.paths[0];
      fetcher->start(request, [&](FetchResult result) { done += !result.failure; });
    }
    fetcher->stop();
    const int at_stop = done;
    EXPECT_LE(at_stop, 50);
    fetcher->start({}, [&](FetchResult) { ++done; });
    fetcher->stop();
    EXPECT_EQ(done, at_stop);
  }
}

}  // namespace
}  // namespace stoker
