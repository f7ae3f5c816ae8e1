#include "stoker/decode/jpeg_baseline.h"

#include <algorithm>
#include <cstdio>
// clang-format off: jpeglib.h needs FILE and size_t
#include <jpeglib.h>
// clang-format on

#include "stoker/base/clock.h"

namespace stoker {
namespace {

// Blocks that are decoded before they are transformed: few enough to stay in the nearest cache.
constexpr int kRunBlocks = 48;

// Samples between two looks at the clock: some 5 ms.
constexpr int64_t kSamplesPerClock = int64_t{1} << 20;

JpegCode code_of(const JHUFF_TBL* table) { return {table->bits, table->huffval}; }

int divided_up(int a, int b) { return (a + b - 1) / b; }

// The last row of MCUs that libjpeg-turbo reads for a region whose last row is `y`.
int last_mcu_row_read(const JpegFrame& frame, int y) {
  const int row = (y / frame.mcu_height_px() / frame.row_group + 1) * frame.row_group - 1;
  const bool is_near_next = y % frame.mcu_height_px() >= frame.mcu_height_px() - frame.max_v;
  const bool reads_ahead = is_near_next && JpegPixels::needs_next_row(frame);
  return std::min(frame.mcu_rows - 1, row + (reads_ahead ? 1 : 0));
}

bool is_over(const JpegPatience& patience) {
  return (patience.is_cancelled != nullptr && *patience.is_cancelled) ||
         thread_cpu_ns() - patience.start_cpu_ns > patience.max_cpu_ns;
}

}  // namespace

DecodeRoute describe_jpeg(const jpeg_decompress_struct& library, JpegFrame* frame, JpegScan* scan) {
  if (library.progressive_mode) return DecodeRoute::kProgressive;
  if (library.arith_code) return DecodeRoute::kArithmetic;
  const int count = library.num_components;
  switch (library.jpeg_color_space) {
    case JCS_GRAYSCALE:
      frame->model = JpegModel::kGray;
      break;
    case JCS_YCbCr:
      frame->model = JpegModel::kYcc;
      break;
    case JCS_RGB:
      frame->model = JpegModel::kRgb;
      break;
    default:
      return DecodeRoute::kColor;
  }
  if (count != (frame->model == JpegModel::kGray ? 1 : 3)) return DecodeRoute::kColor;
  if (library.data_precision != 8 || library.comps_in_scan != count || library.Ss != 0 || library.Se != 63 ||
      library.Ah != 0 || library.Al != 0) {
    return DecodeRoute::kScans;
  }
  frame->width_px = static_cast<int>(library.image_width);
  frame->height_px = static_cast<int>(library.image_height);
  frame->component_count = count;
  frame->max_h = frame->max_v = 1;
  frame->mcu_blocks = 0;
  for (int c = 0; c < count; ++c) {
    const jpeg_component_info& from = library.comp_info[c];
    if (library.cur_comp_info[c] != &from) return DecodeRoute::kScans;
    JpegComponent& to = frame->components[c];
    // A scan of one component has MCUs of one block, whatever the sampling.
    to.h = count == 1 ? 1 : from.h_samp_factor;
    to.v = count == 1 ? 1 : from.v_samp_factor;
    if (to.h > 2 || to.v > 2) return DecodeRoute::kSampling;
    to.first_block = frame->mcu_blocks;
    frame->mcu_blocks += to.h * to.v;
    frame->max_h = std::max(frame->max_h, to.h);
    frame->max_v = std::max(frame->max_v, to.v);
    const auto is_slot = [](int slot) { return slot >= 0 && slot < NUM_HUFF_TBLS; };
    if (!is_slot(from.dc_tbl_no) || !is_slot(from.ac_tbl_no) || !is_slot(from.quant_tbl_no)) {
      return DecodeRoute::kScans;
    }
    const JHUFF_TBL* dc = library.dc_huff_tbl_ptrs[from.dc_tbl_no];
    const JHUFF_TBL* ac = library.ac_huff_tbl_ptrs[from.ac_tbl_no];
    const JQUANT_TBL* quantization = library.quant_tbl_ptrs[from.quant_tbl_no];
    if (dc == nullptr || ac == nullptr || quantization == nullptr) return DecodeRoute::kScans;
    scan->dc[c] = code_of(dc);
    scan->ac[c] = code_of(ac);
    to.quantization = quantization->quantval;
  }
  if (frame->mcu_blocks > kJpegMaxMcuBlocks) return DecodeRoute::kSampling;
  for (int c = 0; c < count; ++c) {
    JpegComponent& component = frame->components[c];
    component.width_px = divided_up(frame->width_px * component.h, frame->max_h);
    component.height_px = divided_up(frame->height_px * component.v, frame->max_v);
  }
  frame->row_group = count == 1 ? library.comp_info[0].v_samp_factor : 1;
  frame->mcu_columns = divided_up(frame->width_px, frame->mcu_width_px());
  frame->mcu_rows = divided_up(frame->height_px, frame->mcu_height_px());
  scan->restart_mcus = static_cast<int>(library.restart_interval);
  scan->bytes = {library.src->next_input_byte, library.src->bytes_in_buffer};
  return DecodeRoute::kOwn;
}

DecodeRoute JpegBaseline::decode(const JpegFrame& frame, const JpegScan& scan, const Rect& region,
                                 JpegPixelKind kind, const JpegPatience& patience, uint8_t* out,
                                 ptrdiff_t out_row_bytes) {
  if (!entropy_.begin(frame, scan)) return DecodeRoute::kDamaged;
  pixels_.begin(frame, region, kind, out, out_row_bytes);
  const JpegPixels::Range columns = pixels_.mcu_columns();
  const JpegPixels::Range rows = pixels_.mcu_rows();
  const int end_row = std::max(rows.end, last_mcu_row_read(frame, region.y + region.height - 1) + 1);
  const int run_mcus = std::min(kRunBlocks / frame.mcu_blocks, columns.end - columns.first);
  const size_t run_blocks = static_cast<size_t>(run_mcus) * frame.mcu_blocks;
  constexpr size_t kBlockBytes = kJpegBlockSize * sizeof(int16_t);
  uint8_t* const memory = coefficients_.reserve(run_blocks * (kBlockBytes + 1));
  const JpegCoefficients run{reinterpret_cast<int16_t*>(memory), memory + run_blocks * kBlockBytes};

  const int64_t row_samples = int64_t{frame.mcu_columns} * frame.mcu_blocks * kJpegBlockSize;
  int64_t samples = 0;
  for (int row = 0; row < end_row; ++row) {
    samples += row_samples;
    if (samples >= kSamplesPerClock) {
      samples = 0;
      if (is_over(patience)) return DecodeRoute::kDamaged;
    }
    if (row < rows.first || row >= rows.end) {
      if (!entropy_.skip(frame.mcu_columns)) return DecodeRoute::kDamaged;
      continue;
    }
    if (!entropy_.skip(columns.first)) return DecodeRoute::kDamaged;
    for (int column = columns.first; column < columns.end; column += run_mcus) {
      const int count = std::min(run_mcus, columns.end - column);
      if (!entropy_.read(count, run)) return DecodeRoute::kDamaged;
      if (!pixels_.add(row, column, count, run)) return DecodeRoute::kExtreme;
    }
    if (!entropy_.skip(frame.mcu_columns - columns.end)) return DecodeRoute::kDamaged;
    pixels_.finish_row(row);
  }
  return DecodeRoute::kOwn;
}

}  // namespace stoker
