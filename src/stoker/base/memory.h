// Owned memory for pixels and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace stoker {

inline constexpr size_t kMemoryAlignment = 64;  // one cache line, and the widest vector

struct AlignedFree {
  void operator()(void* memory) const;
};

// 64-byte aligned, uninitialised. Throws std::bad_alloc.
std::unique_ptr<uint8_t[], AlignedFree> allocate_aligned(size_t bytes);

// Scratch that only grows: in a steady loop it allocates nothing. Belongs to one thread.
// The last kMemoryAlignment bytes behind the asked size may be read (not written) by vector code.
class ScratchBuffer {
 public:
  // Memory for at least `bytes`; what was there before is lost when it has to grow.
  uint8_t* reserve(size_t bytes);
  size_t capacity_bytes() const { return capacity_bytes_; }

  // Gives memory back if more than `keep_bytes` are held, so that one huge sample does not stay.
  void trim(size_t keep_bytes);

 private:
  std::unique_ptr<uint8_t[], AlignedFree> memory_;
  size_t capacity_bytes_ = 0;
};

}  // namespace stoker
