#include "stoker/run/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "scaffold.h"

namespace stoker {
namespace {

using test::EngineRun;
using test::list;
using test::Pixels;

std::vector<NamedOperator> made(const std::vector<std::pair<std::string, test::Parameters>>& written) {
  std::vector<NamedOperator> operators;
  for (const auto& [name, parameters] : written) operators.push_back(make_operator(name, parameters));
  return operators;
}

const std::pair<std::string, test::Parameters> kNormalize = {"normalize",
                                                             {{"mean", list({0.5})}, {"std", list({0.25})}}};
const std::pair<std::string, test::Parameters> kCrop = {"random_crop", {{"size", list({8})}}};
const std::pair<std::string, test::Parameters> kPaddedCrop = {"random_crop",
                                                              {{"size", list({8})}, {"padding", list({2})}}};
const std::pair<std::string, test::Parameters> kResizedCrop = {"random_resized_crop", {{"size", list({8})}}};

// "0,2|1" a segment: spatial operators, then tables; '*' marks an operator on the whole image.
std::string cut(const Plan& plan) {
  std::string text;
  for (const Segment& segment : plan.full_schedule().segments) {
    text += text.empty() ? "" : " ";
    for (const size_t i : segment.spatial) text += std::to_string(i);
    text += "|";
    for (const size_t i : segment.tables) text += std::to_string(i);
    if (segment.whole) text += "*" + std::to_string(*segment.whole);
  }
  return text;
}

Plan plan_of(const std::vector<std::pair<std::string, test::Parameters>>& written,
             const std::optional<ImageShape>& shape = std::nullopt) {
  return Plan(made(written), {}, shape);
}

TEST(Plan, FusesWhatIsExactAndSaysWhyNot) {
  const auto explains = [](const Plan& plan, const std::string& reason) {
    EXPECT_NE(plan.explain().find(reason), std::string::npos) << plan.explain();
  };
  EXPECT_EQ(cut(plan_of({})), "|");
  EXPECT_EQ(cut(plan_of({kResizedCrop, {"horizontal_flip", {}}, {"brightness_contrast", {}}, kNormalize})),
            "01|23");
  EXPECT_EQ(cut(plan_of({{"to_float", {}}, kNormalize, {"vertical_flip", {}}})), "2|01");
  EXPECT_EQ(cut(plan_of({{"brightness_contrast", {}}, kCrop})), "1|0");

  const Plan padded = plan_of({{"brightness_contrast", {}}, kPaddedCrop});
  EXPECT_EQ(cut(padded), "|0 1|");
  explains(padded, "not fused: random_crop pads with values that no table may change");
  // A crop that fits every image cannot pad; of images whose size is unknown nobody can say.
  const test::Parameters size = {{"size", list({8})}};
  EXPECT_EQ(cut(plan_of({kNormalize, {"center_crop", size}}, ImageShape{9, 9, 3, DType::kUint8})), "1|0");
  EXPECT_EQ(cut(plan_of({kNormalize, {"center_crop", size}}, ImageShape{9, 7, 3, DType::kUint8})), "|0 1|");
  EXPECT_EQ(cut(plan_of({kNormalize, {"center_crop", size}})), "|0 1|");

  const Plan resampled = plan_of({{"brightness_contrast", {}}, {"resize", {{"size", list({8, 8})}}}});
  EXPECT_EQ(cut(resampled), "|0 1|");
  explains(resampled, "not fused: resize interpolates values that come after a table");

  const Plan reduced = plan_of({{"color_jitter", {}}, {"horizontal_flip", {}}, kCrop});
  EXPECT_EQ(cut(reduced), "1|0 2|");
  explains(reduced, "not fused: random_crop would change what a reduction sees");
  EXPECT_TRUE(reduced.full_schedule().segments.front().has_reduction);
}

TEST(Plan, KnowsWhichTablesAreConstant) {
  EXPECT_TRUE(plan_of({kResizedCrop, {"to_float", {}}, kNormalize}).full_schedule().constant_table);
  EXPECT_FALSE(plan_of({{"brightness_contrast", {}}, kNormalize}).full_schedule().constant_table);
  EXPECT_FALSE(plan_of({{"color_jitter", {}}, kNormalize}).full_schedule().constant_table);
}

TEST(Plan, AConstantTableHasTheValuesOfItsDraw) {
  const Plan plan = plan_of({{"solarize", {{"threshold", 100.0}, {"p", 1.0}}}});
  const auto& table = plan.full_schedule().constant_table;
  ASSERT_TRUE(table);
  EXPECT_EQ(table->channel(0)[99], 99);
  EXPECT_EQ(table->channel(0)[100], 155);
}

TEST(Plan, KnowsTheShape) {
  const auto shape_of = [](const Plan& plan) {
    const PlannedShape& shape = plan.shape();
    return ImageShape{shape.height, shape.width, shape.channels, shape.dtype};
  };
  EXPECT_EQ(shape_of(plan_of({kResizedCrop})), (ImageShape{8, 8, 3, DType::kUint8}));
  EXPECT_EQ(shape_of(plan_of({kNormalize})), (ImageShape{0, 0, 3, DType::kFloat32}));
  EXPECT_EQ(shape_of(plan_of({{"resize", {{"size", list({10})}}}}, ImageShape{20, 30, 1, DType::kUint8})),
            (ImageShape{10, 15, 1, DType::kUint8}));
  EXPECT_EQ(shape_of(plan_of({{"resize", {{"size", list({10})}}}})), (ImageShape{0, 0, 3, DType::kUint8}));
}

TEST(Plan, RefusesWhatCannotGoTogether) {
  PlanOptions options;
  options.dtype = DType::kUint8;
  EXPECT_THROW(Plan(made({kNormalize}), options, std::nullopt), ArgumentError);
  EXPECT_EQ(Plan(made({kCrop}), options, std::nullopt).dtype(), DType::kUint8);
  options.dtype = DType::kInt64;
  EXPECT_THROW(Plan(made({}), options, std::nullopt), ArgumentError);
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16, DType::kFloat32}) {
    options.dtype = dtype;
    EXPECT_EQ(Plan(made({}), options, std::nullopt).dtype(), dtype);
    EXPECT_EQ(Plan(made({kNormalize}), options, std::nullopt).dtype(), dtype);
    EXPECT_THROW(Plan(made({}), options,
                      ImageShape{4, 4, 1, DType::kFloat16 == dtype ? DType::kBfloat16 : DType::kFloat16}),
                 ArgumentError);
  }
  EXPECT_THROW(plan_of({kNormalize, kResizedCrop}), ArgumentError);
  EXPECT_THROW(plan_of({kNormalize, {"color_jitter", {}}}), ArgumentError);
  EXPECT_THROW(plan_of({{"to_float", {}}, {"to_float", {}}}), ArgumentError);
  EXPECT_THROW(plan_of({{"normalize", {{"mean", list({1, 2})}, {"std", list({1, 1})}}}}), ArgumentError);
  EXPECT_THROW(plan_of({{"color_jitter", {}}}, ImageShape{4, 4, 4, DType::kUint8}), ArgumentError);
}

