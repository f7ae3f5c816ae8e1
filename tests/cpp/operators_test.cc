// One test for every operator: what it does fast equals what it says plainly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scaffold.h"
#include "stoker/transform/operator.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

using test::list;
using test::Parameters;
using test::Pixels;

// Each way to interpolate that a resampler has.
std::vector<Parameters> with_resamplers(const Parameters& parameters) {
  std::vector<Parameters> all;
  const std::vector<std::pair<std::string, std::vector<std::string>>> kinds = {
      {"pillow", {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}},
      {"opencv", {"nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area"}}};
  for (const auto& [resampler, interpolations] : kinds) {
    for (const std::string& interpolation : interpolations) {
      Parameters each = parameters;
      each["resampler"] = resampler;
      each["interpolation"] = interpolation;
      all.push_back(std::move(each));
    }
  }
  return all;
}

void append(std::vector<Parameters>& all, const std::vector<Parameters>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// Parameters worth trying: of the first operators here, of others their own examples.
std::vector<Parameters> parameters_for(const std::string& name) {
  std::vector<Parameters> all;
  if (name == "resize") {
    append(all, with_resamplers({{"size", list({13, 21})}}));
    append(all, {{{"size", list({9})}}, {{"size", list({9})}, {"max_size", 11.0}, {"p", 0.5}}});
  } else if (name == "random_resized_crop") {
    append(all, with_resamplers({{"size", list({14, 9})}}));
    append(all, {{{"size", list({8})}, {"scale", list({0.01, 0.1})}, {"p", 0.5}}});
  } else if (name == "center_crop") {
    append(all, {{{"size", list({7, 12})}},
                 {{"size", list({4})}, {"rounding", std::string("down")}, {"p", 0.5}},
                 {{"size", list({6})}, {"small", std::string("error")}}});
  } else if (name == "random_crop") {
    append(all, {{{"size", list({7, 5})}},
                 {{"size", list({16})}, {"padding", list({3, 2, 1, 4})}, {"pad_if_needed", true}},
                 {{"size", list({9})}, {"padding", list({5})}, {"fill", list({9, 8, 7, 6})}, {"p", 0.5}}});
  } else if (name == "normalize") {
    append(all, {{{"mean", list({0.5})}, {"std", list({0.25})}},
                 {{"mean", list({0.485, 0.456, 0.406})}, {"std", list({0.229, 0.224, 0.225})}},
                 {{"mean", list({0})}, {"std", list({1})}, {"max_value", 1.0}}});
  } else if (name == "to_float") {
    for (const char* arithmetic : {"divide", "multiply", "cast"})
      all.push_back({{"arithmetic", std::string(arithmetic)}});
  } else if (name.ends_with("_flip")) {
    append(all, {{}, {{"p", 0.0}}, {{"p", 1.0}}});
  } else {
    for (const OperatorInfo& each : operators()) {
      if (each.name == name) append(all, each.make()->examples());
    }
  }
  return all;
}

// True where the operator takes images of this shape at all.
bool can_take(const Operator& op, const ImageShape& shape) {
  try {
    op.plan({shape.height, shape.width, shape.channels, shape.dtype});
    return true;
  } catch (const ArgumentError&) {
    return false;
  }
}

// Draws from a sample key made of `number`, applies both ways, compares. False when it cannot be drawn.
bool agree(const NamedOperator& named, const Pixels& pixels, uint64_t number) {
  const Operator& op = *named.op;
  Rng rng({5, 0, number, 0, 0}, 1);
  Draw draw;
  if (op.draw(rng, pixels.shape, &draw)) return false;
  test::Guarded in(pixels.shape);
  copy_pixels(pixels.view(), in.view());
  const ConstImage source = in.view();
  if (op.operator_class() == OperatorClass::kReducedTable) op.observe(source, nullptr, &draw);
  const ImageShape shape = op.shape_after(draw, pixels.shape);
  test::Guarded fast(shape);
  ResizeScratch scratch;
  op.apply(draw, source, fast.view(), scratch);
  Pixels plain = test::blank(shape);
  op.reference(draw, source, plain.view());
  Pixels got = test::blank(shape);
  copy_pixels(fast.view(), got.view());
  EXPECT_TRUE(fast.is_intact()) << "wrote outside";
  EXPECT_TRUE(in.is_intact());
  EXPECT_EQ(got.bytes, plain.bytes);
  return true;
}

class EveryOperator : public testing::TestWithParam<std::string> {};

TEST_P(EveryOperator, EqualsItsReferenceOnEveryTarget) {
  const std::string name = GetParam();
  std::mt19937 random(3);
  int compared = 0;
  for (const std::string& target : vector_targets()) {
    const test::ForcedTarget forced(target);
    for (const Parameters& parameters : parameters_for(name)) {
      const NamedOperator named = make_operator(name, parameters);
      for (const auto& [height, width] : {std::pair(1, 1), {1, 9}, {13, 2}, {17, 31}, {40, 33}}) {
        for (int channels = 1; channels <= 5; ++channels) {
          for (const DType dtype : {DType::kUint8, DType::kFloat32, DType::kUint16, DType::kInt16}) {
            const ImageShape shape{height, width, channels, dtype};
            if (!can_take(*named.op, shape)) continue;
            const Pixels pixels = test::random_pixels(shape, random);
            for (uint64_t draw = 0; draw < 3; ++draw) {
              SCOPED_TRACE(describe(named) + " of " + std::to_string(height) + " x " + std::to_string(width) +
                           " x " + std::to_string(channels) + " " + std::string(name_of(dtype)) + " on " +
                           target + ", draw " + std::to_string(draw));
              compared += agree(named, pixels, draw);
              if (HasFailure()) return;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(compared, 100);
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const OperatorInfo& info : operators()) names.push_back(info.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Operators, EveryOperator, testing::ValuesIn(all_names()),
                         [](const auto& info) { return info.param; });

TEST(Operators, AreThereAndSorted) {
  const std::vector<std::string> names = all_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const char* name : {"brightness_contrast", "normalize", "resize", "vertical_flip"})
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
}

TEST(Operators, DescribeThemselves) {
  for (const OperatorInfo& info : operators()) {
    SCOPED_TRACE(info.name);
    EXPECT_TRUE(info.summary.ends_with("."));
    EXPECT_TRUE(info.details.ends_with("."));
    for (const ParameterInfo& parameter : info.parameters) {
      EXPECT_TRUE(parameter.doc.ends_with(".")) << parameter.name;
      if (parameter.kind == "choice") {
        EXPECT_NE(std::find(parameter.choices.begin(), parameter.choices.end(),
                            std::get<std::string>(parameter.default_value)),
                  parameter.choices.end())
            << parameter.name;
      }
    }
    const auto op = make_operator(info.name, parameters_for(info.name).front());
    EXPECT_LE(op.op->draw_names().size(), Draw::kMaxValues);
    EXPECT_EQ(op.parameters.size(), info.parameters.size());
  }
}

// Geometry serves apply and reference alike, so what it means is told here.
TEST(Operators, FlipsTurnTheirOwnWay) {
  Pixels pixels = test::blank({2, 3, 1, DType::kUint8});
  pixels.bytes = {1, 2, 3, 4, 5, 6};
  const auto flipped = [&](const std::string& name) {
    return test::one_by_one({make_operator(name, {{"p", 1.0}})}, pixels, {})->bytes;
  };
  EXPECT_EQ(flipped("horizontal_flip"), (test::Bytes{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(flipped("vertical_flip"), (test::Bytes{4, 5, 6, 1, 2, 3}));
}

TEST(Operators, DrawsDependOnTheKeyAlone) {
  const NamedOperator crop = make_operator("random_resized_crop", {{"size", list({8})}});
  const ImageShape shape{40, 50, 3, DType::kUint8};
  const auto values = [&](const SampleKey& key, uint16_t path) {
    Rng rng(key, path);
    Draw draw;
    EXPECT_FALSE(crop.op->draw(rng, shape, &draw));
    return draw.values;
  };
  EXPECT_EQ(values({1, 2, 3, 0, 0}, 0), values({1, 2, 3, 0, 0}, 0));
  EXPECT_NE(values({1, 2, 3, 0, 0}, 0), values({1, 2, 3, 1, 0}, 0));
  EXPECT_NE(values({1, 2, 3, 0, 0}, 0), values({1, 2, 3, 0, 0}, 1));
}

template <class Kind>
std::string message_of(const std::string& name, const Parameters& parameters) {
  try {
    make_operator(name, parameters);
  } catch (const Kind& error) {
    return error.what();
  } catch (const Error& error) {
    return std::string("another kind: ") + error.what();
  }
  return "no error";
}

TEST(Operators, RefuseWhatIsWrongByName) {
  const auto says = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says(message_of<ArgumentError>("smear", {}), "operator: there is none named 'smear'; there are ");
  says(message_of<ArgumentTypeError>("resize", {}), "resize: size is required");
  says(message_of<ArgumentTypeError>("resize", {{"size", list({4})}, {"side", 1.0}}),
       "resize: there is no parameter 'side'; it has area_for_downscale, interpolation");
  says(message_of<ArgumentError>("resize", {{"size", list({0})}}),
       "resize: size must be between 1 and 16384 pixels, got 0");
  says(message_of<ArgumentError>("resize", {{"size", list({1, 2, 3})}}), "must be 1 to 2 numbers, got 3");
  says(message_of<ArgumentError>("resize", {{"size", 4.5}}), "whole pixels, got 4.5");
  says(message_of<ArgumentTypeError>("resize", {{"size", std::string("big")}}),
       "must be a number, got 'big'");
  says(message_of<ArgumentError>("resize", {{"size", 4.0}, {"resampler", std::string("cubic")}}),
       "must be one of 'pillow', 'opencv', 'torch', 'torch_rounded', got 'cubic'");
  says(message_of<ArgumentError>("resize", {{"size", 4.0}, {"interpolation", std::string("area")}}),
       "'area' does not exist with resampler 'pillow'");
  says(message_of<ArgumentTypeError>("horizontal_flip", {{"p", true}}), "must be a number, got True");
  says(message_of<ArgumentError>("horizontal_flip", {{"p", 1.5}}), "between 0 and 1, got 1.5");
  says(message_of<ArgumentError>("horizontal_flip", {{"p", std::nan("")}}), "got nan");
  says(message_of<ArgumentTypeError>("random_crop", {{"size", 4.0}, {"pad_if_needed", 1.0}}),
       "must be True or False, got 1");
  says(message_of<ArgumentError>("random_crop", {{"size", 4.0}, {"padding", list({1, 2, 3})}}),
       "1, 2 or 4 numbers");
  says(message_of<ArgumentError>("normalize", {{"mean", list({1, 2})}, {"std", list({1, 2, 3})}}),
       "mean has 2 channels and std 3");
  says(message_of<ArgumentError>("random_resized_crop", {{"size", 4.0}, {"scale", list({0.5, 0.1})}}),
       "scale must be (least, greatest)");
  says(message_of<ArgumentError>("brightness_contrast", {{"contrast", list({0.5, 0.1})}}),
       "contrast must be");
  says(message_of<ArgumentError>("color_jitter", {{"contrast", list({2, 1})}}), "a range must be");
  says(message_of<ArgumentError>("resize", {{"size", list({4, 4})}, {"max_size", 9.0}}), "needs size as one");
}

TEST(Operators, TakeWholeNumbersAndSingleOnes) {
  const NamedOperator named = make_operator("resize", {{"size", int64_t{4}}});
  EXPECT_EQ(std::get<std::vector<double>>(named.parameters.at("size")), list({4}));
  EXPECT_EQ(describe(make_operator("horizontal_flip", {})), "horizontal_flip(p=0.5)");
}

}  // namespace
}  // namespace stoker
