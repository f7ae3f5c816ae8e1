#include "stoker/transform/padding.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "stoker/base/flip_rows.h"
#include "stoker/transform/fill.h"
#include "stoker/transform/single.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

bool reflects(BorderMode mode) { return mode == BorderMode::kReflect || mode == BorderMode::kReflect101; }

int tiles_beyond(int padding, int side) { return (padding + side - 1) / side; }

int64_t remainder_of(int64_t value, int64_t period) {
  const int64_t rest = value % period;
  return rest < 0 ? rest + period : rest;
}

Padding padding_of(const Draw& draw) {
  const auto side = [&](size_t i) { return static_cast<int>(draw.values[i]); };
  return {side(0), side(1), side(2), side(3)};
}

// Far more copies than any image needs; beyond it boxes would be repeated without end.
constexpr int64_t kMaxTiles = 16384;

// A range of tiles along one axis, 0 being the image itself.
struct Tiles {
  int begin = 0;
  int end = 1;
};
Tiles tiles_along(int before, int after, int side) {
  return {-tiles_beyond(before, side), 1 + tiles_beyond(after, side)};
}

// Columns [to, to + count) of the result from columns `from`, `from` + step and so on, step -1, 0 or 1.
struct Run {
  size_t to = 0;
  size_t from = 0;
  size_t count = 0;
  int step = 0;
};

// The columns [begin, end) of the result, all of them padding, as few runs.
void add_runs(BorderMode mode, int left, int side, int begin, int end, std::vector<Run>* runs) {
  if (mode == BorderMode::kConstant) return;
  const auto index = [&](int x) { return border_index(mode, int64_t{x} - left, side); };
  for (int x = begin; x < end;) {
    Run run{static_cast<size_t>(x), static_cast<size_t>(index(x)), 1, 0};
    if (x + 1 < end && std::abs(index(x + 1) - index(x)) <= 1) {
      run.step = index(x + 1) - index(x);
      while (x + 1 < end && index(x + 1) - index(x) == run.step) {
        ++run.count;
        ++x;
      }
    }
    ++x;
    runs->push_back(run);
  }
}

void copy_run(const Run& run, size_t bytes, const uint8_t* from, uint8_t* to) {
  to += run.to * bytes;
  if (run.step == 0) return repeat_pixel(from + run.from * bytes, bytes, run.count, to);
  if (run.step > 0) {
    std::memcpy(to, from + run.from * bytes, run.count * bytes);
  } else {
    flip_rows({from + (run.from + 1 - run.count) * bytes, 0, to, 0, run.count, 1}, bytes);
  }
}

}  // namespace

ImageShape shape_after(const Padding& padding, const ImageShape& in) {
  ImageShape out = in;
  out.height += padding.top + padding.bottom;
  out.width += padding.left + padding.right;
  return out;
}

int border_index(BorderMode mode, int64_t at, int side) {
  if (at >= 0 && at < side) return static_cast<int>(at);
  switch (mode) {
    case BorderMode::kConstant:
      return -1;
    case BorderMode::kReplicate:
      return at < 0 ? 0 : side - 1;
    case BorderMode::kWrap:
      return static_cast<int>(remainder_of(at, side));
    case BorderMode::kReflect: {
      const int64_t rest = remainder_of(at, int64_t{2} * side);
      return static_cast<int>(rest < side ? rest : 2 * int64_t{side} - 1 - rest);
    }
    case BorderMode::kReflect101: {
      if (side == 1) return 0;
      const int64_t period = 2 * (int64_t{side} - 1);
      const int64_t rest = remainder_of(at, period);
      return static_cast<int>(rest < side ? rest : period - rest);
    }
  }
  return -1;
}

