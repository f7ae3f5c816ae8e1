#include "stoker/batch/gather.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "stoker/base/error.h"

namespace stoker {
namespace {

// Rows lie in random places, and a copy of a few bytes is over before the next row has come from memory; so
// it is asked for this many bytes of rows ahead. Measured on rows of 64 bytes: 2.5 x without.
constexpr size_t kPrefetchBytes = 2048;
constexpr size_t kMaxPrefetchRows = 32;
constexpr size_t kLineBytes = 64;

// Copies rows of `kBytes`, or of `bytes` where that is 0.
template <size_t kBytes, class RowAt>
void copy_rows(std::span<const int64_t> indices, size_t bytes, RowAt row_at, uint8_t* out) {
  const size_t row_bytes = kBytes > 0 ? kBytes : bytes;
  const size_t ahead = std::clamp<size_t>(kPrefetchBytes / row_bytes, 1, kMaxPrefetchRows);
  const size_t prefetched = std::min(row_bytes, kPrefetchBytes);
  const size_t count = indices.size();
  for (size_t i = 0; i < count; ++i, out += row_bytes) {
    if (i + ahead < count) {
      const uint8_t* next = row_at(indices[i + ahead]);
      for (size_t at = 0; at < prefetched; at += kLineBytes) __builtin_prefetch(next + at);
      // A row that begins within a line reaches into one more.
      __builtin_prefetch(next + prefetched - 1);
    }
    std::memcpy(out, row_at(indices[i]), row_bytes);
  }
}

template <class RowAt>
void copy_rows_of(std::span<const int64_t> indices, size_t row_bytes, RowAt row_at, uint8_t* out) {
  switch (row_bytes) {  // sizes for which the copy is a few instructions
    case 1:
      return copy_rows<1>(indices, 0, row_at, out);
    case 2:
      return copy_rows<2>(indices, 0, row_at, out);
    case 4:
      return copy_rows<4>(indices, 0, row_at, out);
    case 8:
      return copy_rows<8>(indices, 0, row_at, out);
    case 16:
      return copy_rows<16>(indices, 0, row_at, out);
    case 32:
      return copy_rows<32>(indices, 0, row_at, out);
    case 64:
      return copy_rows<64>(indices, 0, row_at, out);
    case 128:
      return copy_rows<128>(indices, 0, row_at, out);
    default:
      return copy_rows<0>(indices, row_bytes, row_at, out);
  }
}

// The innermost axis, element by element or run by run.
template <size_t kBytes>
uint8_t* copy_axis(const uint8_t* from, const RowsView::Axis& axis, size_t bytes, uint8_t* out) {
  const size_t run_bytes = kBytes > 0 ? kBytes : bytes;
  for (int64_t i = 0; i < axis.count; ++i, from += axis.stride_bytes, out += run_bytes)
    std::memcpy(out, from, run_bytes);
  return out;
}

uint8_t* copy_nest(const uint8_t* from, std::span<const RowsView::Axis> axes, size_t run_bytes,
                   uint8_t* out) {
  if (axes.empty()) {
    std::memcpy(out, from, run_bytes);
    return out + run_bytes;
  }
  if (axes.size() > 1) {
    for (int64_t i = 0; i < axes[0].count; ++i)
      out = copy_nest(from + i * axes[0].stride_bytes, axes.subspan(1), run_bytes, out);
    return out;
  }
  switch (run_bytes) {
    case 1:
      return copy_axis<1>(from, axes[0], 0, out);
    case 2:
      return copy_axis<2>(from, axes[0], 0, out);
    case 4:
      return copy_axis<4>(from, axes[0], 0, out);
    case 8:
      return copy_axis<8>(from, axes[0], 0, out);
    default:
      return copy_axis<0>(from, axes[0], run_bytes, out);
  }
}

bool have_same_rows(const RowsView& a, const RowsView& b) {
  const auto same = [](const RowsView::Axis& x, const RowsView::Axis& y) { return x.count == y.count; };
  return a.element_bytes == b.element_bytes &&
         std::equal(a.axes.begin(), a.axes.end(), b.axes.begin(), b.axes.end(), same);
}

}  // namespace

RowGather::RowGather(std::vector<RowsView> parts) : starts_{0} {
  if (parts.empty()) throw ArgumentError("rows: there is no array; give at least one.");
  row_bytes_ = parts.front().element_bytes;
  for (const RowsView::Axis& axis : parts.front().axes) row_bytes_ *= static_cast<size_t>(axis.count);
  for (RowsView& view : parts) {
    if (!have_same_rows(view, parts.front())) {
      throw ArgumentError("rows: part " + std::to_string(parts_.size()) +
                          " has rows of another shape or element size than the first; give parts of one "
                          "shape.");
    }
    Part part{view.data, view.stride_bytes, {}, view.element_bytes};
    // From the innermost axis outwards: what lies side by side becomes one run, what has one element goes.
    bool is_run = true;
    for (auto axis = view.axes.rbegin(); axis != view.axes.rend(); ++axis) {
      if (axis->count == 1) continue;
      is_run = is_run && axis->stride_bytes == static_cast<int64_t>(part.run_bytes);
      if (is_run) {
        part.run_bytes *= static_cast<size_t>(axis->count);
      } else {
        part.axes.insert(part.axes.begin(), *axis);
      }
    }
    is_packed_ = is_packed_ && part.axes.empty();
    starts_.push_back(starts_.back() + view.rows);
    parts_.push_back(std::move(part));
  }
}

const uint8_t* RowGather::row(int64_t index) const {
  const auto after = std::upper_bound(starts_.begin() + 1, starts_.end(), index);
  const auto at = static_cast<size_t>(after - starts_.begin() - 1);
  return parts_[at].data + (index - starts_[at]) * parts_[at].stride_bytes;
}

void RowGather::gather_runs(std::span<const int64_t> indices, uint8_t* out) const {
  for (const int64_t index : indices) {
    const auto after = std::upper_bound(starts_.begin() + 1, starts_.end(), index);
    const Part& part = parts_[static_cast<size_t>(after - starts_.begin() - 1)];
    out = copy_nest(row(index), part.axes, part.run_bytes, out);
  }
}

void RowGather::gather(std::span<const int64_t> indices, uint8_t* out) const {
  if (row_bytes_ == 0) return;
  if (!is_packed_) return gather_runs(indices, out);
  if (parts_.size() == 1) {
    const Part& part = parts_.front();
    const auto row_at = [data = part.data, stride = part.stride_bytes](int64_t index) {
      return data + index * stride;
    };
    return copy_rows_of(indices, row_bytes_, row_at, out);
  }
  copy_rows_of(
      indices, row_bytes_, [this](int64_t index) { return row(index); }, out);
}

}  // namespace stoker
