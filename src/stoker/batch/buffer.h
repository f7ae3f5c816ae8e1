// Memory of finished batches: taken from a provider, let go by the user, used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stoker/base/memory.h"
#include "stoker/base/mutex.h"

namespace stoker {

// Shared by the run that fills it and the arrays that show it; the last one to go returns it.
using Buffer = std::shared_ptr<uint8_t>;

class BufferProvider {
 public:
  virtual ~BufferProvider() = default;
  // At least `bytes`, 64-byte aligned, uninitialised. May always allocate. Throws std::bad_alloc.
  virtual Buffer acquire(size_t bytes) = 0;
};

// Keeps up to `max_free` buffers that came back, so that a steady loop allocates nothing. A buffer may
// outlive the provider. Any thread.
class RecyclingProvider : public BufferProvider {
 public:
  explicit RecyclingProvider(size_t max_free);
  Buffer acquire(size_t bytes) override;

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace stoker
