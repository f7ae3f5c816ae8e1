// Is every byte of a shard as it was written?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stoker/source/shards.h"

namespace stoker {

struct ShardFinding {
  std::string what{};   // what was found and what is allowed
  int64_t record = -1;  // -1: the whole file (header, index, footer, trailer)
  int64_t index = -1;   // of the sample in the packed source
  std::string field{};
  std::string source_path{};  // relative
  uint64_t offset_bytes = 0;  // of the damaged block in the file
  uint64_t length_bytes = 0;
};

// Reads one shard, block by block, on the caller's thread. Never throws for what is in the file.
class ShardVerification {
 public:
  explicit ShardVerification(std::string path);
  ~ShardVerification();
  ShardVerification(const ShardVerification&) = delete;
  ShardVerification& operator=(const ShardVerification&) = delete;

  // Works for about `wait_ns`; true when all is read.
  bool advance(int64_t wait_ns);
  uint64_t bytes_done() const;
  uint64_t bytes_total() const;
  const std::vector<ShardFinding>& findings() const;
  // Null when header, index, footer or trailer is damaged.
  const Shard* shard() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stoker