void copy_padded(const Padding& padding, BorderMode mode, const std::vector<uint8_t>& fill,
                 const ConstImage& in, const Image& out) {
  const size_t bytes = in.shape.pixel_bytes();
  const auto left = static_cast<size_t>(padding.left);
  const size_t right_begin = left + static_cast<size_t>(in.width());
  std::vector<Run> runs;
  add_runs(mode, padding.left, in.width(), 0, padding.left, &runs);
  add_runs(mode, padding.left, in.width(), padding.left + in.width(), out.width(), &runs);
  for (int y = 0; y < in.height(); ++y) {
    const auto* from = in.row<uint8_t>(y);
    auto* to = out.row<uint8_t>(padding.top + y);
    std::memcpy(to + left * bytes, from, in.shape.row_bytes());
    if (mode == BorderMode::kConstant) {
      repeat_pixel(fill.data(), bytes, left, to);
      repeat_pixel(fill.data(), bytes, static_cast<size_t>(padding.right), to + right_begin * bytes);
    }
    for (const Run& run : runs) copy_run(run, bytes, from, to);
  }
  // Rows above and below repeat finished ones, or the first row of fill.
  const uint8_t* filled = nullptr;
  for (int y = 0; y < out.height(); ++y) {
    const int at = y - padding.top;
    if (at >= 0 && at < in.height()) continue;
    auto* to = out.row<uint8_t>(y);
    const int from = border_index(mode, at, in.height());
    if (from >= 0) {
      std::memcpy(to, out.row<uint8_t>(padding.top + from), out.shape.row_bytes());
    } else if (filled != nullptr) {
      std::memcpy(to, filled, out.shape.row_bytes());
    } else {
      repeat_pixel(fill.data(), bytes, static_cast<size_t>(out.width()), to);
      filled = to;
    }
  }
}

void copy_padded_reference(const Padding& padding, BorderMode mode, const std::vector<uint8_t>& fill,
                           const ConstImage& in, const Image& out) {
  const size_t bytes = in.shape.pixel_bytes();
  // Step by step over one edge after another, until the index lies in the image.
  const auto index = [&](int at, int side) {
    if (mode == BorderMode::kConstant) return at < 0 || at >= side ? -1 : at;
    if (mode == BorderMode::kReflect101 && side == 1) return 0;
    while (at < 0 || at >= side) {
      const bool is_before = at < 0;
      if (mode == BorderMode::kReplicate) at = is_before ? 0 : side - 1;
      if (mode == BorderMode::kWrap) at += is_before ? side : -side;
      if (mode == BorderMode::kReflect) at = is_before ? -1 - at : 2 * side - 1 - at;
      if (mode == BorderMode::kReflect101) at = is_before ? -at : 2 * side - 2 - at;
    }
    return at;
  };
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      const int row = index(y - padding.top, in.height());
      const int column = index(x - padding.left, in.width());
      const uint8_t* from =
          row < 0 || column < 0 ? fill.data() : in.row<uint8_t>(row) + static_cast<size_t>(column) * bytes;
      std::memcpy(out.row<uint8_t>(y) + static_cast<size_t>(x) * bytes, from, bytes);
    }
  }
}

void pad_boxes(const Padding& padding, BorderMode mode, const ImageShape& in, std::vector<Box>& boxes) {
  const ImageShape out = shape_after(padding, in);
  const auto in_pixels = [&](const Box& box) {
    return Box{box.x_min * in.width, box.y_min * in.height, box.x_max * in.width, box.y_max * in.height,
               box.row};
  };
  const auto add = [&](Box box, std::vector<Box>* to) {
    box.x_min /= out.width;
    box.x_max /= out.width;
    box.y_min /= out.height;
    box.y_max /= out.height;
    to->push_back(box);
  };
  std::vector<Box> padded;
  if (!reflects(mode)) {
    for (const Box& each : boxes) {
      Box box = in_pixels(each);
      box.x_min += padding.left;
      box.x_max += padding.left;
      box.y_min += padding.top;
      box.y_max += padding.top;
      add(box, &padded);
    }
    boxes = std::move(padded);
    return;
  }
  const Tiles rows = tiles_along(padding.top, padding.bottom, in.height);
  const Tiles columns = tiles_along(padding.left, padding.right, in.width);
  // The library's grid counts from its own first tile; its sums are kept in their order.
  const double grid_x = static_cast<double>(-columns.begin) * in.width;
  const double grid_y = static_cast<double>(-rows.begin) * in.height;
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) {
      const double cell_x = static_cast<double>(column) * in.width;
      const double cell_y = static_cast<double>(row) * in.height;
      for (const Box& each : boxes) {
        const Box pixels = in_pixels(each);
        Box box = pixels;
        if (column % 2 != 0) {
          box.x_min = in.width - pixels.x_max;
          box.x_max = in.width - pixels.x_min;
        }
        if (row % 2 != 0) {
          box.y_min = in.height - pixels.y_max;
          box.y_max = in.height - pixels.y_min;
        }
        const auto placed = [](double value, double grid, double cell, int before) {
          return value + grid + cell + -(grid - before);
        };
        box.x_min = placed(box.x_min, grid_x, cell_x, padding.left);
        box.x_max = placed(box.x_max, grid_x, cell_x, padding.left);
        box.y_min = placed(box.y_min, grid_y, cell_y, padding.top);
        box.y_max = placed(box.y_max, grid_y, cell_y, padding.top);
        if (box.x_max > 0 && box.y_max > 0 && box.x_min < out.width && box.y_min < out.height)
          add(box, &padded);
      }
    }
  }
  boxes = std::move(padded);
}

