// Seeded randomness that depends on what is drawn, never on who draws it.
//
// Note [counter layout]
// Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Key: the 64-bit
// seed. Counter, 128 bits, from the lowest bit:
//   draw number 16 | operator path 16 | view or frozen variant 8 | occurrence 16 | index 48 | epoch 24
// The layout is frozen: a changed bit changes every pixel that was ever made with a seed. A block gives
// four 32-bit words; the draw number counts blocks.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace stoker {

using PhiloxBlock = std::array<uint32_t, 4>;

// One block of Philox 4x32-10.
PhiloxBlock philox(uint64_t key, PhiloxBlock counter);

// Which sample is drawn for; see Note [counter layout] for the ranges.
struct SampleKey {
  uint64_t seed = 0;
  uint32_t epoch = 0;       // 24 bits, wraps
  uint64_t index = 0;       // 48 bits
  uint16_t occurrence = 0;  // how often this index came before in the epoch
  uint8_t variant = 0;
};

// The random numbers of one operator for one sample.
class Rng {
 public:
  // `path` numbers the operator in the tree as the user wrote it.
  Rng(const SampleKey& key, uint16_t path);

  uint32_t bits32();
  uint64_t bits64();
  // In [0, 1), 53 random bits.
  double uniform();
  // In [low, high); `low` when both are equal.
  double uniform(double low, double high);
  // In [low, high], both included, without bias (Lemire 2019, "Fast random integer generation in an
  // interval").
  int64_t uniform_int(int64_t low, int64_t high);
  // True with the given probability; 0 never, 1 always.
  bool coin(double probability);

 private:
  uint64_t key_;
  PhiloxBlock counter_;
  PhiloxBlock block_{};
  int used_ = 4;
};

// A shuffle of [0, size), keyed by seed and epoch, O(1) per position once made, so that a resume is a seek.
//
// Up to 65,536 samples it is a Fisher-Yates shuffle kept as a table: every order is equally likely, which
// small data sets show. Above it is a Feistel network over Philox with cycle walking (Black and Rogaway 2002,
// "Ciphers with arbitrary finite domains"), which needs no memory.
class KeyedOrder {
 public:
  // size 0 to 2^48.
  KeyedOrder(uint64_t seed, uint32_t epoch, int64_t size);
  int64_t size() const { return size_; }
  int64_t at(int64_t position) const;

 private:
  int64_t walk(int64_t position) const;

  uint64_t seed_;
  uint32_t epoch_;
  int64_t size_;
  int half_bits_ = 1;
  std::vector<uint32_t> table_;
};

}  // namespace stoker
