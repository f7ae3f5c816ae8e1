// The flow ending in shards.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "shards.h"
#include "stoker/base/clock.h"
#include "stoker/base/hash.h"
#include "stoker/pack/verify.h"

namespace stoker::test {
namespace {

constexpr int kSamples = 23;

// 23 PNGs of several sizes with masks, labels and boxes.
class Pictures {
 public:
  Pictures() {
    std::vector<std::string> images;
    std::vector<std::string> masks;
    for (int i = 0; i < kSamples; ++i) {
      const int height = 30 + i % 3;
      images.push_back(folder_.write("c/" + std::to_string(i) + ".png",
                                     encode_png(wavy(height, 40, 3, static_cast<uint32_t>(i + 1)), {})));
      PngKind gray;
      gray.color_type = 0;
      masks.push_back(folder_.write("m/" + std::to_string(i) + ".png",
                                    encode_png(noisy(height, 40, 1, 8, static_cast<uint32_t>(i + 1)), gray)));
      labels_.push_back(i * 10);
      starts_.push_back(i + 1);
      boxes_.insert(boxes_.end(), {4, 6, 32, 27});
    }
    source_ = std::make_shared<FilesSource>(images, folder_.path());
    source_->add_field({"mask", FieldKind::kMask}, masks);
    source_->add_column(
        {"label", DType::kInt64, {}, reinterpret_cast<const uint8_t*>(labels_.data()), kSamples, {}});
    source_->add_ragged_column(
        {"boxes", FieldKind::kBoxes, "pascal_voc", 4, boxes_.data(), starts_.data(), kSamples, {}});
  }

  std::shared_ptr<const Source> source() const { return source_; }
  std::string root() const { return folder_.path(); }
  std::string image(int i) const { return folder_.path("c/" + std::to_string(i) + ".png"); }

