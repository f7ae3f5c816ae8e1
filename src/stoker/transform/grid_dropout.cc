// grid_dropout: one rectangle in each cell of a grid.

#include <algorithm>
#include <cmath>

#include "stoker/transform/holes.h"
#include "stoker/transform/sizes.h"

namespace stoker {
namespace {

constexpr int64_t kMaxHoles = 1 << 18;

class GridDropout : public HoleOperator {
 public:
  void parameters(ParameterVisitor& visitor) override {
    visitor.number("ratio", ratio_, 1e-6, 1, "of the cell's side",
                   "Side of a hole; at most the cell less 1 px.");
    visitor.boolean("random_offset", random_offset_,
                    "Each hole at a random place in its cell, else at shift_xy.");
    visitor.numbers(
        "unit_size_range", unit_sizes_, 0, 2, 2, kMaxSidePx, "pixels",
        "Least side of a cell, and the first that is not drawn; none for holes_number_xy or tenths.");
    visitor.numbers(
        "holes_number_xy", counts_, 0, 2, 1, 10000, "cells",
        "Cells along the height and along the width, in this order, as the library takes them; none "
        "for unit_size_range or tenths.");
    visitor.numbers("shift_xy", shift_, 2, 2, 0, kMaxSidePx, "pixels",
                    "Place of the holes in their cells without random_offset.");
    visit_fill(visitor);
  }

  void check() override {
    if (!unit_sizes_.empty() && (unit_sizes_.size() != 2 || unit_sizes_[0] >= unit_sizes_[1])) {
      throw ArgumentError("grid_dropout: unit_size_range must be (least, the first too large), got " +
                          to_json(Value(unit_sizes_)) + " pixels.");
    }
    if (counts_.size() == 1) {
      throw ArgumentError("grid_dropout: holes_number_xy must be two numbers of cells, got " +
                          to_json(Value(counts_)) + ".");
    }
    for (const auto* list : {&unit_sizes_, &counts_, &shift_}) {
      for (const double number : *list) {
        if (number == std::floor(number)) continue;
        throw ArgumentError("grid_dropout: sizes, numbers and shifts must be whole, got " +
                            to_json(Value(number)) + ".");
      }
    }
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    const auto list = [](std::vector<double> values) { return Value(std::move(values)); };
    return {{{"p", 1.0}, {"fill", list({200})}},
            {{"holes_number_xy", list({2, 3})}, {"fill_kind", std::string("random")}, {"ratio", 0.8}},
            {{"random_offset", false}, {"shift_xy", list({1, 2})}, {"p", 1.0}},
            {{"unit_size_range", list({2, 5})}, {"fill_kind", std::string("random_uniform")}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p());
    draw_seed(rng, draw);
    draw->list.clear();
    // A side of one pixel, which the library cannot take, is one cell.
    int64_t rows = std::max(1, in.height / std::max(2, in.height / 10));
    int64_t columns = std::max(1, in.width / std::max(2, in.width / 10));
    if (!counts_.empty()) {
      rows = static_cast<int64_t>(counts_[0]);
      columns = static_cast<int64_t>(counts_[1]);
    } else if (!unit_sizes_.empty()) {
      const auto first_too_large = static_cast<int64_t>(unit_sizes_[1]);
      if (first_too_large > std::min(in.height, in.width)) {
        return refuse(in, "unit_size_range reaches to " + std::to_string(first_too_large) + " pixels", draw);
      }
      const int64_t unit = rng.uniform_int(static_cast<int64_t>(unit_sizes_[0]), first_too_large - 1);
      rows = in.height / unit;
      columns = in.width / unit;
    }
    if (rows > in.height || columns > in.width || rows * columns > kMaxHoles) {
      return refuse(in,
                    "the grid has " + std::to_string(rows) + " x " + std::to_string(columns) +
                        " cells, allowed are one a pixel and 262144 in all",
                    draw);
    }
    const std::vector<int64_t> tops = splits(rng, in.height, rows);
    const std::vector<int64_t> lefts = splits(rng, in.width, columns);
    draw->list.reserve(static_cast<size_t>(rows * columns) * 4);
    for (size_t row = 0; row + 1 < tops.size(); ++row) {
      const int64_t cell_height = tops[row + 1] - tops[row];
      const int64_t height = hole_side(cell_height);
      for (size_t column = 0; column + 1 < lefts.size(); ++column) {
        const int64_t cell_width = lefts[column + 1] - lefts[column];
        const int64_t width = hole_side(cell_width);
        const int64_t down =
            random_offset_ ? rng.uniform_int(0, cell_height - height) : static_cast<int64_t>(shift_[1]);
        const int64_t across =
            random_offset_ ? rng.uniform_int(0, cell_width - width) : static_cast<int64_t>(shift_[0]);
        add_hole(std::min(lefts[column] + across, in.width - width),
                 std::min(tops[row] + down, in.height - height), width, height, draw);
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view owner() const override { return "grid_dropout"; }

  static Failure refuse(const ImageShape& in, const std::string& what, const Draw* draw) {
    if (!draw->applies) return std::nullopt;
    return SampleError{
        SampleErrorCode::kShape, "grid_dropout",
        what + ", the image is " + std::to_string(in.height) + " x " + std::to_string(in.width) + " pixels",
        "ask for larger and fewer cells, or resize first"};
  }

  // At least one pixel, and one pixel less than the cell.
  int64_t hole_side(int64_t cell) const {
    const double wanted = std::max(1.0, static_cast<double>(cell) * ratio_);
    return static_cast<int64_t>(std::min(wanted, static_cast<double>(cell) - 1));
  }

  // Begins of near-equal intervals in a random order of their lengths, and the end.
  static std::vector<int64_t> splits(Rng& rng, int64_t side, int64_t parts) {
    std::vector<int64_t> lengths(static_cast<size_t>(parts), side / parts);
    for (int64_t i = 0; i < side % parts; ++i) ++lengths[static_cast<size_t>(i)];
    for (size_t i = lengths.size(); i > 1; --i) {
      const auto other = static_cast<size_t>(rng.uniform_int(0, static_cast<int64_t>(i) - 1));
      std::swap(lengths[i - 1], lengths[other]);
    }
    std::vector<int64_t> at = {0};
    for (const int64_t length : lengths) at.push_back(at.back() + length);
    return at;
  }

  double ratio_ = 0.5;
  bool random_offset_ = true;
  std::vector<double> unit_sizes_;
  std::vector<double> counts_;
  std::vector<double> shift_ = {0, 0};
};

const RegisterOperator<GridDropout> kRegistered(
    "grid_dropout", "Blot out one rectangle in each cell of a grid.",
    "(H, W, C) of any dtype -> the same shape. Boxes shrink to what stays visible. Pixels (random fill "
    "apart), "
    "boxes and keypoints equal Albumentations' GridDropout. Source: Chen et al. 2020, \"GridMask Data "
    "Augmentation\".");

}  // namespace
}  // namespace stoker
