// Masks, further images, boxes and keypoints go where the image goes; groups choose for all of them at once.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "scaffold.h"
#include "stoker/run/pipeline.h"

namespace stoker {
namespace {

using test::list;
using test::Parameters;
using test::Pixels;

NamedOperator made(const std::string& name, const Parameters& parameters = {}) {
  return make_operator(name, parameters);
}

// Images whose red channel is their mask, so that a mask that went its own way shows.
std::shared_ptr<ArraysSource> marked_source(int count) {
  const std::vector<Pixels> images = test::random_images(count, 20, 30);
  auto pixels = std::make_shared<std::vector<uint8_t>>();
  auto masks = std::make_shared<std::vector<uint8_t>>();
  for (const Pixels& image : images) {
    pixels->insert(pixels->end(), image.bytes.begin(), image.bytes.end());
    for (size_t i = 0; i < image.bytes.size(); i += 3) masks->push_back(image.bytes[i]);
  }
  auto source =
      std::make_shared<ArraysSource>(pixels->data(), count, ImageShape{20, 30, 3, DType::kUint8}, pixels);
  source->add_field({"mask", FieldKind::kMask}, masks->data(), {20, 30, 1, DType::kUint8}, masks);
  return source;
}

Batch first_batch(const std::shared_ptr<Source>& source, std::vector<NamedOperator> operators, int count,
                  uint32_t epoch = 0) {
  PlanOptions plan_options;
  plan_options.layout = Layout::kHwc;
  auto plan = std::make_shared<Plan>(std::move(operators), plan_options, PlanInput(*source));
  RunOptions options;
  options.threads = 2;
  Run run(source, plan, options);
  std::vector<int64_t> indices;
  for (int i = 0; i < count; ++i) indices.push_back(i);
  run.submit(indices, epoch);
  return *test::next_batch(run);
}

TEST(Fields, AMaskGoesWithItsImage) {
  const auto source = marked_source(12);
  const std::vector<NamedOperator> operators = {made("random_crop", {{"size", list({16, 18})}}),
                                                made("horizontal_flip"),
                                                made("resize", {{"size", list({9, 11})},
                                                                {"resampler", std::string("opencv")},
                                                                {"interpolation", std::string("nearest")}}),
                                                made("vertical_flip")};
  const Batch batch = first_batch(source, operators, 12);
  ASSERT_EQ(batch.fields.size(), 2u);
  EXPECT_EQ(batch.fields[1].shape, (ImageShape{9, 11, 1, DType::kUint8}));
  const uint8_t* image = batch.fields[0].data.get();
  const uint8_t* mask = batch.fields[1].data.get();
  for (size_t i = 0; i < 12u * 9 * 11; ++i) ASSERT_EQ(mask[i], image[3 * i]) << i;
}

TEST(Fields, ColoursDoNotTouchAMask) {
  const auto source = marked_source(4);
  const Batch batch =
      first_batch(source, {made("brightness_contrast", {{"brightness", list({0.5, 0.5})}, {"p", 1.0}})}, 4);
  for (int64_t i = 0; i < 4; ++i) {
    const FetchRequest before = source->request(i, 1, 0);
    EXPECT_EQ(0, std::memcmp(batch.fields[1].data.get() + i * 600, before.memory.data(), 600));
  }
  const FetchRequest image = source->request(0, 0, 0);
  EXPECT_NE(0, std::memcmp(batch.fields[0].data.get(), image.memory.data(), 1800));
}

TEST(Fields, BoxesAndKeypointsMoveByTheDraw) {
  const auto source = marked_source(3);
  static const double kBoxes[] = {0.1, 0.2, 0.5, 0.6, 0, 0, 1, 1};
  static const int64_t kStarts[] = {0, 2, 2, 2};
  static const double kPoints[] = {8, 6, 0, 1};
  static const int64_t kPointStarts[] = {0, 1, 1, 1};
  source->add_ragged_column({"boxes", FieldKind::kBoxes, "", 4, kBoxes, kStarts, 3, nullptr});
  source->add_ragged_column({"keypoints", FieldKind::kKeypoints, "", 4, kPoints, kPointStarts, 3, nullptr});
  const Batch batch =
      first_batch(source,
                  {made("horizontal_flip", {{"p", 1.0}}), made("center_crop", {{"size", list({10, 20})}}),
                   made("resize", {{"size", list({20, 10})}})},
                  3);
  ASSERT_EQ(batch.ragged.size(), 2u);
  EXPECT_EQ(batch.ragged[0].starts, (std::vector<int64_t>{0, 2, 2, 2}));
  EXPECT_EQ(batch.ragged[0].rows, (std::vector<int64_t>{0, 1}));
  // 0.5..0.9 of 30 pixels is 15..27, 10..22 in a window from 5 on of 20 pixels.
  EXPECT_NEAR(batch.ragged[0].values[0], 10 / 20.0, 1e-6);
  EXPECT_NEAR(batch.ragged[0].values[1], 0, 1e-6);  // -0.1, clipped
  EXPECT_NEAR(batch.ragged[0].values[2], 1, 1e-6);
  // x = 29 - 8 = 21, less 5 is 16, halved; y = 6 - 5 = 1, doubled.
  ASSERT_EQ(batch.ragged[1].rows.size(), 1u);
  EXPECT_NEAR(batch.ragged[1].values[0], 8, 1e-6);
  EXPECT_NEAR(batch.ragged[1].values[1], 2, 1e-6);
}

TEST(Fields, AMaskOfAnotherSizeIsABadSample) {
  const test::TemporaryFolder folder;
  const Pixels image = test::noisy(9, 9, 3, 8, 1);
  const Pixels mask = test::noisy(9, 8, 1, 8, 1);
  auto source =
      std::make_shared<FilesSource>(std::vector{folder.write("a.png", test::encode_png(image, {}))}, "");
  source->add_field({"mask", FieldKind::kMask},
                    {folder.write("m.png", test::encode_png(mask, {.color_type = 0}))});
  try {
    first_batch(source, {}, 1);
    FAIL();
  } catch (const BadSamples& bad) {
    EXPECT_NE(std::string(bad.what()).find("mask"), std::string::npos) << bad.what();
    EXPECT_NE(std::string(bad.what()).find("9 x 8"), std::string::npos) << bad.what();
  }
}

TEST(Fields, NamesAreUnique) {
  const auto source = marked_source(2);
  static const uint8_t kPixels[1200] = {};
  EXPECT_THROW(source->add_field({"mask", FieldKind::kMask}, kPixels, {20, 30, 1, DType::kUint8}, nullptr),
               ArgumentError);
  EXPECT_THROW(source->add_field({"other", FieldKind::kMask}, kPixels, {20, 29, 1, DType::kUint8}, nullptr),
               ArgumentError);
}

// ---- groups ----

// How often each set of operators, by number, is taken.
std::map<std::vector<int>, int> taken_of(const Plan& plan, int samples) {
  std::map<std::vector<int>, int> counts;
  std::vector<Plan::Taken> taken;
  for (int i = 0; i < samples; ++i) {
    plan.choose({7, 0, static_cast<uint64_t>(i), 0, 0}, &taken);
    std::vector<int> numbers;
    for (const Plan::Taken& each : taken) numbers.push_back(each.number);
    ++counts[numbers];
  }
  return counts;
}

std::vector<NamedOperator> three() {
  return {made("horizontal_flip"), made("vertical_flip"), made("brightness_contrast")};
}

TEST(Groups, TakeAsLikelyAsTheySay) {
  Group one;
  one.takes_all = false;
  one.p = 0.5;
  one.weights = {1, 3, 0};
  const Plan plan({make_group("one_of", one, three())}, {}, std::nullopt);
  const auto counts = taken_of(plan, 8000);
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_NEAR(counts.at({}), 4000, 250);
  EXPECT_NEAR(counts.at({0}), 1000, 150);
  EXPECT_NEAR(counts.at({1}), 3000, 250);
}

TEST(Groups, TakeSomeInOrderOrNot) {
  Group some;
  some.takes_all = false;
  some.least = some.most = 2;
  const Plan sorted({make_group("some_of", some, three())}, {}, std::nullopt);
  EXPECT_EQ(taken_of(sorted, 2000).size(), 3u);
  some.keeps_order = false;
  const Plan unsorted({make_group("some_of", some, three())}, {}, std::nullopt);
  const auto counts = taken_of(unsorted, 6000);
  EXPECT_EQ(counts.size(), 6u);
  for (const auto& [numbers, count] : counts) EXPECT_NEAR(count, 1000, 150);
  some.may_repeat = true;
  const Plan repeating({make_group("some_of", some, three())}, {}, std::nullopt);
  EXPECT_EQ(taken_of(repeating, 6000).size(), 9u);
}

TEST(Groups, ARepeatedOperatorDrawsAnew) {
  Group some;
  some.takes_all = false;
  some.may_repeat = true;
  some.least = some.most = 2;
  const Plan plan({make_group("some_of", some, {made("horizontal_flip")})}, {}, std::nullopt);
  std::vector<Plan::Taken> taken;
  plan.choose({7, 0, 1, 0, 0}, &taken);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].number, taken[1].number);
  EXPECT_NE(taken[0].path, taken[1].path);
}