 private:
  TemporaryFolder folder_;
  std::vector<int64_t> labels_;
  std::vector<int64_t> starts_{0};
  std::vector<double> boxes_;
  std::shared_ptr<FilesSource> source_;
};

std::vector<NamedOperator> crop_and_flip() {
  return {make_operator("random_crop", {{"size", list({24, 24})}}),
          make_operator("horizontal_flip", {{"p", 0.5}})};
}

PackingOptions options_for(const Pictures& pictures, const TemporaryFolder& out) {
  PackingOptions options;
  options.folder = out.path();
  options.samples_per_shard = 6;
  options.shards = {0, 1, 2, 3};
  options.footers = {"{\"plan\":1}"};
  options.source_root = pictures.root();
  options.seed = 5;
  return options;
}

std::unique_ptr<Packing> make_packing(const Pictures& pictures, const PackingOptions& options,
                                      const std::vector<NamedOperator>& operators = {}) {
  auto plan = std::make_shared<Plan>(operators, PlanOptions{}, PlanInput(*pictures.source()));
  return std::make_unique<Packing>(pictures.source(), std::move(plan), options);
}

// Everything that a packing with these options writes.
std::map<std::string, Bytes> packed(const Pictures& pictures, PackingOptions options,
                                    const std::vector<NamedOperator>& operators = {}) {
  const TemporaryFolder out;
  options.folder = out.path();
  const auto packing = make_packing(pictures, options, operators);
  finish(*packing);
  return contents(out.path());
}

TEST(Pack, SourceFormKeepsEveryByteAndAllThatIsKnown) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.form = PackForm::kSource;
  const auto packing = make_packing(pictures, options);
  finish(*packing);
  ASSERT_EQ(packing->files().size(), 4u);
  EXPECT_EQ(packing->files()[3].records, 5);
  std::vector<std::string> paths;
  for (const PackedFile& file : packing->files()) {
    paths.push_back(out.path(file.name));
    EXPECT_EQ(file.size_bytes, std::filesystem::file_size(paths.back()));
    ShardVerification verification(paths.back());
    EXPECT_TRUE(verification.advance(1'000'000'000));
    EXPECT_TRUE(verification.findings().empty());
  }
  const ShardsSource source({paths}, out.path(), 0);
  EXPECT_EQ(source.size(), kSamples);
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  for (int i = 0; i < kSamples; ++i) {
    const FetchResult image = fetch(*fetcher, source, i);
    ASSERT_FALSE(image.failure);
    const std::span<const uint8_t> bytes = image.bytes.view();
    EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), read_bytes(pictures.image(i)));
    EXPECT_EQ(source.path(i), "c/" + std::to_string(i) + ".png");
    int64_t label = 0;
    source.columns()[0].gather({i}, reinterpret_cast<uint8_t*>(&label));
    EXPECT_EQ(label, i * 10);
    EXPECT_EQ(source.ragged_rows(0, i, 0).values[2], 32);
  }
  const SourceFile file = open_shard(paths[0]).index.sources[1];
  EXPECT_EQ(file.path, "m/0.png");
  EXPECT_EQ(file.hash, hash64(read_bytes(pictures.root() + "/m/0.png")));
}

TEST(Pack, BytesDoNotDependOnThreads) {
  const Pictures pictures;
  for (const PackForm form : {PackForm::kSource, PackForm::kRaw, PackForm::kJpeg}) {
    const TemporaryFolder out;
    PackingOptions options = options_for(pictures, out);
    options.form = form;
    const auto operators = form == PackForm::kSource ? std::vector<NamedOperator>{} : crop_and_flip();
    if (form == PackForm::kRaw) {
      options.variants = 3;
      options.footers = {"{\"v\":0}", "{\"v\":1}", "{\"v\":2}"};
    }
    const auto by_one = packed(pictures, options, operators);
    EXPECT_EQ(by_one.size(), static_cast<size_t>(4 * options.variants));
    for (const int threads : {2, 8}) {
      options.threads = threads;
      EXPECT_EQ(packed(pictures, options, operators), by_one) << threads;
    }
  }
}

// A batch of a loader over `source`, all samples in order.
Batch whole_batch(const std::shared_ptr<const Source>& source, const std::vector<NamedOperator>& operators,
                  uint32_t epoch) {
  auto plan = std::make_shared<Plan>(operators, PlanOptions{}, PlanInput(*source));
  RunOptions options;
  options.seed = 5;
  EngineRun run(source, plan, options);
  std::vector<int64_t> indices(kSamples);
  for (int i = 0; i < kSamples; ++i) indices[static_cast<size_t>(i)] = i;
  run.submit(indices, epoch);
  return *next_batch(run);
}

TEST(Pack, RawShardsGiveTheSamePixelsMasksBoxesAndLabels) {
  const Pictures pictures;
  const TemporaryFolder out;
  const PackingOptions options = options_for(pictures, out);
  const std::vector<NamedOperator> cut = {make_operator("center_crop", {{"size", list({28, 30})}})};
  const auto packing = make_packing(pictures, options, cut);
  finish(*packing);
  std::vector<std::string> paths;
  for (const PackedFile& file : packing->files()) paths.push_back(out.path(file.name));
  const auto shards =
      std::make_shared<ShardsSource>(std::vector<std::vector<std::string>>{paths}, out.path(), 1);
  EXPECT_EQ(shards->image_shape(), (ImageShape{28, 30, 3, DType::kUint8}));

  std::vector<NamedOperator> all = cut;
  for (const NamedOperator& each : crop_and_flip()) all.push_back(each);
  for (const uint32_t epoch : {0u, 3u}) {
    const Batch expected = whole_batch(pictures.source(), all, epoch);
    const Batch found = whole_batch(shards, crop_and_flip(), epoch);
    ASSERT_EQ(found.fields.size(), 2u);
    for (size_t field = 0; field < 2; ++field) {
      const ImageShape& shape = expected.fields[field].shape;
      ASSERT_EQ(found.fields[field].shape, shape);
      EXPECT_EQ(std::memcmp(found.fields[field].data.get(), expected.fields[field].data.get(),
                            shape.bytes() * kSamples),
                0);
    }
    EXPECT_EQ(found.ragged[0].values, expected.ragged[0].values);
    EXPECT_EQ(found.ragged[0].rows, expected.ragged[0].rows);
    EXPECT_EQ(std::memcmp(found.columns[0].data.get(), expected.columns[0].data.get(), 8 * kSamples), 0);
  }
}

TEST(Pack, VariantsAreFrozenDrawsThatEpochsCycleThrough) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.variants = 2;
  options.footers = {"{\"v\":0}", "{\"v\":1}"};
  const auto packing = make_packing(pictures, options, crop_and_flip());
  finish(*packing);
  std::vector<std::vector<std::string>> paths(2);
  for (const PackedFile& file : packing->files())
    paths[static_cast<size_t>(file.variant)].push_back(out.path(file.name));
  const ShardsSource source(paths, out.path(), 2);
  EXPECT_EQ(source.footers(), options.footers);
  const std::unique_ptr<Fetcher> fetcher = make_file_fetcher(1);
  int different = 0;
  for (int i = 0; i < kSamples; ++i) {
    std::vector<Bytes> epochs;
    for (const uint32_t epoch : {0u, 1u, 2u}) {
      const FetchResult result = fetch(*fetcher, source, i, 0, epoch);
      ASSERT_FALSE(result.failure);
      epochs.emplace_back(result.bytes.view().begin(), result.bytes.view().end());
    }
    EXPECT_EQ(epochs[0], epochs[2]);
    different += epochs[0] != epochs[1] ? 1 : 0;
  }
  EXPECT_GT(different, kSamples / 2);
}

