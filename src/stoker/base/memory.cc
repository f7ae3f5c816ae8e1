#include "stoker/base/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace stoker {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

}  // namespace

void AlignedFree::operator()(void* memory) const { std::free(memory); }

std::unique_ptr<uint8_t[], AlignedFree> allocate_aligned(size_t bytes) {
  // Large memory asks for huge pages: a batch of 38 MB is first touched with 19 page faults, not 9,400.
  const bool is_large = bytes >= 2 * kHugePageBytes;
  const size_t alignment = is_large ? kHugePageBytes : kMemoryAlignment;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded < bytes) throw std::bad_alloc();
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (is_large) static_cast<void>(madvise(memory, rounded, MADV_HUGEPAGE));  // a wish; either answer is fine
  return std::unique_ptr<uint8_t[], AlignedFree>(static_cast<uint8_t*>(memory));
}

uint8_t* ScratchBuffer::reserve(size_t bytes) {
  if (bytes > capacity_bytes_ || memory_ == nullptr) {
    memory_.reset();
    capacity_bytes_ = 0;
    const size_t grown = bytes + bytes / 4;
    memory_ = allocate_aligned(grown + kMemoryAlignment);
    capacity_bytes_ = grown;
  }
  return memory_.get();
}

void ScratchBuffer::trim(size_t keep_bytes) {
  if (capacity_bytes_ <= keep_bytes) return;
  memory_.reset();
  capacity_bytes_ = 0;
}

}  // namespace stoker