void pad_keypoints(const Padding& padding, BorderMode mode, const ImageShape& in,
                   std::vector<Keypoint>& keypoints) {
  if (!reflects(mode)) {
    for (Keypoint& point : keypoints) {
      point.x = kept(point.x + padding.left, point.is_single);
      point.y = kept(point.y + padding.top, point.is_single);
    }
    return;
  }
  const ImageShape out = shape_after(padding, in);
  const Tiles rows = tiles_along(padding.top, padding.bottom, in.height);
  const Tiles columns = tiles_along(padding.left, padding.right, in.width);
  const double grid_x = static_cast<double>(-columns.begin) * in.width;
  const double grid_y = static_cast<double>(-rows.begin) * in.height;
  std::vector<Keypoint> padded;
  for (int row = rows.begin; row < rows.end; ++row) {
    for (int column = columns.begin; column < columns.end; ++column) {
      for (const Keypoint& each : keypoints) {
        const bool single = each.is_single;
        Keypoint point = each;
        // side - x, where a flip alone gives side - 1 - x: the library's own arithmetic of mirrored tiles.
        if (column % 2 != 0) {
          point.x = kept(in.width - point.x, single);
          point.angle = -point.angle;
        }
        if (row % 2 != 0) {
          point.y = kept(in.height - point.y, single);
          point.angle = -point.angle;
        }
        const auto placed = [&](double value, double grid, double cell, int before) {
          const double in_cell = kept(kept(value + grid, single) + cell, single);
          return kept(in_cell - kept(grid - before, single), single);
        };
        point.x = placed(point.x, grid_x, static_cast<double>(column) * in.width, padding.left);
        point.y = placed(point.y, grid_y, static_cast<double>(row) * in.height, padding.top);
        if (point.x >= 0 && point.x < out.width && point.y >= 0 && point.y < out.height)
          padded.push_back(point);
      }
    }
  }
  keypoints = std::move(padded);
}

bool PadOperator::has_geometry() const {
  return mode_ == BorderMode::kConstant && fits_geometry(fill_) && fits_geometry(fill_mask_);
}

int64_t PadOperator::tile_count(const Padding& padding, const ImageShape& in) const {
  const Tiles rows = tiles_along(padding.top, padding.bottom, in.height);
  const Tiles columns = tiles_along(padding.left, padding.right, in.width);
  return int64_t{rows.end - rows.begin} * (columns.end - columns.begin);
}

void PadOperator::check_draw(const Draw& draw, const ImageShape& in) const {
  const auto names = draw_names();
  for (size_t i = 0; i < names.size(); ++i) {
    const double side = draw.values[i];
    if (side >= 0 && side <= kMaxSidePx && side == std::floor(side)) continue;
    throw ArgumentError("pad: the drawn value '" + std::string(names[i]) +
                        "' must be whole pixels between 0 and 16384, got " + to_json(Value(side)) + ".");
  }
  const int64_t tiles = tile_count(padding_of(draw), in);
  if (reflects(mode_) && tiles > kMaxTiles) {
    throw ArgumentError("pad: the padding would mirror the image " + std::to_string(tiles) +
                        " times, allowed are " + std::to_string(kMaxTiles) + " times.");
  }
}