TEST(Pack, WhatStandsIsKeptAndTheRestIsMadeWithTheSameBytes) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  const auto expected = packed(pictures, options, crop_and_flip());
  options.shards = {1};
  finish(*make_packing(pictures, options, crop_and_flip()));
  const auto made_at = std::filesystem::last_write_time(out.path("shard-00001.stoker"));
  options.shards = {0, 1, 2, 3};
  const auto packing = make_packing(pictures, options, crop_and_flip());
  finish(*packing);
  EXPECT_EQ(packing->advance(0).samples_total, kSamples - 6);
  EXPECT_TRUE(packing->files()[1].was_kept);
  EXPECT_FALSE(packing->files()[0].was_kept);
  EXPECT_EQ(std::filesystem::last_write_time(out.path("shard-00001.stoker")), made_at);
  EXPECT_EQ(contents(out.path()), expected);
}

TEST(Pack, ClosedAtAnyMomentItLeavesWholeShardsAndNothingElse) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.threads = 2;
  const auto expected = packed(pictures, options, crop_and_flip());
  for (int round = 0; round < 40; ++round) {
    const auto packing = make_packing(pictures, options, crop_and_flip());
    packing->advance(round * 200'000);
    packing->close();
    for (const auto& [name, bytes] : contents(out.path())) {
      ASSERT_TRUE(expected.contains(name)) << name;
      EXPECT_EQ(bytes, expected.at(name));
    }
  }
  finish(*make_packing(pictures, options, crop_and_flip()));
  EXPECT_EQ(contents(out.path()), expected);
}

TEST(Pack, ADamagedShardIsMadeAnew) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  finish(*make_packing(pictures, options, crop_and_flip()));
  const auto expected = contents(out.path());
  for (const size_t place : {3u, 5000u}) {  // the header, seen at once; a record, which verify finds
    Bytes bytes = expected.at("shard-00002.stoker");
    bytes[place] ^= 4;
    write_bytes(out.path("shard-00002.stoker"), bytes);
    options.replaces = place != 3;
    options.shards = place == 3 ? std::vector<int64_t>{0, 1, 2, 3} : std::vector<int64_t>{2};
    finish(*make_packing(pictures, options, crop_and_flip()));
    EXPECT_EQ(contents(out.path()), expected);
  }
}

TEST(Pack, AShardOfAnotherPlanIsNeverTouched) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  finish(*make_packing(pictures, options, crop_and_flip()));
  const auto before = contents(out.path());
  options.footers = {"{\"plan\":2}"};
  const auto packing = make_packing(pictures, options, crop_and_flip());
  EXPECT_THROW(finish(*packing), ShardError);
  EXPECT_EQ(contents(out.path()), before);
}

TEST(Pack, AShardOfAChangedSourceIsReported) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.variants = 2;
  options.footers = {"{}", "{}"};
  finish(*make_packing(pictures, options, crop_and_flip()));
  std::filesystem::remove(out.path("shard-v01-00000.stoker"));
  write_bytes(pictures.image(0), read_bytes(pictures.image(3)));
  EXPECT_THROW(finish(*make_packing(pictures, options, crop_and_flip())), ShardError);
}

