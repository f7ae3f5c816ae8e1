#include "stoker/decode/jpeg_pixels.h"

#include <algorithm>
#include <cstring>

#include "stoker/decode/color.h"
#include "stoker/decode/jpeg_pixels_kernels.h"

namespace stoker {
namespace {

constexpr size_t kAlign = kMemoryAlignment;
// Narrower components are not smoothed across.
constexpr int kLeastSmoothWidth = 3;

size_t rounded_up(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

JpegPixels::Way JpegPixels::way_across(const JpegFrame& frame, const JpegComponent& component) {
  if (component.h == frame.max_h) return Way::kSame;
  return component.width_px < kLeastSmoothWidth ? Way::kRepeat : Way::kSmooth;
}

JpegPixels::Way JpegPixels::way_down(const JpegFrame& frame, const JpegComponent& component) {
  if (component.v == frame.max_v) return Way::kSame;
  return way_across(frame, component) == Way::kRepeat ? Way::kRepeat : Way::kSmooth;
}

bool JpegPixels::needs_next_row(const JpegFrame& frame) {
  return std::any_of(frame.components, frame.components + frame.component_count,
                     [&](const JpegComponent& each) { return way_down(frame, each) == Way::kSmooth; });
}

void JpegPixels::begin(const JpegFrame& frame, const Rect& region, JpegPixelKind kind, uint8_t* out,
                       ptrdiff_t out_row_bytes) {
  frame_ = &frame;
  region_ = region;
  kind_ = kind;
  out_ = out;
  out_row_bytes_ = out_row_bytes;
  next_y_ = region.y;
  mcu_columns_ = {frame.mcu_columns, 0};
  mcu_rows_ = {frame.mcu_rows, 0};

  const auto samples_of = [](Way way, int first, int size, int limit) {
    if (way == Way::kSame) return Range{first, first + size};
    const int margin = way == Way::kSmooth ? 1 : 0;
    return Range{std::max(0, first / 2 - margin), std::min(limit, (first + size - 1) / 2 + 1 + margin)};
  };
  const auto blocks_of = [](Range samples) {
    return Range{samples.first / kJpegBlockSide, (samples.end + kJpegBlockSide - 1) / kJpegBlockSide};
  };
  const auto widen = [](Range* mcus, Range blocks, int a_mcu) {
    mcus->first = std::min(mcus->first, blocks.first / a_mcu);
    mcus->end = std::max(mcus->end, (blocks.end + a_mcu - 1) / a_mcu);
  };
  size_t total_bytes = 0;
  for (int c = 0; c < frame.component_count; ++c) {
    const JpegComponent& from = frame.components[c];
    Component& to = components_[c];
    to.across = way_across(frame, from);
    to.down = way_down(frame, from);
    to.block_columns = blocks_of(samples_of(to.across, region.x, region.width, from.width_px));
    to.block_rows = blocks_of(samples_of(to.down, region.y, region.height, from.height_px));
    widen(&mcu_columns_, to.block_columns, from.h);
    widen(&mcu_rows_, to.block_rows, from.v);
    const int width_px = (to.block_columns.end - to.block_columns.first) * kJpegBlockSide;
    to.row_bytes =
        static_cast<ptrdiff_t>(kAlign + rounded_up(static_cast<size_t>(width_px) + kJpegSlackBytes));
    to.ring_rows = 2 * kJpegBlockSide * from.v;
    total_bytes += static_cast<size_t>(to.row_bytes) * to.ring_rows;
  }
  const size_t upsampled_bytes = rounded_up(static_cast<size_t>(region.width) + 4 + 2 * kJpegSlackBytes);
  total_bytes += kJpegMaxComponents * upsampled_bytes + rounded_up(3 * static_cast<size_t>(region.width));
  uint8_t* memory = memory_.reserve(total_bytes);
  for (int c = 0; c < frame.component_count; ++c) {
    Component& to = components_[c];
    to.samples = memory + kAlign;
    memory += to.row_bytes * to.ring_rows;
    to.upsampled = memory;
    memory += upsampled_bytes;
  }
  color_row_ = memory;
}

uint8_t* JpegPixels::sample_row(int component, int y) const {
  const Component& of = components_[component];
  y = std::clamp(y, 0, frame_->components[component].height_px - 1);
  return of.samples + y % of.ring_rows * of.row_bytes;
}

bool JpegPixels::add(int mcu_row, int first, int count, const JpegCoefficients& coefficients) {
  for (int c = 0; c < frame_->component_count; ++c) {
    const JpegComponent& component = frame_->components[c];
    const Component& to = components_[c];
    const int begin = std::max(first * component.h, to.block_columns.first);
    const int end = std::min((first + count) * component.h, to.block_columns.end);
    if (begin >= end) continue;
    for (int v = 0; v < component.v; ++v) {
      const int block_row = mcu_row * component.v + v;
      if (block_row < to.block_rows.first || block_row >= to.block_rows.end) continue;
      const int first_block = component.first_block + v * component.h;
      const int ring_row = block_row * kJpegBlockSide % to.ring_rows;
      const bool is_exact = inverse_dct(
          {.blocks = coefficients.blocks + first_block * kJpegBlockSize,
           .last = coefficients.last + first_block,
           .quantization = component.quantization,
           .h_shift = component.h - 1,
           .mcu_blocks = frame_->mcu_blocks,
           .first = begin - first * component.h,
           .count = end - begin,
           .out = to.samples + ring_row * to.row_bytes + (begin - to.block_columns.first) * kJpegBlockSide,
           .out_row_bytes = to.row_bytes});
      if (!is_exact) return false;
    }
  }
  return true;
}

// Smoothing looks one sample beyond the image's columns and finds the outermost again.
void JpegPixels::extend_edges(int mcu_row) {
  for (int c = 0; c < frame_->component_count; ++c) {
    const JpegComponent& component = frame_->components[c];
    const Component& to = components_[c];
    if (to.across != Way::kSmooth) continue;
    const bool has_left = to.block_columns.first == 0;
    const int end = component.width_px - to.block_columns.first * kJpegBlockSide;
    const bool has_right = to.block_columns.end * kJpegBlockSide >= component.width_px;
    const int rows = component.v * kJpegBlockSide;
    uint8_t* row = to.samples + mcu_row * rows % to.ring_rows * to.row_bytes;
    for (int i = 0; i < rows; ++i, row += to.row_bytes) {
      if (has_left) row[-1] = row[0];
      if (has_right) row[end] = row[end - 1];
    }
  }
}

// One component's samples of pixel row `y`, from pixel column region_.x on.
const uint8_t* JpegPixels::upsample(int component, int y) {
  const Component& of = components_[component];
  const int first_sample = of.block_columns.first * kJpegBlockSide;
  const bool is_same_down = of.down == Way::kSame;
  const uint8_t* const near = sample_row(component, is_same_down ? y : y / 2);
  const uint8_t* const far =
      of.down == Way::kSmooth ? sample_row(component, y / 2 + (y % 2 == 0 ? -1 : 1)) : near;
  if (of.across == Way::kSame) {
    const int skipped = region_.x - first_sample;
    if (is_same_down) return near + skipped;
    upsample_rows(near + skipped, far + skipped, 1 + y % 2, static_cast<size_t>(region_.width), of.upsampled);
    return of.upsampled;
  }
  const int first = region_.x / 2;
  const auto count = static_cast<size_t>((region_.x + region_.width - 1) / 2 + 1 - first);
  const int skipped = first - first_sample;
  if (of.across == Way::kRepeat) {
    for (size_t i = 0; i < count; ++i) of.upsampled[2 * i] = of.upsampled[2 * i + 1] = near[skipped + i];
  } else if (is_same_down) {
    upsample_columns(near + skipped, count, of.upsampled);
  } else {
    upsample_both(near + skipped, far + skipped, count, of.upsampled);
  }
  return of.upsampled + region_.x % 2;
}

void JpegPixels::write_row(int y, uint8_t* to) {
  const auto width = static_cast<size_t>(region_.width);
  const uint8_t* rows[kJpegMaxComponents];
  for (int c = 0; c < frame_->component_count; ++c) rows[c] = upsample(c, y);
  const bool is_bgr = kind_ == JpegPixelKind::kBgr;
  if (frame_->model == JpegModel::kGray) {
    if (kind_ == JpegPixelKind::kGray) {
      std::memcpy(to, rows[0], width);
    } else {
      pixels_from_planes(rows[0], rows[0], rows[0], width, to);
    }
    return;
  }
  uint8_t* const colors = kind_ == JpegPixelKind::kGray ? color_row_ : to;
  if (frame_->model == JpegModel::kYcc) {
    pixels_from_ycc(rows[0], rows[1], rows[2], width, is_bgr, colors);
  } else {
    pixels_from_planes(rows[is_bgr ? 2 : 0], rows[1], rows[is_bgr ? 0 : 2], width, colors);
  }
  if (kind_ == JpegPixelKind::kGray) gray_from_rgb(colors, to, region_.width);
}

void JpegPixels::finish_row(int mcu_row) {
  extend_edges(mcu_row);
  int end = region_.y + region_.height;
  if (mcu_row + 1 < frame_->mcu_rows) {
    const int ahead = needs_next_row(*frame_) ? 1 : 0;
    end = std::min(end, (mcu_row + 1) * frame_->mcu_height_px() - ahead);
  }
  for (; next_y_ < end; ++next_y_) write_row(next_y_, out_ + (next_y_ - region_.y) * out_row_bytes_);
}

}  // namespace stoker