Failure PadOperator::set_draw(std::string_view owner, const Padding& padding, const ImageShape& in,
                              Draw* draw) const {
  draw->values = {static_cast<double>(padding.top), static_cast<double>(padding.bottom),
                  static_cast<double>(padding.left), static_cast<double>(padding.right)};
  const int64_t tiles = tile_count(padding, in);
  if (!draw->applies || !reflects(mode_) || tiles <= kMaxTiles) return std::nullopt;
  return SampleError{SampleErrorCode::kShape, std::string(owner),
                     "the padding would mirror the image of " + std::to_string(in.height) + " x " +
                         std::to_string(in.width) + " pixels " + std::to_string(tiles) +
                         " times, allowed are " + std::to_string(kMaxTiles) + " times",
                     "resize small images first, or use border_mode='constant'"};
}

ImageShape PadOperator::shape_after(const Draw& draw, const ImageShape& in) const {
  return draw.applies ? stoker::shape_after(padding_of(draw), in) : in;
}

Geometry PadOperator::geometry(const Draw& draw, const ImageShape& in) const {
  if (!draw.applies || !has_geometry()) return {};
  const Padding padding = padding_of(draw);
  const ImageShape out = stoker::shape_after(padding, in);
  Geometry geometry;
  geometry.crop = Rect{-padding.left, -padding.top, out.width, out.height};
  geometry.fill = geometry_fill(fill_);
  geometry.mask_fill = geometry_fill(fill_mask_);
  return geometry;
}

void PadOperator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  const std::vector<uint8_t> pixel = filled_pixel(fill_, in.shape, FillRounding::kNearest);
  copy_padded(padding_of(draw), mode_, pixel, in, out);
}

void PadOperator::apply_mask(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  const std::vector<uint8_t> pixel = filled_pixel(fill_mask_, in.shape, FillRounding::kNearest);
  copy_padded(padding_of(draw), mode_, pixel, in, out);
}

void PadOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies) return copy_pixels(in, out);
  const std::vector<uint8_t> pixel = filled_pixel(fill_, in.shape, FillRounding::kNearest);
  copy_padded_reference(padding_of(draw), mode_, pixel, in, out);
}

void PadOperator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (draw.applies) pad_boxes(padding_of(draw), mode_, in, boxes);
}

void PadOperator::move_keypoints(const Draw& draw, const ImageShape& in,
                                 std::vector<Keypoint>& keypoints) const {
  if (draw.applies) pad_keypoints(padding_of(draw), mode_, in, keypoints);
}

void PadOperator::visit_border(ParameterVisitor& visitor) {
  visitor.choice("border_mode", border_mode_, {"constant", "replicate", "reflect", "reflect_101", "wrap"},
                 "What is added: 'constant' the fill, 'replicate' aaa|abcd|ddd, 'reflect' cba|abcd|dcb, "
                 "'reflect_101' dcb|abcd|cba, 'wrap' bcd|abcd|abc.");
  visitor.numbers("fill", fill_, 1, 64, -1e6, 1e6, "levels",
                  "Value of a constant border, one or one a channel; 0 to 255 on uint8 images.");
  visitor.numbers("fill_mask", fill_mask_, 1, 64, -1e6, 1e6, "levels",
                  "Value of a constant border of masks, one or one a channel.");
}

void PadOperator::check_border() {
  if (border_mode_ == "constant") mode_ = BorderMode::kConstant;
  if (border_mode_ == "replicate") mode_ = BorderMode::kReplicate;
  if (border_mode_ == "reflect") mode_ = BorderMode::kReflect;
  if (border_mode_ == "reflect_101") mode_ = BorderMode::kReflect101;
  if (border_mode_ == "wrap") mode_ = BorderMode::kWrap;
}

}  // namespace stoker
