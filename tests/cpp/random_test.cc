#include "stoker/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace stoker {
namespace {

using Wide = unsigned __int128;

PhiloxBlock words(Wide counter) {
  return {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
          static_cast<uint32_t>(counter >> 64), static_cast<uint32_t>(counter >> 96)};
}

TEST(Random, PhiloxGivesThePublishedVectors) {
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, {~0u, ~0u, ~0u, ~0u}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, CounterLayoutIsFrozen) {
  const SampleKey keys[] = {{0, 0, 0, 0, 0},
                            {7, 1, 2, 3, 4},
                            {~0ull, 0xABCDEF, 0x123456789ABC, 0xFEDC, 0x5A},
                            {1, 0xFFFFFF, 0xFFFFFFFFFFFF, 0xFFFF, 0xFF}};
  for (const SampleKey& key : keys) {
    for (const uint16_t path : {0, 1, 0x8001, 0xFFFF}) {
      Rng rng(key, path);
      for (unsigned draw = 0; draw < 3; ++draw) {
        const Wide counter = Wide{draw} | Wide{path} << 16 | Wide{key.variant} << 32 |
                             Wide{key.occurrence} << 40 | Wide{key.index} << 56 | Wide{key.epoch} << 104;
        for (const uint32_t word : philox(key.seed, words(counter))) EXPECT_EQ(rng.bits32(), word);
      }
    }
  }
}

TEST(Random, DrawNumberWrapsWithoutTouchingThePath) {
  Rng rng({5, 0, 9, 0, 0}, 3);
  const uint32_t first = rng.bits32();
  for (int i = 1; i < 4 * 65536; ++i) rng.bits32();
  EXPECT_EQ(rng.bits32(), first);
}

TEST(Random, UniformStaysInItsRange) {
  Rng rng({11, 0, 0, 0, 0}, 0);
  double sum = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const double value = rng.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    const double shifted = rng.uniform(-3, -2.5);
    ASSERT_GE(shifted, -3);
    ASSERT_LT(shifted, -2.5);
  }
  EXPECT_NEAR(sum / kCount, 0.5, 0.005);
  EXPECT_EQ(rng.uniform(4, 4), 4);
  const double next = std::nextafter(1.0, 2.0);  // an interval with one number in it
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.uniform(1.0, next), 1.0);
}

TEST(Random, CoinIsCertainAtItsEnds) {
  Rng rng({12, 0, 0, 0, 0}, 0);
  int heads = 0;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_FALSE(rng.coin(0));
    ASSERT_TRUE(rng.coin(1));
    heads += rng.coin(0.25);
  }
  EXPECT_NEAR(heads, 5000, 250);
}

TEST(Random, UniformIntHasNoBias) {
  Rng rng({13, 0, 0, 0, 0}, 0);
  std::vector<int> seen(7);
  for (int i = 0; i < 70'000; ++i) {
    const int64_t value = rng.uniform_int(-3, 3);
    ASSERT_TRUE(value >= -3 && value <= 3);
    ++seen[static_cast<size_t>(value + 3)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 400);
  // Of 3 * 2^62 numbers, a method that does not reject takes each third one twice as often.
  const int64_t low = INT64_MIN;
  const auto high = static_cast<int64_t>(static_cast<uint64_t>(low) + (uint64_t{3} << 62) - 1);
  std::vector<int> thirds(3);
  for (int i = 0; i < 30'000; ++i) {
    ++thirds[(static_cast<uint64_t>(rng.uniform_int(low, high)) - static_cast<uint64_t>(low)) % 3];
  }
  for (const int count : thirds) EXPECT_NEAR(count, 10'000, 400);
  EXPECT_EQ(rng.uniform_int(5, 5), 5);
  rng.uniform_int(INT64_MIN, INT64_MAX);
}

std::vector<int64_t> all_of(const KeyedOrder& order, int64_t size) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < size; ++i) places.push_back(order.at(i));
  return places;
}

void expect_bijection(int64_t size) {
  std::vector<int64_t> places = all_of(KeyedOrder(3, 1, size), size);
  std::sort(places.begin(), places.end());
  for (int64_t i = 0; i < size; ++i) ASSERT_EQ(places[static_cast<size_t>(i)], i) << "of size " << size;
}

TEST(Random, KeyedOrderIsABijectionOfEverySize) {
  for (int64_t size = 1; size <= 2000; ++size) expect_bijection(size);
  for (const int64_t size : {65'535, 65'536, 65'537, 100'000, 262'144, 262'145}) expect_bijection(size);
}

TEST(Random, KeyedOrderMakesEveryPermutationOfFewAlike) {
  std::map<std::vector<int64_t>, int> seen;
  for (uint64_t seed = 0; seed < 12'000; ++seed) ++seen[all_of(KeyedOrder(seed, 0, 4), 4)];
  EXPECT_EQ(seen.size(), 24u);
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, 500, 120);
}

TEST(Random, KeyedOrderChangesWithSeedAndEpoch) {
  const std::vector<int64_t> one = all_of(KeyedOrder(1, 0, 1000), 1000);
  EXPECT_EQ(all_of(KeyedOrder(1, 0, 1000), 1000), one);
  for (const KeyedOrder& other : {KeyedOrder(2, 0, 1000), KeyedOrder(1, 1, 1000),
                                  KeyedOrder(1ull << 40, 0, 1000), KeyedOrder(1, 0xFFFFFF, 1000)}) {
    const std::vector<int64_t> places = all_of(other, 1000);
    int same = 0;
    for (size_t i = 0; i < 1000; ++i) same += places[i] == one[i];
    EXPECT_LT(same, 10);  // of a random permutation about 1
  }
}

TEST(Random, KeyedOrderIsFrozen) {
  EXPECT_EQ(all_of(KeyedOrder(1, 2, 12), 12), (std::vector<int64_t>{0, 9, 11, 1, 6, 5, 8, 10, 3, 2, 4, 7}));
  EXPECT_EQ(KeyedOrder(1, 2, 1'000'000'007).at(123'456'789), 778121919);
}

TEST(Random, KeyedOrderSpreadsPositions) {
  // Neighbours land anywhere: the mean distance of two random places is a third of the size.
  constexpr int64_t kSize = 100'000;
  const KeyedOrder order(9, 0, kSize);
  double distance = 0;
  for (int64_t i = 1; i < 20'000; ++i)
    distance += std::fabs(static_cast<double>(order.at(i) - order.at(i - 1)));
  EXPECT_NEAR(distance / 20'000 / kSize, 1.0 / 3, 0.02);
}

}  // namespace
}  // namespace stoker
