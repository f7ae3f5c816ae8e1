// Mirrored rows and rows through tables, against plain loops, on each instruction set of this machine. The
// two kernels are compiled for more sets than the others, so vector_targets() does not name them all.
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "stoker/base/flip_rows.h"
#include "stoker/base/look_up_row.h"

namespace stoker {
namespace {

constexpr size_t kMaxWidth = 150;  // more than two of the longest vectors of single bytes
constexpr size_t kGuardBytes = 8;  // behind the result
constexpr uint8_t kGuardValue = 7;

std::vector<int64_t> targets() {
  std::vector<int64_t> found;
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) found.push_back(left & -left);
  return found;
}

class RowKernels : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  std::vector<uint8_t> noise(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }

 private:
  std::mt19937 random_{1};
};

TEST_P(RowKernels, FlipRowsOfAnyPixelAndWidth) {
  constexpr size_t kHeight = 3;
  for (const size_t pixel : {1, 2, 3, 4, 5, 6, 8, 12}) {
    for (size_t width = 1; width < kMaxWidth; ++width) {
      const std::vector<uint8_t> in = noise(width * pixel * kHeight);
      std::vector<uint8_t> out(in.size() + kGuardBytes, kGuardValue);
      std::vector<uint8_t> expected = out;
      for (size_t y = 0; y < kHeight; ++y) {
        for (size_t x = 0; x < width; ++x)
          std::copy_n(&in[(y * width + x) * pixel], pixel, &expected[(y * width + width - 1 - x) * pixel]);
      }
      const auto row_bytes = static_cast<ptrdiff_t>(width * pixel);
      flip_rows({in.data(), row_bytes, out.data(), row_bytes, width, kHeight}, pixel);
      ASSERT_EQ(out, expected) << width << " pixels of " << pixel << " bytes";
    }
  }
}

TEST_P(RowKernels, LookUpRowsInAnyTables) {
  std::vector<uint8_t> inversion(256 * 4);
  for (size_t i = 0; i < inversion.size(); ++i) inversion[i] = static_cast<uint8_t>(255 - i % 256);
  std::vector<uint8_t> nearly_inversion = inversion;
  nearly_inversion[255] = 1;
  for (const std::vector<uint8_t>& tables : {noise(256 * 4), inversion, nearly_inversion}) {
    for (const size_t channels : {1, 3, 4}) {
      for (const size_t table_count : {size_t{1}, channels}) {
        for (size_t count = 1; count < kMaxWidth; ++count) {
          const std::vector<uint8_t> in = noise(count * channels);
          std::vector<uint8_t> expected(in.size() + kGuardBytes, kGuardValue);
          for (size_t i = 0; i < in.size(); ++i)
            expected[i] = tables[(table_count == 1 ? 0 : 256 * (i % channels)) + in[i]];
          std::vector<uint8_t> out(expected.size(), kGuardValue);
          std::vector<uint8_t> in_place = out;
          std::copy(in.begin(), in.end(), in_place.begin());
          const auto channel_count = static_cast<int>(channels);
          look_up_row(in.data(), count, channel_count, tables.data(), table_count, out.data());
          look_up_row(in_place.data(), count, channel_count, tables.data(), table_count, in_place.data());
          const std::string what = std::to_string(count) + " pixels of " + std::to_string(channels) +
                                   " channels, " + std::to_string(table_count) + " tables";
          ASSERT_EQ(out, expected) << what;
          ASSERT_EQ(in_place, expected) << what << ", in place";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Row, RowKernels, testing::ValuesIn(targets()),
                         [](const testing::TestParamInfo<int64_t>& info) {
                           std::string name = hwy::TargetName(info.param);
                           std::erase_if(name,
                                         [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
                           return name;
                         });

}  // namespace
}  // namespace stoker
