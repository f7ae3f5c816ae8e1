#include "stoker/transform/resample_passes.h"

#include <array>
#include <cstring>

namespace stoker {
namespace {

constexpr int kMostRowsAtOnce = 8;

TapForm taps_of(RowForm form) { return form == RowForm::kBytes ? TapForm::kSplit : TapForm::kWhole; }

// Pointers to the rows of one output, an odd number of taps rounded up.
template <class Row>
void blend_output(const AxisTaps& y, int output, const uint8_t** rows, Row row, size_t count, uint8_t* out) {
  const int taps = y.count[output];
  const int pairs = (taps + 1) / 2;
  for (int tap = 0; tap < taps; ++tap) rows[tap] = row(tap);
  if (taps % 2 != 0) rows[taps] = rows[taps - 1];
  const uint32_t* packed =
      y.packed + static_cast<ptrdiff_t>(output) * y.pairs * words_per_pair(TapForm::kSplit);
  blend_bytes(rows, packed, pairs, count, out);
}

size_t samples_of(const Image& out) {
  return static_cast<size_t>(out.width()) * static_cast<size_t>(out.channels());
}

// Copies kStep bytes a pixel, which may be more than kChannels: the next pixel overwrites them. The last
// pixels are copied exactly, so that nothing behind the row is touched.
template <int kChannels, int kStep>
void pick_row(const uint8_t* row, int row_pixels, const int32_t* columns, int first, int width,
              uint8_t* out) {
  int x = 0;
  if constexpr (kStep > kChannels) {
    int wide = width - 1;
    while (wide > 0 && columns[wide - 1] - first >= row_pixels - 1) --wide;
    for (; x < wide; ++x) std::memcpy(out + x * kChannels, row + (columns[x] - first) * kChannels, kStep);
  }
  for (; x < width; ++x) std::memcpy(out + x * kChannels, row + (columns[x] - first) * kChannels, kChannels);
}

}  // namespace

void copy_window(const SourceWindow& source, const Rect& rect, const Image& out) {
  for (int y = 0; y < out.height(); ++y) {
    std::memcpy(out.row<uint8_t>(y), source.at(rect.x, rect.y + y), out.shape.row_bytes());
  }
}

void pick_pixels(const SourceWindow& source, const int32_t* columns, const int32_t* rows, const Image& out) {
  const size_t pixel_bytes = out.shape.pixel_bytes();
  const int first = source.region.x;
  for (int y = 0; y < out.height(); ++y) {
    uint8_t* const to = out.row<uint8_t>(y);
    if (y > 0 && rows[y] == rows[y - 1]) {
      std::memcpy(to, out.row<uint8_t>(y - 1), out.shape.row_bytes());
      continue;
    }
    const uint8_t* const from = source.at(first, rows[y]);
    switch (pixel_bytes) {
      case 1:
        pick_row<1, 1>(from, source.region.width, columns, first, out.width(), to);
        break;
      case 3:
        pick_row<3, 4>(from, source.region.width, columns, first, out.width(), to);
        break;
      case 4:
        pick_row<4, 4>(from, source.region.width, columns, first, out.width(), to);
        break;
      default:
        for (int x = 0; x < out.width(); ++x) {
          std::memcpy(to + static_cast<size_t>(x) * pixel_bytes,
                      from + static_cast<size_t>(columns[x] - first) * pixel_bytes, pixel_bytes);
        }
    }
  }
}

void rows_pass(const SourceWindow& source, const AxisTaps& x, int first_row, const Image& out,
               ResizeScratch& scratch) {
  RowTable table = plan_row_table(x, TapForm::kSplit, source.channels(), source.region.x);
  const int at_once = rows_at_once();
  Carver plan(scratch.plan.reserve(row_table_bytes(table)));
  fill_row_table(source.region.width, plan, table);
  uint8_t* const tails = scratch.rows.reserve(row_tails_bytes(table));
  for (int y = 0; y < out.height(); y += at_once) {
    std::array<const uint8_t*, kMostRowsAtOnce> rows;
    std::array<void*, kMostRowsAtOnce> outs;
    for (int i = 0; i < at_once; ++i) {
      const int row = std::min(y + i, out.height() - 1);
      rows[i] = source.at(source.region.x, first_row + row);
      outs[i] = out.row<uint8_t>(row);
    }
    resample_rows(RowForm::kBytes, table, rows.data(), outs.data(), tails);
  }
}

void columns_pass(const SourceWindow& source, const AxisTaps& y, int first_column, const Image& out,
                  ResizeScratch& scratch) {
  const uint8_t** const rows = reinterpret_cast<const uint8_t**>(
      scratch.rows.reserve(static_cast<size_t>(y.stride) * sizeof(const uint8_t*)));
  for (int i = 0; i < y.size; ++i) {
    blend_output(
        y, i, rows, [&](int tap) { return source.at(first_column, y.start[i] + tap); }, samples_of(out),
        out.row<uint8_t>(i));
  }
}

void rows_then_columns(const SourceWindow& source, const AxisTaps& x, const AxisTaps& y, const Image& out,
                       ResizeScratch& scratch) {
  const size_t pointer_bytes = static_cast<size_t>(y.stride) * sizeof(const uint8_t*);
  ResizedRows resized(RowForm::kBytes, source, x, y, pointer_bytes, scratch);
  const uint8_t** const rows = reinterpret_cast<const uint8_t**>(resized.extra());
  for (int i = 0; i < y.size; ++i) {
    resized.advance_to(i);
    blend_output(
        y, i, rows, [&](int tap) { return resized.row<uint8_t>(i, tap); }, samples_of(out),
        out.row<uint8_t>(i));
  }
}

void columns_then_rows(const SourceWindow& source, const AxisTaps& x, const AxisTaps& y, const Image& out,
                       ResizeScratch& scratch) {
  const Span columns = span_of(x);
  const int width = columns.last - columns.first + 1;
  const size_t samples = static_cast<size_t>(width) * static_cast<size_t>(source.channels());
  RowTable table = plan_row_table(x, TapForm::kSplit, source.channels(), columns.first);
  const int at_once = rows_at_once();
  const size_t row_bytes = Carver::bytes<uint8_t>(samples);
  const size_t pointers = static_cast<size_t>(y.stride);
  Carver plan(scratch.plan.reserve(row_table_bytes(table)));
  fill_row_table(width, plan, table);
  const size_t tail_bytes = Carver::bytes<uint8_t>(row_tails_bytes(table));
  Carver carver(scratch.rows.reserve(tail_bytes + row_bytes * static_cast<size_t>(at_once) +
                                     Carver::bytes<const uint8_t*>(pointers)));
  uint8_t* const tails = carver.take<uint8_t>(tail_bytes);
  uint8_t* const blended = carver.take<uint8_t>(row_bytes * static_cast<size_t>(at_once));
  const uint8_t** const taps = carver.take<const uint8_t*>(pointers);
  for (int i = 0; i < y.size; i += at_once) {
    std::array<const uint8_t*, kMostRowsAtOnce> rows;
    std::array<void*, kMostRowsAtOnce> outs;
    for (int j = 0; j < at_once; ++j) {
      const int output = std::min(i + j, y.size - 1);
      uint8_t* const row = blended + row_bytes * static_cast<size_t>(output - i);
      if (output == i + j) {
        blend_output(
            y, output, taps, [&](int tap) { return source.at(columns.first, y.start[output] + tap); },
            samples, row);
      }
      rows[j] = row;
      outs[j] = out.row<uint8_t>(output);
    }
    resample_rows(RowForm::kBytes, table, rows.data(), outs.data(), tails);
  }
}

ResizedRows::ResizedRows(RowForm form, const SourceWindow& source, const AxisTaps& x, const AxisTaps& y,
                         size_t extra_bytes, ResizeScratch& scratch)
    : form_(form), source_(&source), taps_(&y) {
  const int channels = source.channels();
  at_once_ = rows_at_once();
  table_ = plan_row_table(x, taps_of(form), channels, source.region.x);
  row_bytes_ = static_cast<ptrdiff_t>(
      Carver::bytes<uint8_t>(static_cast<size_t>(table_.samples) * bytes_of(form) + kMemoryAlignment));
  Carver plan(scratch.plan.reserve(row_table_bytes(table_) + row_plan_bytes(y)));
  fill_row_table(source.region.width, plan, table_);
  plan_ = plan_rows(y, at_once_, plan);
  const size_t tail_bytes = Carver::bytes<uint8_t>(row_tails_bytes(table_));
  const size_t rows_bytes = static_cast<size_t>(row_bytes_) * static_cast<size_t>(plan_.held_mask + 1);
  Carver carver(scratch.rows.reserve(tail_bytes + rows_bytes + Carver::bytes<uint8_t>(extra_bytes)));
  tails_ = carver.take<uint8_t>(tail_bytes);
  rows_ = carver.take<uint8_t>(rows_bytes);
  extra_ = carver.take<uint8_t>(extra_bytes);
}

void ResizedRows::make_more() {
  std::array<const uint8_t*, kMostRowsAtOnce> rows;
  std::array<void*, kMostRowsAtOnce> outs;
  for (int i = 0; i < at_once_; ++i) {
    const int place = std::min(made_ + i, plan_.rows - 1);
    rows[i] = source_->at(source_->region.x, plan_.list[place]);
    outs[i] = rows_ + (place & plan_.held_mask) * row_bytes_;
  }
  resample_rows(form_, table_, rows.data(), outs.data(), tails_);
  made_ = std::min(made_ + at_once_, plan_.rows);
}

}  // namespace stoker
