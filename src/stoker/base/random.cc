#include "stoker/base/random.h"

#include <numeric>
#include <utility>

#include "stoker/base/error.h"

namespace stoker {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kFeistelRounds = 6;
constexpr int64_t kMaxTableSize = 65536;

// Keeps the order's blocks apart from every operator's: no operator path reaches this value.
constexpr uint32_t kOrderPath = 0xFFFF;

}  // namespace

PhiloxBlock philox(uint64_t key, PhiloxBlock counter) {
  uint32_t key0 = static_cast<uint32_t>(key);
  uint32_t key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(kMultiplier0) * counter[0];
    const uint64_t product1 = static_cast<uint64_t>(kMultiplier1) * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

Rng::Rng(const SampleKey& key, uint16_t path) : key_(key.seed) {
  const uint64_t index = key.index & 0xFFFFFFFFFFFFull;
  // Word 0: draw, path. Word 1: variant, occurrence, low 8 bits of index. Words 2, 3: index, epoch.
  counter_[0] = static_cast<uint32_t>(path) << 16;
  counter_[1] = key.variant | (static_cast<uint32_t>(key.occurrence) << 8) |
                (static_cast<uint32_t>(index & 0xFF) << 24);
  counter_[2] = static_cast<uint32_t>(index >> 8);
  counter_[3] = static_cast<uint32_t>(index >> 40) | (key.epoch << 8);
}

uint32_t Rng::bits32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_);
    counter_[0] = (counter_[0] & 0xFFFF0000u) | ((counter_[0] + 1) & 0xFFFFu);
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t Rng::bits64() {
  const uint64_t low = bits32();
  return low | (static_cast<uint64_t>(bits32()) << 32);
}

double Rng::uniform() { return static_cast<double>(bits64() >> 11) * 0x1.0p-53; }

double Rng::uniform(double low, double high) {
  const double value = low + (high - low) * uniform();
  return value < high || low == high ? value : low;
}

int64_t Rng::uniform_int(int64_t low, int64_t high) {
  STOKER_CHECK(low <= high);
  // Unsigned, because the width of a range may be above the largest int64.
  const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
  if (count == 0) return static_cast<int64_t>(bits64());
  auto product = static_cast<unsigned __int128>(bits64()) * count;
  if (static_cast<uint64_t>(product) < count) {
    const uint64_t threshold = -count % count;
    while (static_cast<uint64_t>(product) < threshold) {
      product = static_cast<unsigned __int128>(bits64()) * count;
    }
  }
  return static_cast<int64_t>(static_cast<uint64_t>(low) + static_cast<uint64_t>(product >> 64));
}

bool Rng::coin(double probability) {
  if (probability <= 0) return false;
  if (probability >= 1) return true;
  return uniform() < probability;
}

KeyedOrder::KeyedOrder(uint64_t seed, uint32_t epoch, int64_t size)
    : seed_(seed), epoch_(epoch), size_(size) {
  STOKER_CHECK(size >= 0 && size <= int64_t{1} << 48);
  while ((int64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
  if (size > kMaxTableSize) return;
  table_.resize(static_cast<size_t>(size));
  std::iota(table_.begin(), table_.end(), 0u);
  Rng rng(SampleKey{seed, epoch, 0, 0, 0}, kOrderPath);
  for (size_t left = table_.size(); left > 1; --left) {
    std::swap(table_[left - 1],
              table_[static_cast<size_t>(rng.uniform_int(0, static_cast<int64_t>(left) - 1))]);
  }
}

int64_t KeyedOrder::at(int64_t position) const {
  STOKER_CHECK(position >= 0 && position < size_);
  return table_.empty() ? walk(position) : table_[static_cast<size_t>(position)];
}

int64_t KeyedOrder::walk(int64_t position) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  auto value = static_cast<uint64_t>(position);
  do {
    uint64_t left = value >> half_bits_;
    uint64_t right = value & mask;
    for (int round = 0; round < kFeistelRounds; ++round) {
      const PhiloxBlock block =
          philox(seed_, {(kOrderPath << 16) | static_cast<uint32_t>(round), static_cast<uint32_t>(right),
                         static_cast<uint32_t>(right >> 32), epoch_ << 8});
      const uint64_t mixed = left ^ ((block[0] | (static_cast<uint64_t>(block[1]) << 32)) & mask);
      left = right;
      right = mixed;
    }
    value = (left << half_bits_) | right;
  } while (value >= static_cast<uint64_t>(size_));
  return static_cast<int64_t>(value);
}

}  // namespace stoker
