#include "stoker/base/memory.h"

#include <cstdlib>
#include <new>

namespace stoker {

void AlignedFree::operator()(void* memory) const { std::free(memory); }

std::unique_ptr<uint8_t[], AlignedFree> allocate_aligned(size_t bytes) {
  const size_t rounded = (bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
  if (rounded < bytes) throw std::bad_alloc();
  void* memory = std::aligned_alloc(kMemoryAlignment, rounded == 0 ? kMemoryAlignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
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