TEST(Groups, PathsAreThoseOfTheWrittenTree) {
  const Plan plan({made("horizontal_flip"), make_group("sequence", {}, three()), made("vertical_flip")}, {},
                  std::nullopt);
  std::vector<Plan::Taken> taken;
  plan.choose({7, 0, 1, 0, 0}, &taken);
  std::vector<int> paths;
  for (const Plan::Taken& each : taken) paths.push_back(each.path);
  EXPECT_EQ(paths, (std::vector<int>{0, 2, 3, 4, 5}));
  PlanInput input;
  input.operators_done = 3;
  const Plan later({made("horizontal_flip")}, {}, input);
  later.choose({7, 0, 1, 0, 0}, &taken);
  EXPECT_EQ(taken[0].path, 3);
}

TEST(Groups, ShapesAreKnownWhereAllAgree) {
  const auto shape_of = [](std::vector<NamedOperator> operators, double p) {
    Group one;
    one.takes_all = false;
    one.p = p;
    return Plan({make_group("one_of", one, std::move(operators))}, {}, ImageShape{40, 40, 3, DType::kUint8})
        .shape();
  };
  const auto crop = [](double side) { return made("center_crop", {{"size", list({side})}}); };
  EXPECT_EQ(shape_of({crop(9), crop(9)}, 1).height, 9);
  EXPECT_EQ(shape_of({crop(9), crop(8)}, 1).height, 0);
  EXPECT_EQ(shape_of({crop(9), crop(9)}, 0.5).height, 0);
  EXPECT_THROW(shape_of({made("to_float"), made("horizontal_flip")}, 1), ArgumentError);
}

TEST(Groups, RefuseWhatIsWrong) {
  Group group;
  EXPECT_THROW(make_group("sequence", group, {}), ArgumentError);
  group.p = 2;
  EXPECT_THROW(make_group("sequence", group, three()), ArgumentError);
  Group some;
  some.takes_all = false;
  some.most = 4;
  EXPECT_THROW(make_group("some_of", some, three()), ArgumentError);
  some.most = 1;
  some.weights = {1, 2};
  EXPECT_THROW(make_group("one_of", some, three()), ArgumentError);
  some.weights = {0, 0, 0};
  EXPECT_THROW(make_group("one_of", some, three()), ArgumentError);
}

}  // namespace
}  // namespace stoker
