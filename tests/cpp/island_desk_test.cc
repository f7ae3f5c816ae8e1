// Samples that wait for somebody else: who gets what, and that nobody waits for ever.

#include "stoker/run/island_desk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "stoker/transform/island.h"

namespace stoker {
namespace {

std::shared_ptr<IslandRequest> request_of(uint64_t seed, size_t number = 0) {
  auto request = std::make_shared<IslandRequest>();
  request->number = number;
  request->seed = seed;
  return request;
}

TEST(IslandDesk, EveryThreadGetsItsOwnAnswer) {
  IslandDesk desk(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (const std::shared_ptr<IslandRequest> request = desk.take()) {
        request->cpu_ns = 3;
        request->wall_ns = static_cast<int64_t>(request->seed);
        if (request->seed % 10 == 0) request->failure = SampleError{};
        desk.answer(*request);
      }
    });
  }
  std::vector<std::thread> asking;
  std::atomic<int> right{0};
  for (uint64_t i = 0; i < 4; ++i) {
    asking.emplace_back([&, i] {
      for (uint64_t j = 0; j < 50; ++j) {
        const auto request = request_of(i * 1000 + j, i % 2);
        desk.ask(request);
        if (request->wall_ns == static_cast<int64_t>(i * 1000 + j)) ++right;
      }
    });
  }
  for (std::thread& each : asking) each.join();
  desk.close();
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(right, 200);
  EXPECT_EQ(desk.reading(0).calls, 100);
  EXPECT_EQ(desk.reading(1).errors, 10);
  EXPECT_EQ(desk.reading(1).cpu_ns, 300);
}

TEST(IslandDesk, ClosingEndsAllWaits) {
  IslandDesk desk(1);
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  std::atomic<bool> is_taken{false};
  threads.emplace_back([&] {  // carries out what nobody waits for any more
    const std::shared_ptr<IslandRequest> request = desk.take();
    is_taken = true;
    while (ended < 3) std::this_thread::yield();
    desk.answer(*request);
  });
  for (uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_THROW(desk.ask(request_of(i)), IslandsClosed);
      ++ended;
    });
  }
  while (!is_taken) std::this_thread::yield();
  desk.close();
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(desk.take(), nullptr);
  EXPECT_THROW(desk.ask(request_of(1)), IslandsClosed);
  EXPECT_EQ(desk.reading(0).calls, 0);
}

TEST(IslandDesk, MayBeServedByTheThreadThatAsks) {
  const std::thread::id here = std::this_thread::get_id();
  IslandDesk desk(1, [&](const std::shared_ptr<IslandRequest>& request) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    request->wall_ns = 5;
  });
  EXPECT_FALSE(desk.starts_service());
  const auto request = request_of(1);
  desk.ask(request);
  EXPECT_EQ(request->wall_ns, 5);
  EXPECT_EQ(desk.reading(0).calls, 1);
}

TEST(IslandDesk, IsServedOnce) {
  IslandDesk desk(1);
  EXPECT_TRUE(desk.starts_service());
  EXPECT_FALSE(desk.starts_service());
}

TEST(Island, DrawsItsSeedFromTheSample) {
  const NamedOperator named = make_island(std::make_shared<Island>(), 0.5);
  int applied = 0;
  uint64_t before = 0;
  for (uint64_t index = 0; index < 100; ++index) {
    Draw draw;
    Draw again;
    Rng rng(SampleKey{7, 0, index, 0, 0}, 3);
    Rng same(SampleKey{7, 0, index, 0, 0}, 3);
    EXPECT_FALSE(named.op->draw(rng, {4, 4, 3, DType::kUint8}, &draw));
    EXPECT_FALSE(named.op->draw(same, {9, 9, 1, DType::kFloat32}, &again));
    EXPECT_EQ(island_seed(draw), island_seed(again));
    EXPECT_NE(island_seed(draw), before);
    before = island_seed(draw);
    applied += draw.applies ? 1 : 0;
  }
  EXPECT_GT(before >> 32, 0U);
  EXPECT_GT(applied, 30);
  EXPECT_LT(applied, 70);
  EXPECT_THROW(make_island(std::make_shared<Island>(), 1.5), ArgumentError);
}

}  // namespace
}  // namespace stoker