// ---- the property of fusion: whatever is written, pixels are those of one operator after another

class Writer {
 public:
  explicit Writer(uint32_t seed) : random_(seed) {}

  int between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }
  bool coin() { return random_() % 2 == 0; }
  std::mt19937& random() { return random_; }

  NamedOperator any() {
    const double p = std::vector<double>{0.5, 1.0}[coin() ? 0 : 1];
    const std::vector<double> size = list({1.0 * between(1, 24), 1.0 * between(1, 24)});
    const auto resampler = [this](test::Parameters parameters) {
      parameters["resampler"] = std::string(coin() ? "pillow" : "opencv");
      parameters["interpolation"] = std::string(coin() ? "bilinear" : "bicubic");
      return parameters;
    };
    switch (between(0, 10)) {
      case 0:
        return make_operator("horizontal_flip", {{"p", p}});
      case 1:
        return make_operator("vertical_flip", {{"p", p}});
      case 2:
        return make_operator("center_crop", {{"size", size}, {"p", p}});
      case 3:
        return make_operator("random_crop", {{"size", list({1.0 * between(1, 9)})}, {"p", p}});
      case 4:
        return make_operator(
            "random_crop",
            {{"size", size}, {"padding", list({1.0 * between(0, 5)})}, {"pad_if_needed", true}, {"p", p}});
      case 5:
        return make_operator("resize", resampler({{"size", size}, {"p", p}}));
      case 6:
        return make_operator("random_resized_crop", resampler({{"size", size}, {"p", p}}));
      case 7:
        return make_operator("brightness_contrast", {{"p", p}});
      case 8:
        return make_operator("color_jitter", {{"p", p}, {"contrast", list({0, 2})}});
      case 9:
        return make_operator("to_float", {{"arithmetic", std::string(coin() ? "divide" : "multiply")}});
      default:
        return make_operator("normalize", {{"mean", list({0.4})}, {"std", list({0.3})}});
    }
  }

  // Up to `count` operators that can follow one another from `shape` on.
  std::vector<NamedOperator> operators(const ImageShape& shape, int count) {
    std::vector<NamedOperator> written;
    PlannedShape so_far{shape.height, shape.width, shape.channels, shape.dtype};
    for (int i = 0; i < count; ++i) {
      NamedOperator next = any();
      try {
        so_far = next.op->plan(so_far);
        written.push_back(std::move(next));
      } catch (const ArgumentError&) {
      }
    }
    ending_ = so_far.dtype;
    return written;
  }

  PlanOptions options() {
    PlanOptions options;
    options.layout = coin() ? Layout::kChw : Layout::kHwc;
    const std::vector<DType> floats = {DType::kFloat32, DType::kFloat16, DType::kBfloat16};
    if (coin()) options.dtype = floats[random_() % 3];
    return options;
  }

  DType ending() const { return ending_; }

 private:
  std::mt19937 random_;
  DType ending_ = DType::kUint8;
};

