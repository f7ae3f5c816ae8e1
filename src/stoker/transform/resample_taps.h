// Tables of taps: which source samples an output sample is made of, and how much of each.
//
// An axis is a table by output pixel (AxisTaps). Kernels that walk along a row need the same table by
// groups of output samples, ready for vector loads (RowTable). Both live in scratch memory: a crop has a
// new size for each image, so they are built for each image.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stoker/base/image.h"
#include "stoker/base/memory.h"

namespace stoker {

// Cuts arrays out of one block of scratch memory, each on its own cache lines.
class Carver {
 public:
  explicit Carver(uint8_t* memory) : next_(memory) {}

  template <class T>
  static size_t bytes(size_t count) {
    return (count * sizeof(T) + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
  }

  template <class T>
  T* take(size_t count) {
    T* const taken = reinterpret_cast<T*>(next_);
    next_ += bytes<T>(count);
    return taken;
  }

 private:
  uint8_t* next_;
};

// How taps are handed to the kernels, two at a time. Weights of 23 bits are split in two 16-bit parts,
// weight = high * 2^12 + low, so that multiplying 16-bit pairs stays exact.
enum class TapForm : uint8_t { kWhole, kSplit };

inline constexpr int kSplitBits = 12;

constexpr int words_per_pair(TapForm form) { return form == TapForm::kSplit ? 2 : 1; }

// The taps of outputs [first, first + size) of one axis.
struct AxisTaps {
  int first = 0;
  int size = 0;
  int stride = 0;              // weights kept for each output; even
  int32_t* start = nullptr;    // the first source index with a tap that is not zero
  int32_t* count = nullptr;    // the taps from there on, at least 1
  int32_t* weights = nullptr;  // size x stride; zero behind `count`
  int pairs = 0;               // (the largest count + 1) / 2; set by pack_taps
  uint32_t* packed = nullptr;  // size x pairs x words_per_pair: two 16-bit weights in a word

  int32_t* weights_of(int output) const { return weights + static_cast<ptrdiff_t>(output - first) * stride; }
};

size_t axis_taps_bytes(int size, int stride);
AxisTaps carve_axis_taps(int first, int size, int stride, Carver& memory);

// Fills `packed`, which holds size * stride / 2 * words_per_pair words.
void pack_taps(TapForm form, AxisTaps& axis);

// The source indices that an axis reads.
struct Span {
  int first = 0;
  int last = 0;
};
Span span_of(const AxisTaps& axis);

// Note [row groups]
// A group is up to four consecutive output samples (channels interleaved) whose first two taps lie within
// 16 bytes of the row: one load, one byte shuffle that puts the two bytes of each output sample side by side
// as 16-bit numbers, one multiply-add of pairs. The next pair of taps is the same shuffle two pixels further.
// Where four samples do not fit (strong shrinking, many channels) groups are smaller; beyond 15 channels
// there are none. Groups near the end of the row, whose loads would leave it, read a padded copy of its end.
struct RowTable {
  const AxisTaps* axis = nullptr;
  TapForm form = TapForm::kWhole;
  int channels = 0;
  int samples = 0;              // output samples of a row
  int first_pixel = 0;          // source x of the first byte of a row
  int group_samples = 0;        // 1 to 4; 0: no groups, walk the axis
  int groups = 0;               // a multiple of 4; the last ones may be empty
  int tail_group = 0;           // the first group that reads the padded copy; a multiple of 4
  int tail_start = 0;           // the first byte of the row that is copied
  int tail_bytes = 0;           // bytes copied
  int tail_stride = 0;          // bytes of the padded copy
  int32_t* offsets = nullptr;   // by group: its first byte; behind tail_group counted from tail_start
  uint8_t* shuffles = nullptr;  // by group: 16 source bytes, 0x80 for zero
  uint32_t* taps = nullptr;     // by group, pair and part: a word for each of four samples
};

// `axis` is packed and outlives the table. A row begins at source x `first_pixel`, and `row_pixels` pixels of
// it may be read.
RowTable plan_row_table(const AxisTaps& axis, TapForm form, int channels, int first_pixel);
size_t row_table_bytes(const RowTable& table);
void fill_row_table(int row_pixels, Carver& memory, RowTable& table);

// Which source rows are needed, and how many must be held at a time while outputs are made in order.
struct RowPlan {
  int rows = 0;
  int held_mask = 0;         // rows are held at their number & held_mask
  int32_t* list = nullptr;   // source rows, ascending
  int32_t* first = nullptr;  // by output: the place of its first tap in `list`
};

size_t row_plan_bytes(const AxisTaps& axis);
RowPlan plan_rows(const AxisTaps& axis, int rows_at_once, Carver& memory);

}  // namespace stoker
