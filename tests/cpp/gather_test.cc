#include "stoker/batch/gather.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <numeric>
#include <random>
#include <thread>

#include "scaffold.h"
#include "stoker/base/error.h"
#include "stoker/run/gather_run.h"

namespace stoker {
namespace {

using test::Bytes;

constexpr int64_t kLongWait_ns = 20'000'000'000;

Bytes random_bytes(size_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

std::vector<int64_t> random_indices(size_t count, int64_t rows, uint32_t seed = 2) {
  std::mt19937 random(seed);
  std::vector<int64_t> indices(count);
  for (int64_t& index : indices) index = static_cast<int64_t>(random() % static_cast<uint64_t>(rows));
  return indices;
}

RowsView packed_rows(const Bytes& bytes, int64_t rows) {
  const auto row_bytes = static_cast<int64_t>(bytes.size()) / rows;
  return {bytes.data(), rows, row_bytes, 1, {{row_bytes, 1}}};
}

// Bytes of one row, element by element.
void append_plainly(const RowsView& view, const uint8_t* from, size_t axis, Bytes* out) {
  if (axis == view.axes.size()) {
    out->insert(out->end(), from, from + view.element_bytes);
    return;
  }
  for (int64_t i = 0; i < view.axes[axis].count; ++i)
    append_plainly(view, from + i * view.axes[axis].stride_bytes, axis + 1, out);
}

Bytes gathered_plainly(const RowsView& view, const std::vector<int64_t>& indices) {
  Bytes out;
  for (const int64_t index : indices) append_plainly(view, view.data + index * view.stride_bytes, 0, &out);
  return out;
}

// With guards on both sides.
Bytes gathered(const RowGather& gather, const std::vector<int64_t>& indices) {
  constexpr size_t kGuardBytes = 64;
  const size_t bytes = gather.row_bytes() * indices.size();
  Bytes out(bytes + 2 * kGuardBytes, 0x5A);
  gather.gather(indices, out.data() + kGuardBytes);
  for (size_t i = 0; i < kGuardBytes; ++i) {
    EXPECT_EQ(out[i], 0x5A);
    EXPECT_EQ(out[out.size() - 1 - i], 0x5A);
  }
  return {out.begin() + kGuardBytes, out.end() - kGuardBytes};
}

TEST(RowGather, CopiesRowsOfEverySize) {
  for (size_t row_bytes = 1; row_bytes < 5000;
       row_bytes = row_bytes < 200 ? row_bytes + 1 : row_bytes * 2 + 1) {
    SCOPED_TRACE(row_bytes);
    const Bytes bytes = random_bytes(row_bytes * 37);
    const RowsView view = packed_rows(bytes, 37);
    for (const size_t count : {0, 1, 33, 100}) {
      const std::vector<int64_t> indices = random_indices(count, 37);
      EXPECT_EQ(gathered(RowGather({view}), indices), gathered_plainly(view, indices));
    }
  }
}

TEST(RowGather, FollowsAnyStrides) {
  const Bytes bytes = random_bytes(1 << 16);
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    RowsView view;
    view.element_bytes = size_t{1} << random() % 5;
    const auto element = static_cast<int64_t>(view.element_bytes);
    view.rows = 1 + static_cast<int64_t>(random() % 9);
    // Starting in the middle, strides of either sign stay inside.
    view.data = bytes.data() + bytes.size() / 2;
    view.stride_bytes = element * (static_cast<int64_t>(random() % 401) - 200);
    for (size_t axis = random() % 5; axis > 0; --axis)
      view.axes.push_back(
          {static_cast<int64_t>(random() % 5), element * (static_cast<int64_t>(random() % 41) - 20)});
    if (!view.axes.empty() && random() % 2 == 0) view.axes.back().stride_bytes = element;  // a run
    const std::vector<int64_t> indices = random_indices(20, view.rows, random());
    EXPECT_EQ(gathered(RowGather({view}), indices), gathered_plainly(view, indices));
  }
}

TEST(RowGather, LaysPartsEndToEnd) {
  const Bytes a = random_bytes(7 * 12), b = random_bytes(3 * 12 * 2, 5);
  const RowsView first = packed_rows(a, 7);
  const RowsView none{a.data(), 0, 12, 1, {{12, 1}}};
  const RowsView spread{b.data(), 3, 24, 1, {{12, 1}}};  // every second row
  const RowsView turned{b.data(), 3, 24, 1, {{12, 2}}};  // every second byte
  for (const RowsView& second : {spread, turned}) {
    const RowGather gather({first, none, second});
    EXPECT_EQ(gather.rows(), 10);
    const Bytes got = gathered(gather, {9, 0, 6, 7, 8});
    Bytes wanted = gathered_plainly(second, {2});
    for (const auto& [view, index] : {std::pair{first, 0}, {first, 6}, {second, 0}, {second, 1}}) {
      const Bytes row = gathered_plainly(view, {index});
      wanted.insert(wanted.end(), row.begin(), row.end());
    }
    EXPECT_EQ(got, wanted);
  }
}

TEST(RowGather, RefusesPartsThatDoNotGoTogether) {
  const Bytes bytes = random_bytes(64);
  EXPECT_THROW(RowGather({}), ArgumentError);
  EXPECT_THROW(RowGather({packed_rows(bytes, 8), packed_rows(bytes, 4)}), ArgumentError);
  EXPECT_THROW(RowGather({{bytes.data(), 4, 8, 1, {{8, 1}}}, {bytes.data(), 4, 8, 8, {}}}), ArgumentError);
}

// Two columns of many batches, whatever the threads.
class Gathering {
 public:
  explicit Gathering(int64_t rows) : images_(random_bytes(static_cast<size_t>(rows) * 3001)), labels_(rows) {
    std::iota(labels_.begin(), labels_.end(), 0);
  }
  std::vector<RowGather> columns() const {
    const auto rows = static_cast<int64_t>(labels_.size());
    return {RowGather({packed_rows(images_, rows)}),
            RowGather({{reinterpret_cast<const uint8_t*>(labels_.data()), rows, 8, 8, {}}})};
  }
  bool is_right(const std::vector<int64_t>& indices, const Bytes& images,
                const std::vector<int64_t>& labels) const {
    bool is_same = labels == indices;
    for (size_t i = 0; i < indices.size() && is_same; ++i)
      is_same = std::memcmp(images.data() + i * 3001, images_.data() + indices[i] * 3001, 3001) == 0;
    return is_same;
  }
  int64_t rows() const { return static_cast<int64_t>(labels_.size()); }

