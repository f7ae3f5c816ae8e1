#include "stoker/batch/store.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "scaffold.h"
#include "stoker/transform/targets.h"

namespace stoker {
namespace {

using test::Bytes;
using test::Pixels;

constexpr int kWidths[] = {1, 2, 3, 15, 16, 17, 31, 33, 64, 65, 131, 1030};
constexpr Layout kLayouts[] = {Layout::kChw, Layout::kHwc};
constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBfloat16};

// Stores with guards around input rows and slot, and gives the slot's bytes.
Bytes stored(const Store& store, const Pixels& pixels) {
  constexpr size_t kGuardBytes = 64;
  test::Guarded in(pixels.shape);
  copy_pixels(pixels.view(), in.view());
  ImageShape shape = pixels.shape;
  shape.dtype = store.dtype;
  Bytes slot(shape.bytes() + 2 * kGuardBytes, 0x5A);
  store_image(store, in.view(), slot.data() + kGuardBytes);
  for (size_t i = 0; i < kGuardBytes; ++i) {
    EXPECT_EQ(slot[i], 0x5A) << "before the slot";
    EXPECT_EQ(slot[slot.size() - 1 - i], 0x5A) << "behind the slot";
  }
  return {slot.begin() + kGuardBytes, slot.end() - kGuardBytes};
}

template <class Check>
void for_each_case(DType in_dtype, Check check) {
  std::mt19937 random(1);
  for (const int width : kWidths) {
    for (int channels = 1; channels <= 5; ++channels) {
      const Pixels pixels =
          test::random_pixels({1 + static_cast<int>(random() % 3), width, channels, in_dtype}, random);
      for (const Layout layout : kLayouts) {
        for (int flips = 0; flips < 4; ++flips) {
          Store store;
          store.layout = layout;
          store.flip_horizontal = (flips & 1) != 0;
          store.flip_vertical = (flips & 2) != 0;
          SCOPED_TRACE(std::to_string(pixels.shape.height) + " x " + std::to_string(width) + " x " +
                       std::to_string(channels) + " " + std::string(name_of(layout)) + " flips " +
                       std::to_string(flips));
          check(store, pixels);
          if (testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(Store, MovesElementsOfEveryDtype) {
  for (const DType dtype :
       {DType::kBool, DType::kUint8, DType::kUint16, DType::kInt16, DType::kInt32, DType::kInt64,
        DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    SCOPED_TRACE(name_of(dtype));
    for_each_case(dtype, [dtype](Store store, const Pixels& pixels) {
      store.dtype = dtype;
      EXPECT_EQ(stored(store, pixels), test::stored_plainly(pixels.view(), store.flip_horizontal,
                                                            store.flip_vertical, store.layout, dtype));
    });
  }
}

TEST(Store, CastsToEveryFloat) {
  for (const DType from : {DType::kBool, DType::kUint8, DType::kUint16, DType::kInt16, DType::kInt32,
                           DType::kInt64, DType::kFloat32, DType::kFloat64}) {
    for (const DType to : kFloats) {
      SCOPED_TRACE(std::string(name_of(from)) + " to " + std::string(name_of(to)));
      for_each_case(from, [to](Store store, const Pixels& pixels) {
        store.dtype = to;
        EXPECT_EQ(stored(store, pixels), test::stored_plainly(pixels.view(), store.flip_horizontal,
                                                              store.flip_vertical, store.layout, to));
      });
    }
  }
}

// A table is right when storing through it equals looking each value up first.
void check_table(const Pixels& ramp_of_five, DType to) {
  for_each_case(DType::kUint8, [&](Store store, const Pixels& pixels) {
    const int channels = pixels.shape.channels;
    const size_t size = size_of(ramp_of_five.shape.dtype);
    Pixels ramp = test::blank({1, 256, channels, ramp_of_five.shape.dtype});
    for (size_t i = 0; i < 256; ++i) {
      std::memcpy(ramp.bytes.data() + i * channels * size, ramp_of_five.bytes.data() + i * 5 * size,
                  channels * size);
    }
    Pixels looked_up = test::blank({pixels.shape.height, pixels.shape.width, channels, ramp.shape.dtype});
    for (size_t i = 0; i < pixels.bytes.size(); ++i) {
      const size_t entry = pixels.bytes[i] * static_cast<size_t>(channels) + i % channels;
      std::memcpy(looked_up.bytes.data() + i * size, ramp.bytes.data() + entry * size, size);
    }
    ValueTable table;
    table.assign(ramp.view(), to);
    store.table = &table;
    store.dtype = to;
    const Pixels& plain = looked_up;
    EXPECT_EQ(stored(store, pixels), test::stored_plainly(plain.view(), store.flip_horizontal,
                                                          store.flip_vertical, store.layout, to));
  });
}

TEST(Store, LooksUpOnEveryTarget) {
  std::mt19937 random(2);
  const Pixels bytes = test::random_pixels({1, 256, 5, DType::kUint8}, random);
  const Pixels floats = test::random_pixels({1, 256, 5, DType::kFloat32}, random);
  for (const std::string& target : vector_targets()) {
    SCOPED_TRACE(target);
    const test::ForcedTarget forced(target);
    ASSERT_EQ(vector_target_in_use(), target);
    check_table(floats, DType::kFloat32);
    check_table(bytes, DType::kUint8);
  }
  for (const DType to : {DType::kFloat16, DType::kBfloat16}) {
    check_table(bytes, to);
    check_table(floats, to);
  }
}

// Every upper half of a float32, with lower halves around every place where rounding turns.
template <class Check>
void for_each_float(Check check) {
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const uint32_t lower : {0x0000, 0x0001, 0x0FFF, 0x1000, 0x1001, 0x1FFF, 0x2000, 0x3000, 0x7FFF,
                                 0x8000, 0x8001, 0xF000, 0xFFFF}) {
      check(std::bit_cast<float>(upper << 16 | lower));
    }
  }
}

TEST(Store, RoundsToFloat16AsDoublesSay) {
  for_each_float([](float value) {
    const uint16_t bits = to_float16(value);
    if (std::isnan(value)) {
      ASSERT_TRUE((bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0) << std::bit_cast<uint32_t>(value);
    } else {
      ASSERT_EQ(bits, test::float16_bits(value)) << value;
    }
  });
  EXPECT_EQ(to_float16(65519.996f), 0x7BFF);
  EXPECT_EQ(to_float16(65520.0f), 0x7C00);
  EXPECT_EQ(to_float16(-0.0f), 0x8000);
  EXPECT_EQ(to_float16(std::ldexp(1.0f, -25)), 0);  // half of the least subnormal: to even
  EXPECT_EQ(to_float16(std::nextafter(std::ldexp(1.0f, -25), 1.0f)), 1);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(Store, RoundsToBfloat16AsDoublesSay) {
  for_each_float([](float value) {
    const uint16_t bits = to_bfloat16(value);
    if (std::isnan(value)) {
      ASSERT_TRUE((bits & 0x7F80) == 0x7F80 && (bits & 0x7F) != 0) << std::bit_cast<uint32_t>(value);
    } else {
      ASSERT_EQ(bits, test::bfloat16_bits(value)) << value;
    }
  });
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::denorm_min()), 0);
}

}  // namespace
}  // namespace stoker
