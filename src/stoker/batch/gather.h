// Rows of arrays in memory, copied by their numbers into one contiguous batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stoker {

// An array whose first axis is the sample. Strides may be anything, 0 and negative ones included; what they
// reach belongs to whoever made the view and must outlive it.
struct RowsView {
  struct Axis {
    int64_t count = 0;
    int64_t stride_bytes = 0;
  };

  const uint8_t* data = nullptr;
  int64_t rows = 0;
  int64_t stride_bytes = 0;  // from one row to the next
  size_t element_bytes = 1;
  std::vector<Axis> axes;  // of one row, outermost first; none: a single value
};

// Copies rows of one array, or of several laid end to end. Immutable, so any thread may gather.
class RowGather {
 public:
  // Throws ArgumentError when there is no part, or the rows of the parts differ in shape or element size.
  explicit RowGather(std::vector<RowsView> parts);

  int64_t rows() const { return starts_.back(); }
  size_t row_bytes() const { return row_bytes_; }

  // Packs the rows at `indices`, in their order, into `out`. Indices must lie within [0, rows()).
  void gather(std::span<const int64_t> indices, uint8_t* out) const;

 private:
  struct Part {
    const uint8_t* data;
    int64_t stride_bytes;
    std::vector<RowsView::Axis> axes;  // around the runs, outermost first
    size_t run_bytes;                  // that lie side by side
  };

  const uint8_t* row(int64_t index) const;
  void gather_runs(std::span<const int64_t> indices, uint8_t* out) const;

  std::vector<Part> parts_;
  std::vector<int64_t> starts_;  // first row of each part, and the number of all
  size_t row_bytes_ = 0;
  bool is_packed_ = true;  // every row of every part is one run
};

}  // namespace stoker