TEST(Pack, TwoWritersOfOneFolderEndWithTheSameFiles) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.threads = 2;
  const auto expected = packed(pictures, options, crop_and_flip());
  for (int round = 0; round < 10; ++round) {
    for (const auto& [name, bytes] : contents(out.path())) std::filesystem::remove(out.path(name));
    const auto a = make_packing(pictures, options, crop_and_flip());
    const auto b = make_packing(pictures, options, crop_and_flip());
    std::thread other([&] { finish(*b); });
    finish(*a);
    other.join();
    EXPECT_EQ(contents(out.path()), expected);
  }
}

TEST(Pack, BadSamplesEndItOrAreLeftOutAndListed) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  options.threads = 2;
  for (const int i : {6, 7, 8, 9, 10, 11, 20}) write_bytes(pictures.image(i), {1, 2, 3});
  const auto raising = make_packing(pictures, options, crop_and_flip());
  EXPECT_THROW(finish(*raising), BadSamples);
  for (const auto& [name, bytes] : contents(out.path())) EXPECT_TRUE(name.starts_with("shard-")) << name;
  options.skips_bad = true;
  const auto packing = make_packing(pictures, options, crop_and_flip());
  finish(*packing);
  ASSERT_EQ(packing->bad_samples().size(), 7u);
  EXPECT_EQ(packing->bad_samples()[6].index, 20);
  EXPECT_EQ(packing->bad_samples()[6].path, pictures.image(20));
  std::vector<std::string> paths;
  for (const PackedFile& file : packing->files()) paths.push_back(out.path(file.name));
  const ShardsSource source({paths}, out.path(), 2);
  EXPECT_EQ(source.size(), kSamples - 7);
  EXPECT_EQ(source.original_index(6), 12);  // shard 1 is empty
  EXPECT_EQ(source.path(6), "c/12.png");
}

// Of the process, so that it is set only for a moment.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
    signal_ = signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int) = nullptr;
};

TEST(Pack, AFailedWriteLeavesFinishedShardsAndNothingElse) {
  const Pictures pictures;
  const TemporaryFolder out;
  PackingOptions options = options_for(pictures, out);
  const auto expected = packed(pictures, options);
  ASSERT_GT(expected.at("shard-00000.stoker").size(), expected.at("shard-00003.stoker").size());
  options.shards = {
      3,
  };
  finish(*make_packing(pictures, options));
  options.shards = {0, 1, 2, 3};
  for (const double share : {0.001, 0.3, 0.7, 0.999}) {
    const FileSizeLimit limit(
        static_cast<rlim_t>(share * static_cast<double>(expected.at("shard-00000.stoker").size())));
    const auto packing = make_packing(pictures, options);
    EXPECT_THROW(finish(*packing), IoError);
    EXPECT_EQ(contents(out.path()).size(), 1u);
  }
  finish(*make_packing(pictures, options));
  EXPECT_EQ(contents(out.path()), expected);
}

TEST(Pack, TheEstimateIsNotBelowWhatIsWritten) {
  const Pictures pictures;
  const TemporaryFolder out;
  const auto packing = make_packing(pictures, options_for(pictures, out));
  finish(*packing);
  const PackingProgress progress = packing->advance(0);
  uint64_t total = 0;
  for (const PackedFile& file : packing->files()) total += file.size_bytes;
  EXPECT_GE(progress.bytes_estimated, total);
  EXPECT_LE(progress.bytes_estimated, total + total / 5 + 4 * 8192);
}

// More images than a disk holds, all of them the same.
class EndlessShelf : public ArraysSource {
 public:
  explicit EndlessShelf(const Pixels& image)
      : ArraysSource(image.bytes.data(), kCount, image.shape, nullptr) {}
  FetchRequest request(int64_t, size_t field, uint32_t epoch) const override {
    return ArraysSource::request(0, field, epoch);
  }
  static constexpr int64_t kCount = int64_t{1} << 40;
};

