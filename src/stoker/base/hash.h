// The one hash of stoker: XXH3-64 (seed 0), for blocks, indexes and the identity of files. It finds damage;
// it is no protection against someone who wants a collision.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace stoker {

uint64_t hash64(std::span<const uint8_t> bytes);
uint64_t hash64(std::string_view text);

// The same over bytes that come in pieces.
class RunningHash {
 public:
  RunningHash();
  ~RunningHash();
  RunningHash(const RunningHash&) = delete;
  RunningHash& operator=(const RunningHash&) = delete;

  void add(std::span<const uint8_t> bytes);
  uint64_t value() const;  // of all bytes so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
