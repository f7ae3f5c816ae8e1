#include "stoker/pack/verify.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "stoker/base/clock.h"
#include "stoker/base/hash.h"

namespace stoker {
namespace {

// A block is no longer than the file, but a foreign one may be as long; it is hashed in pieces.
constexpr size_t kPieceBytes = size_t{256} << 10;

}  // namespace

struct ShardVerification::State {
  explicit State(std::string path)
      : path(std::move(path)), piece(std::make_unique_for_overwrite<uint8_t[]>(kPieceBytes)) {
    try {
      shard = open_shard(this->path);
    } catch (const Error& damage) {
      findings.push_back({damage.what(), -1, -1, "", "", 0, 0});
      return;
    }
    descriptor = open(this->path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) findings.push_back({this->path + ": open failed: " + std::strerror(errno) + "."});
    offset = kShardHeaderBytes;
  }
  ~State() {
    if (descriptor >= 0) close(descriptor);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool is_done() const { return descriptor < 0 || part >= shard->index.parts.size(); }
  void verify_block();
  std::string hash_differs(const Block& block);

  const std::string path;
  const std::unique_ptr<uint8_t[]> piece;
  std::optional<Shard> shard;
  int descriptor = -1;
  std::vector<ShardFinding> findings;
  size_t part = 0;      // the next block is of this part,
  uint32_t block = 0;   // its number there,
  uint64_t offset = 0;  // and where it begins
};

// What is wrong with the next block; empty when nothing is.
std::string ShardVerification::State::hash_differs(const Block& block) {
  RunningHash hash;
  for (uint64_t have = 0; have < block.length_bytes;) {
    const auto want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, block.length_bytes - have));
    const ssize_t got = pread(descriptor, piece.get(), want, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::string("read failed: ") + std::strerror(errno);
    if (got == 0) return "the file became shorter while it was read";
    hash.add({piece.get(), static_cast<size_t>(got)});
    have += static_cast<uint64_t>(got);
  }
  return hash.value() == block.hash ? "" : "its bytes do not have the XXH3-64 that was written";
}

void ShardVerification::State::verify_block() {
  const ShardIndex& index = shard->index;
  const ShardPart& of = index.parts[part];
  const Block& next = index.blocks_of(of)[block];
  const std::string wrong = hash_differs(next);
  if (!wrong.empty()) {
    const size_t record = part / index.fields.size();
    const std::string& field = index.fields[part % index.fields.size()].name;
    findings.push_back({path + ", record " + std::to_string(record) + ", field '" + field + "': block " +
                            std::to_string(block) + " of " + std::to_string(of.block_count) + ", the " +
                            std::to_string(next.length_bytes) + " bytes at byte " + std::to_string(offset) +
                            ": " + wrong + "; " + repair_hint(path) + ".",
                        static_cast<int64_t>(record), index.indices[record], field, index.sources[part].path,
                        offset, next.length_bytes});
  }
  offset += next.length_bytes;
  if (++block < of.block_count) return;
  block = 0;
  ++part;
}

ShardVerification::ShardVerification(std::string path) : state_(std::make_unique<State>(std::move(path))) {}
ShardVerification::~ShardVerification() = default;

bool ShardVerification::advance(int64_t wait_ns) {
  const int64_t until = wall_ns() + wait_ns;
  while (!state_->is_done()) {
    state_->verify_block();
    if (wall_ns() >= until) break;
  }
  return state_->is_done();
}

uint64_t ShardVerification::bytes_total() const {
  return state_->shard ? state_->shard->trailer.file_bytes : 0;
}
uint64_t ShardVerification::bytes_done() const { return state_->is_done() ? bytes_total() : state_->offset; }
const std::vector<ShardFinding>& ShardVerification::findings() const { return state_->findings; }
const Shard* ShardVerification::shard() const { return state_->shard ? &*state_->shard : nullptr; }

}  // namespace stoker
