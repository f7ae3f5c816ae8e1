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
  // At least `bytes`, uninitialised, of any alignment. It is written until the batch is handed over, read
  // until the last reference is dropped, and the provider's again from then on. May always allocate. Any
  // thread. Throws std::bad_alloc.
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

// Memory that someone else owns and lends piece by piece, such as pinned tensors. A piece is given to one
// batch and not used again unless it is lent again; what no piece is large enough for is allocated. Any
// thread.
class LentProvider : public BufferProvider {
 public:
  LentProvider();
  // `memory` must stay until the batch that it went to has been handed over, or the runs that use this
  // provider have been closed.
  void lend(uint8_t* memory, size_t bytes);
  Buffer acquire(size_t bytes) override;
  // Pieces that no batch has got yet.
  size_t count() const;
  // Gives up all of those.
  void clear();
  // Pieces whose last reference was dropped, each told once: batches that were rejected, among others.
  std::vector<uint8_t*> take_dropped();

 private:
  struct Pieces;
  const std::shared_ptr<Pieces> pieces_;
};

}  // namespace stoker
