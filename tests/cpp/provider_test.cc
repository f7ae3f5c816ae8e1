// Batches written into memory of a provider that forgives nothing.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <map>
#include <mutex>

#include "scaffold.h"
#include "stoker/base/hash.h"
#include "stoker/batch/buffer.h"

namespace stoker {
namespace {

// Each buffer ends at a page that nobody may touch; let go, it becomes such a page itself, or it is given to
// the next batch at once.
class GuardedProvider : public BufferProvider {
 public:
  explicit GuardedProvider(bool reuses) : shelf_(std::make_shared<Shelf>()), reuses_(reuses) {}

  Buffer acquire(size_t bytes) override {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t data_bytes = (bytes + page - 1) / page * page;
    uint8_t* base = shelf_->take(data_bytes);
    if (base == nullptr) {
      base = static_cast<uint8_t*>(
          mmap(nullptr, data_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      EXPECT_NE(base, MAP_FAILED);
      EXPECT_EQ(mprotect(base + page, data_bytes, PROT_READ | PROT_WRITE), 0);
    }
    return Buffer(base + page + data_bytes - bytes,
                  [shelf = shelf_, base, data_bytes, page, reuses = reuses_](uint8_t*) {
                    if (reuses) return shelf->give(data_bytes, base);
                    EXPECT_EQ(mprotect(base + page, data_bytes, PROT_NONE), 0);
                  });
  }

 private:
  struct Shelf {
    std::mutex mutex;
    std::multimap<size_t, uint8_t*> free;

    uint8_t* take(size_t bytes) {
      const std::lock_guard<std::mutex> lock(mutex);
      const auto found = free.find(bytes);
      if (found == free.end()) return nullptr;
      uint8_t* base = found->second;
      free.erase(found);
      return base;
    }
    void give(size_t bytes, uint8_t* base) {
      const std::lock_guard<std::mutex> lock(mutex);
      free.emplace(bytes, base);
    }
  };
  const std::shared_ptr<Shelf> shelf_;
  const bool reuses_;
};

uint64_t hash_of(const Batch& batch) {
  const FieldValues& images = batch.fields.front();
  const ColumnValues& labels = batch.columns.front();
  const uint64_t of_images = hash64({images.data.get(), images.shape.bytes() * batch.indices.size()});
  return of_images ^ hash64({labels.data.get(), 8 * batch.indices.size()});
}

class Provider : public testing::TestWithParam<std::tuple<bool, int, bool>> {};

TEST_P(Provider, KeepsBatchesThatAreHeldAsTheyWere) {
  const auto [reuses, threads, has_operators] = GetParam();
  const auto source = test::arrays_source(test::random_images(40, 13, 17));
  std::vector<NamedOperator> operators;
  if (has_operators) operators.push_back(make_operator("horizontal_flip", {{"p", 0.5}}));
  const auto plan = std::make_shared<Plan>(operators, PlanOptions{}, PlanInput(*source));
  RunOptions options;
  options.threads = threads;
  options.buffers = std::make_shared<GuardedProvider>(reuses);
  options.column_buffers = std::make_shared<GuardedProvider>(reuses);
  test::EngineRun run(source, plan, options);
  std::deque<std::pair<Batch, uint64_t>> held;
  for (int64_t number = 0; number < 60; ++number) {
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < 1 + number % 9; ++i) indices.push_back((number * 7 + i) % 40);
    run.submit(indices, 0);
    if (number < 4) continue;
    std::optional<Batch> batch = test::next_batch(run);
    ASSERT_TRUE(batch);
    const uint64_t hash = hash_of(*batch);
    held.emplace_back(std::move(*batch), hash);
    if (held.size() < 6) continue;
    EXPECT_EQ(hash_of(held.front().first), held.front().second);
    held.pop_front();
  }
  run.close();
  for (const auto& [batch, hash] : held) EXPECT_EQ(hash_of(batch), hash);
}

INSTANTIATE_TEST_SUITE_P(All, Provider,
                         testing::Combine(testing::Bool(), testing::Values(0, 2), testing::Bool()));

TEST(LentProvider, GivesEachPieceOnceAndTheSmallestThatFits) {
  LentProvider provider;
  std::vector<uint8_t> large(100), small(60);
  provider.lend(large.data(), large.size());
  provider.lend(small.data(), small.size());
  Buffer first = provider.acquire(50);
  EXPECT_EQ(first.get(), small.data());
  EXPECT_EQ(provider.acquire(50).get(), large.data());  // dropped at once, and not given again
  EXPECT_EQ(provider.count(), 0U);
  const Buffer own = provider.acquire(50);
  EXPECT_NE(own.get(), small.data());
  EXPECT_NE(own.get(), large.data());
  EXPECT_EQ(provider.take_dropped(), std::vector<uint8_t*>{large.data()});
  first.reset();
  EXPECT_EQ(provider.take_dropped(), std::vector<uint8_t*>{small.data()});
  EXPECT_TRUE(provider.take_dropped().empty());
  provider.lend(small.data(), small.size());
  const Buffer beyond = provider.acquire(61);
  EXPECT_NE(beyond.get(), small.data());
  provider.clear();
  EXPECT_EQ(provider.count(), 0U);
}

TEST(LentProvider, BuffersOutliveIt) {
  std::vector<uint8_t> memory(10);
  Buffer lent, own;
  {
    LentProvider provider;
    provider.lend(memory.data(), memory.size());
    lent = provider.acquire(10);
    own = provider.acquire(10);
  }
  std::memset(own.get(), 1, 10);
  lent.reset();
}

}  // namespace
}  // namespace stoker
