// A crop of raw pixels reads and verifies the blocks that hold its rows, and no others.

#include <gtest/gtest.h>

#include "shards.h"

namespace stoker::test {
namespace {

constexpr int kSamples = 4;
constexpr int64_t kImageBytes = int64_t{400} * 300 * 3;

// Raw shards of four images of 400 x 300 pixels, and the same images in memory.
class RawImages {
 public:
  RawImages() : images_(arrays_source(random_images(kSamples, 400, 300))) {
    PackingOptions options;
    options.folder = folder_.path();
    options.samples_per_shard = kSamples;
    options.shards = {0};
    options.footers = {"{}"};
    Packing packing(images_,
                    std::make_shared<Plan>(std::vector<NamedOperator>{}, PlanOptions{}, PlanInput(*images_)),
                    options);
    finish(packing);
    path_ = folder_.path(packing.files()[0].name);
  }

  std::shared_ptr<const Source> memory() const { return images_; }
  std::shared_ptr<const Source> shards() const {
    return std::make_shared<ShardsSource>(std::vector<std::vector<std::string>>{{path_}}, folder_.path(), 0);
  }
  const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<Source> images_;
  std::string path_;
};

struct Loaded {
  std::vector<Bytes> samples;
  int64_t bytes_read = 0;
};

Loaded load(const std::shared_ptr<const Source>& source, const std::vector<NamedOperator>& operators,
            int threads) {
  RunOptions options;
  options.seed = 3;
  options.threads = threads;
  EngineRun run(source, std::make_shared<Plan>(operators, PlanOptions{}, PlanInput(*source)), options);
  run.submit({0, 1, 2, 3, 1}, 2);
  const Batch batch = *next_batch(run);
  Loaded loaded;
  for (size_t i = 0; i < batch.indices.size(); ++i) loaded.samples.push_back(sample_bytes(batch, i));
  loaded.bytes_read = run.counters().bytes_read;
  return loaded;
}

NamedOperator crop(double height, double p = 1) {
  return make_operator("random_crop", {{"size", list({height, 200})}, {"p", p}});
}

TEST(RunRows, ACropGivesTheSamePixelsFromFewerBytes) {
  const RawImages images;
  for (const int threads : {0, 3}) {
    const std::vector<NamedOperator> operators = {crop(100), make_operator("horizontal_flip", {})};
    const Loaded found = load(images.shards(), operators, threads);
    EXPECT_EQ(found.samples, load(images.memory(), operators, threads).samples);
    EXPECT_LT(found.bytes_read, 5 * kImageBytes * 45 / 100);
    EXPECT_GE(found.bytes_read, 5 * kImageBytes / 4);
  }
}

TEST(RunRows, ACropOfACropAndAResizeAreTheSameToo) {
  const RawImages images;
  const std::vector<std::vector<NamedOperator>> lists = {
      {make_operator("random_resized_crop", {{"size", list({64})}})},
      {crop(300), crop(20)},
      {make_operator("center_crop", {{"size", list({1, 1})}})},
  };
  for (const std::vector<NamedOperator>& operators : lists) {
    EXPECT_EQ(load(images.shards(), operators, 2).samples, load(images.memory(), operators, 2).samples);
  }
}

TEST(RunRows, WhatComesBeforeTheCropReadsAllRows) {
  const RawImages images;
  const std::vector<NamedOperator> flips = {make_operator("vertical_flip", {{"p", 1.0}}), crop(100)};
  const std::vector<NamedOperator> blurs = {make_operator("blur", {{"p", 1.0}}), crop(100)};
  for (const std::vector<NamedOperator>& operators : {flips, blurs}) {
    const Loaded found = load(images.shards(), operators, 2);
    EXPECT_EQ(found.samples, load(images.memory(), operators, 2).samples);
    EXPECT_EQ(found.bytes_read, 5 * kImageBytes);
  }
}

TEST(RunRows, DamageCountsWhereItIsRead) {
  const RawImages images;
  Bytes bytes = read_bytes(images.path());
  bytes[64 + 10] ^= 1;  // in the first row of the first image
  write_bytes(images.path(), bytes);
  const std::vector<NamedOperator> middle = {make_operator("center_crop", {{"size", list({100, 200})}})};
  EXPECT_EQ(load(images.shards(), middle, 1).samples, load(images.memory(), middle, 1).samples);
  try {
    load(images.shards(), {}, 1);
    FAIL() << "the damaged row was taken";
  } catch (const BadSamples& bad) {
    ASSERT_EQ(bad.errors().size(), 1u);
    EXPECT_NE(bad.errors()[0].found.find("block 0, "), std::string::npos) << bad.errors()[0].found;
  }
}

}  // namespace
}  // namespace stoker::test