TEST(Pack, ADiskThatIsTooSmallIsRefusedBeforeAnythingIsWritten) {
  const TemporaryFolder out;
  const Pixels image = wavy(64, 64, 3);
  const auto source = std::make_shared<EndlessShelf>(image);
  PackingOptions options;
  options.folder = out.path();
  options.samples_per_shard = EndlessShelf::kCount;
  options.shards = {0};
  options.footers = {"{}"};
  auto plan = std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(*source));
  Packing packing(source, plan, options);
  try {
    packing.advance(10'000'000'000);  // it ends far sooner, and would not end by itself
    FAIL();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("bytes are needed"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(contents(out.path()).empty());

  // Closed while it writes, it ends at once and leaves nothing.
  options.checks_space = false;
  options.threads = 2;
  Packing going(source, plan, options);
  EXPECT_FALSE(going.advance(300'000'000).is_finished);
  const int64_t begin = wall_ns();
  going.close();
  EXPECT_LT(wall_ns() - begin, 2'000'000'000);
  EXPECT_TRUE(contents(out.path()).empty());
  EXPECT_THROW(going.advance(0), ArgumentError);
}

TEST(Pack, ArraysOfOneShapeBecomeNpyFiles) {
  const TemporaryFolder out;
  auto source = arrays_source(random_images(5, 6, 7));
  auto plan = std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(*source));
  PackingOptions options;
  options.folder = out.path();
  options.form = PackForm::kNpy;
  options.threads = 2;
  Packing packing(source, plan, options);
  finish(packing);
  const auto files = contents(out.path());
  ASSERT_EQ(files.size(), 2u);
  const Bytes& images = files.at("images.npy");
  ASSERT_EQ(images.size(), 256u + 5 * 6 * 7 * 3);
  const std::string header(images.begin(), images.begin() + 256);
  EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\1\0", 8));
  EXPECT_NE(header.find("{'descr': '|u1', 'fortran_order': False, 'shape': (5, 3, 6, 7), }"),
            std::string::npos);
  EXPECT_EQ(header.back(), '\n');
  const Bytes& labels = files.at("labels.npy");
  EXPECT_EQ(labels.size(), 256u + 5 * 8);
  EXPECT_EQ(labels[256 + 8], 10);
}

TEST(Pack, NpyOfSeveralShapesNamesTheFirstThatDiffers) {
  const TemporaryFolder folder;
  const TemporaryFolder out;
  std::vector<std::string> paths;
  for (int i = 0; i < 4; ++i)
    paths.push_back(folder.write(std::to_string(i) + ".png", encode_png(wavy(i == 2 ? 9 : 8, 8, 3), {})));
  const auto source = std::make_shared<FilesSource>(paths, folder.path());
  auto plan = std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(*source));
  PackingOptions options;
  options.folder = out.path();
  options.form = PackForm::kNpy;
  options.skips_bad = true;
  Packing packing(source, plan, options);
  try {
    finish(packing);
    FAIL();
  } catch (const BadSamples& bad) {
    ASSERT_EQ(bad.errors().size(), 1u);
    EXPECT_EQ(bad.errors()[0].index, 2);
    EXPECT_NE(bad.errors()[0].found.find("9 x 8 x 3"), std::string::npos);
    EXPECT_NE(bad.errors()[0].hint.find("resize"), std::string::npos);
  }
  EXPECT_TRUE(contents(out.path()).empty());
}

TEST(Pack, WhatCannotBeIsRefusedAtOnce) {
  const Pictures pictures;
  const TemporaryFolder out;
  const auto refused = [&](auto change, const std::vector<NamedOperator>& operators = {}) {
    PackingOptions options = options_for(pictures, out);
    change(options);
    EXPECT_THROW(make_packing(pictures, options, operators), ArgumentError);
  };
  refused([](PackingOptions& o) { o.threads = 0; });
  refused([](PackingOptions& o) { o.variants = 257; });
  refused([](PackingOptions& o) { o.samples_per_shard = 0; });
  refused([](PackingOptions& o) { o.shards = {4}; });
  refused([](PackingOptions& o) { o.shards = {-1}; });
  refused([](PackingOptions& o) { o.shards = {1, 1}; });
  refused([](PackingOptions& o) { o.footers = {}; });
  refused([](PackingOptions& o) { o.footers = {"\xFF"}; });
  refused([](PackingOptions& o) { o.folder = ""; });
  refused([](PackingOptions& o) { o.form = PackForm::kSource; }, crop_and_flip());
  refused([](PackingOptions& o) { o.form = PackForm::kNpy; });  // boxes
  refused([](PackingOptions& o) {
    o.form = PackForm::kJpeg;
    o.jpeg.quality = 0;
  });
}

}  // namespace
}  // namespace stoker::test