std::string text_of(const std::vector<NamedOperator>& operators) {
  std::string text;
  for (const NamedOperator& each : operators) text += describe(each) + "; ";
  return text;
}

TEST(Plan, FusedEqualsOneOperatorAfterAnother) {
  int compared = 0;
  for (uint32_t round = 0; round < 1500; ++round) {
    Writer writer(round);
    const ImageShape shape{writer.between(1, 30), writer.between(1, 30), std::vector<int>{1, 3, 4}[round % 3],
                           round % 7 == 6 ? DType::kFloat32 : DType::kUint8};
    std::vector<Pixels> images;
    for (int i = 0; i < 3; ++i) images.push_back(test::random_pixels(shape, writer.random()));
    const std::vector<NamedOperator> operators = writer.operators(shape, writer.between(0, 8));
    const PlanOptions options = writer.options();
    const DType dtype = options.dtype.value_or(writer.ending());
    SCOPED_TRACE("round " + std::to_string(round) + ": " + text_of(operators));

    // What the plan knows beforehand must not change a pixel.
    const bool knows_shape = shape.channels != 3 || shape.dtype != DType::kUint8 || writer.coin();
    const auto plan = std::make_shared<Plan>(operators, options,
                                             knows_shape ? std::optional<ImageShape>(shape) : std::nullopt);
    RunOptions run_options;
    run_options.threads = 0;
    run_options.seed = round;
    run_options.shapes = Shapes::kList;
    EngineRun run(test::arrays_source(images), plan, run_options);
    for (int64_t i = 0; i < 3; ++i) {
      const auto expected = test::one_by_one(operators, images[static_cast<size_t>(i)],
                                             {round, 4, static_cast<uint64_t>(i), 0, 0});
      run.submit({i}, 4);
      if (!expected) {
        EXPECT_THROW(test::next_batch(run), BadSamples);
        continue;
      }
      const std::optional<Batch> batch = test::next_batch(run);
      ASSERT_TRUE(batch);
      ASSERT_EQ(batch->fields[0].list.size(), 1u);
      const ListedImage& got = batch->fields[0].list.front();
      ImageShape wanted = expected->shape;
      wanted.dtype = dtype;
      ASSERT_EQ(got.shape, wanted);
      ASSERT_EQ(test::Bytes(got.data.get(), got.data.get() + got.shape.bytes()),
                test::stored_plainly(expected->view(), false, false, options.layout, dtype))
          << plan->explain();
      ++compared;
    }
  }
  EXPECT_GT(compared, 3000);
}

}  // namespace
}  // namespace stoker
