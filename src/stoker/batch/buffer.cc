#include "stoker/batch/buffer.h"

#include <utility>

namespace stoker {

struct RecyclingProvider::Shelf {
  struct Free {
    std::unique_ptr<uint8_t[], AlignedFree> memory;
    size_t bytes;
  };
  explicit Shelf(size_t max_free) : max_free(max_free) {}

  const size_t max_free;
  Mutex mutex;
  std::vector<Free> free STOKER_GUARDED_BY(mutex);
};

RecyclingProvider::RecyclingProvider(size_t max_free) : shelf_(std::make_shared<Shelf>(max_free)) {}

Buffer RecyclingProvider::acquire(size_t bytes) {
  Shelf::Free taken{nullptr, bytes};
  {
    MutexLock lock(shelf_->mutex);
    for (size_t i = 0; i < shelf_->free.size(); ++i) {
      Shelf::Free& each = shelf_->free[i];
      // A far larger one is left for a batch that needs it.
      if (each.bytes < bytes || each.bytes > 2 * bytes) continue;
      taken = std::move(each);
      shelf_->free.erase(shelf_->free.begin() + static_cast<ptrdiff_t>(i));
      break;
    }
  }
  if (taken.memory == nullptr) taken = {allocate_aligned(bytes), bytes};
  uint8_t* data = taken.memory.release();
  const size_t capacity = taken.bytes;
  return Buffer(data, [shelf = std::weak_ptr<Shelf>(shelf_), capacity](uint8_t* memory) {
    Shelf::Free back{std::unique_ptr<uint8_t[], AlignedFree>(memory), capacity};
    const std::shared_ptr<Shelf> alive = shelf.lock();
    if (alive == nullptr) return;
    MutexLock lock(alive->mutex);
    if (alive->free.size() == alive->max_free && !alive->free.empty()) {
      alive->free.erase(alive->free.begin());  // the oldest: sizes may have changed
    }
    if (alive->free.size() < alive->max_free) alive->free.push_back(std::move(back));
  });
}

struct LentProvider::Pieces {
  struct Piece {
    uint8_t* memory;
    size_t bytes;
  };
  Mutex mutex;
  std::vector<Piece> ready STOKER_GUARDED_BY(mutex);
  std::vector<uint8_t*> dropped STOKER_GUARDED_BY(mutex);
};

LentProvider::LentProvider() : pieces_(std::make_shared<Pieces>()) {}

void LentProvider::lend(uint8_t* memory, size_t bytes) {
  MutexLock lock(pieces_->mutex);
  pieces_->ready.push_back({memory, bytes});
}

Buffer LentProvider::acquire(size_t bytes) {
  {
    MutexLock lock(pieces_->mutex);
    std::vector<Pieces::Piece>& ready = pieces_->ready;
    auto found = ready.end();
    for (auto piece = ready.begin(); piece != ready.end(); ++piece) {
      if (piece->bytes >= bytes && (found == ready.end() || piece->bytes < found->bytes)) found = piece;
    }
    if (found != ready.end()) {
      uint8_t* memory = found->memory;
      ready.erase(found);
      return Buffer(memory, [pieces = std::weak_ptr<Pieces>(pieces_)](uint8_t* dropped) {
        const std::shared_ptr<Pieces> alive = pieces.lock();
        if (alive == nullptr) return;
        MutexLock dropping(alive->mutex);
        alive->dropped.push_back(dropped);
      });
    }
  }
  return Buffer(allocate_aligned(bytes).release(), AlignedFree());
}

size_t LentProvider::count() const {
  MutexLock lock(pieces_->mutex);
  return pieces_->ready.size();
}

void LentProvider::clear() {
  MutexLock lock(pieces_->mutex);
  pieces_->ready.clear();
}

std::vector<uint8_t*> LentProvider::take_dropped() {
  MutexLock lock(pieces_->mutex);
  return std::exchange(pieces_->dropped, {});
}

}  // namespace stoker
