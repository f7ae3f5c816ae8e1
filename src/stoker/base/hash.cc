#include "stoker/base/hash.h"

// Compiled in here, so that no library is linked and no symbol of it is seen.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace stoker {

uint64_t hash64(std::span<const uint8_t> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
uint64_t hash64(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

struct RunningHash::State {
  XXH3_state_t xxh3;  // aligned to 64 bytes, which operator new of C++17 heeds
};

RunningHash::RunningHash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
RunningHash::~RunningHash() = default;

void RunningHash::add(std::span<const uint8_t> bytes) {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}

uint64_t RunningHash::value() const { return XXH3_64bits_digest(&state_->xxh3); }

}  // namespace stoker