 private:
  Bytes images_;
  std::vector<int64_t> labels_;
};

struct Asked {
  std::vector<int64_t> indices;
  Bytes images;
  std::vector<int64_t> labels;
  std::vector<uint8_t*> outs() { return {images.data(), reinterpret_cast<uint8_t*>(labels.data())}; }
};

Asked asked(size_t count, int64_t rows, uint32_t seed) {
  return {random_indices(count, rows, seed), Bytes(count * 3001), std::vector<int64_t>(count)};
}

TEST(GatherRun, GivesBatchesInOrderOnAnyThreads) {
  const Gathering data(50);
  for (const int threads : {0, 1, 2, 5}) {
    SCOPED_TRACE(threads);
    GatherRun run(data.columns(), {threads, false});
    std::deque<Asked> queue;
    int64_t rows = 0;
    for (uint32_t number = 0; number < 40; ++number) {
      queue.push_back(asked(number % 7 == 3 ? 0 : 1 + number * 37 % 900, data.rows(), number));
      rows += static_cast<int64_t>(queue.back().indices.size());
      run.submit(queue.back().indices, queue.back().outs());
      if (queue.size() < 3) continue;
      ASSERT_TRUE(run.next(kLongWait_ns));
      EXPECT_TRUE(data.is_right(queue.front().indices, queue.front().images, queue.front().labels));
      queue.pop_front();
    }
    EXPECT_EQ(run.pending(), 2);
    while (!queue.empty()) {
      ASSERT_TRUE(run.next(kLongWait_ns));
      EXPECT_TRUE(data.is_right(queue.front().indices, queue.front().images, queue.front().labels));
      queue.pop_front();
    }
    EXPECT_FALSE(run.next(kLongWait_ns));
    EXPECT_EQ(run.counters().samples, rows);
    EXPECT_EQ(run.counters().batches, 40);
  }
}

TEST(GatherRun, FillsAtOnceBesideQueuedBatches) {
  const Gathering data(20);
  GatherRun run(data.columns(), {2, false});
  Asked queued = asked(700, data.rows(), 1), now = asked(9, data.rows(), 2);
  run.submit(queued.indices, queued.outs());
  uint8_t* outs[2] = {now.outs()[0], now.outs()[1]};
  run.fill(now.indices.data(), now.indices.size(), outs);
  EXPECT_TRUE(data.is_right(now.indices, now.images, now.labels));
  ASSERT_TRUE(run.next(kLongWait_ns));
  EXPECT_TRUE(data.is_right(queued.indices, queued.images, queued.labels));
}

TEST(GatherRun, RefusesWhatIsOutside) {
  const Gathering data(20);
  std::vector<RowGather> columns = data.columns();
  GatherRun run(columns, {1, false});
  for (const int64_t index : {int64_t{-1}, int64_t{20}, INT64_MIN, INT64_MAX}) {
    Asked one = asked(3, data.rows(), 1);
    one.indices[1] = index;
    EXPECT_THROW(run.submit(one.indices, one.outs()), ArgumentError);
    uint8_t* outs[2] = {one.outs()[0], one.outs()[1]};
    EXPECT_THROW(run.fill(one.indices.data(), 3, outs), ArgumentError);
  }
  EXPECT_EQ(run.pending(), 0);
  const Bytes other = random_bytes(30);
  columns.push_back(RowGather({packed_rows(other, 30)}));
  EXPECT_THROW(GatherRun(columns, {1, false}), ArgumentError);
  EXPECT_THROW(GatherRun(data.columns(), {-1, false}), ArgumentError);
}

TEST(GatherRun, TouchesNoMemoryAfterClose) {
  const Gathering data(50);
  for (uint32_t round = 0; round < 20; ++round) {
    GatherRun run(data.columns(), {3, false});
    std::vector<Asked> queue;
    for (uint32_t number = 0; number < 3; ++number) queue.push_back(asked(800, data.rows(), number));
    for (Asked& each : queue) run.submit(each.indices, each.outs());
    std::thread taker([&] { static_cast<void>(run.next(kLongWait_ns)); });
    if (round % 3 > 0) std::this_thread::sleep_for(std::chrono::microseconds(50 * (round % 7)));
    run.close();
    for (Asked& each : queue) std::memset(each.images.data(), 7, each.images.size());
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    for (const Asked& each : queue) EXPECT_EQ(each.images, Bytes(each.images.size(), 7));
    taker.join();
    EXPECT_THROW(run.submit({1}, queue.front().outs()), Error);
    EXPECT_FALSE(run.next(0));
  }
}

}  // namespace
}  // namespace stoker
