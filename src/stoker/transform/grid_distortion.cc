// grid_distortion: stretches the columns and rows of a grid by random amounts.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stoker/transform/distortion_operator.h"

namespace stoker {
namespace {

// As numpy.sum: pairwise, with eight running sums up to 128 numbers.
double sum_of(const double* values, size_t count) {
  if (count < 8) return std::accumulate(values, values + count, 0.0);
  if (count > 128) {
    const size_t half = count / 2 / 8 * 8;
    return sum_of(values, half) + sum_of(values + half, count - half);
  }
  std::array<double, 8> sums;
  std::copy_n(values, 8, sums.begin());
  size_t i = 8;
  for (; i + 8 <= count; i += 8) {
    for (size_t k = 0; k < 8; ++k) sums[k] += values[i + k];
  }
  double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; i < count; ++i) sum += values[i];
  return sum;
}

class GridDistortion : public DistortionOperator {
 public:
  GridDistortion() : DistortionOperator("grid_distortion") {}

  void parameters(ParameterVisitor& visitor) override {
    visitor.number("num_steps", num_steps_, 1, 1000, "cells", "Columns and rows of the grid.");
    visitor.numbers("distort_limit", distort_limit_, 1, 2, -1, 1, "of a cell",
                    "Least and greatest change of a cell's side; one number d means (-d, d).");
    visitor.boolean("normalized", normalized_, "Scale the cells so that they cover the image again.");
    visit_distortion(visitor);
  }

  void check() override {
    check_sampling();
    make_range("distort_limit", distort_limit_);
    if (num_steps_ != std::floor(num_steps_)) {
      throw ArgumentError("grid_distortion: num_steps must be whole, got " + to_json(Value(num_steps_)) +
                          ".");
    }
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"num_steps", 1.0}, {"p", 1.0}},
            {{"num_steps", 2.0}, {"normalized", false}, {"fill", std::vector<double>{7, 80}}, {"p", 1.0}},
            {{"num_steps", 1.0}, {"border_mode", std::string("reflect_101")}, {"p", 0.6}}};
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->list.resize(2 * (steps() + 1));
    for (double& step : draw->list) step = 1 + rng.uniform(distort_limit_[0], distort_limit_[1]);
    return draw->applies ? can_divide(in) : std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!draw.applies) return;
    if (draw.list.size() != 2 * (steps() + 1)) {
      throw ArgumentError("grid_distortion: a draw's list must hold " + std::to_string(2 * (steps() + 1)) +
                          " steps, those of x first, got " + std::to_string(draw.list.size()) + ".");
    }
    if (const Failure failure = can_divide(in)) throw ArgumentError("grid_distortion: " + failure->found);
  }

 protected:
  FloatMap::Row rows(const Draw& draw, const ImageShape& in) const override {
    const auto middle = draw.list.begin() + static_cast<ptrdiff_t>(steps() + 1);
    return [xs = line({draw.list.begin(), middle}, in.width),
            ys = line({middle, draw.list.end()}, in.height)](int y, float* to_x, float* to_y) {
      std::copy(xs.begin(), xs.end(), to_x);
      std::fill_n(to_y, xs.size(), ys[static_cast<size_t>(y)]);
    };
  }

 private:
  size_t steps() const { return static_cast<size_t>(num_steps_); }

  Failure can_divide(const ImageShape& in) const {
    if (!normalized_ || std::min(in.width, in.height) >= num_steps_) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "grid_distortion",
                       "the image is " + std::to_string(in.height) + " x " + std::to_string(in.width) +
                           " pixels, allowed are sides of at least num_steps=" + std::to_string(steps()),
                       "use larger images or fewer steps"};
  }

  // Coordinates along one axis: each cell runs evenly from where the last one ended, both ends included. What
  // no cell covers stays 0, as in the library.
  std::vector<float> line(std::vector<double> cells, int side) const {
    const int count = static_cast<int>(steps());
    const int cell_px = side / count;
    if (normalized_) {
      const int last_px = std::min(side, (count + 1) * cell_px) - count * cell_px;
      cells.back() *= static_cast<double>(last_px) / cell_px;
      const double factor = (static_cast<double>(side) / cell_px) / sum_of(cells.data(), cells.size());
      for (double& cell : cells) cell *= factor;
    }
    std::vector<float> out(static_cast<size_t>(side), 0);
    double begin = 0;
    for (int i = 0; i <= count; ++i) {
      const int first = i * cell_px;
      const int pixels = std::min(first + cell_px, side) - first;
      const double end = begin + cell_px * cells[static_cast<size_t>(i)];
      const double step = (end - begin) / (pixels - 1);
      for (int k = 0; k < pixels; ++k) {
        const bool is_end = k > 0 && k == pixels - 1;
        const double at = pixels == 1 ? begin : is_end ? end : k * step + begin;
        out[static_cast<size_t>(first + k)] = static_cast<float>(at);
      }
      begin = end;
    }
    return out;
  }

  double num_steps_ = 5;
  std::vector<double> distort_limit_ = {-0.3, 0.3};
  bool normalized_ = true;
};

const RegisterOperator<GridDistortion> kRegistered(
    "grid_distortion", "Stretch the columns and rows of a grid by random amounts.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape. A draw's list holds the steps of x, then "
    "of "
    "y. Pixels, boxes and keypoints equal Albumentations' GridDistortion on OpenCV 4.11.");

}  // namespace
}  // namespace stoker
