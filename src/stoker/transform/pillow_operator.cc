#include "stoker/transform/pillow_operator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "stoker/transform/single.h"

namespace stoker {
namespace {

using Coefficients = std::array<double, 9>;

double radians(double degrees) { return degrees * (std::numbers::pi / 180); }

// In [0, 360).
double in_circle(double degrees) {
  const double rest = std::fmod(degrees, 360);
  return rest < 0 ? rest + 360 : rest;
}

std::array<double, 8> eight_of(const Coefficients& m) {
  return {m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]};
}

// The inverse up to a factor, which the denominator takes away.
Coefficients adjoint(const Coefficients& m) {
  return {m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
          m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
          m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
}

std::array<double, 2> moved(const Coefficients& m, double x, double y) {
  const double w = m[6] * x + m[7] * y + m[8];
  const double inverse = w != 0 ? 1 / w : 0;
  return {(m[0] * x + m[1] * y + m[2]) * inverse, (m[3] * x + m[4] * y + m[5]) * inverse};
}

}  // namespace

PillowOperator::Placement PillowOperator::about_middle(const TorchMatrix& m, const ImageShape& in, int height,
                                                       int width) {
  Placement placement;
  placement.matrix = m;
  placement.coefficients = {m[0], m[1], m[2] - (m[0] * width + m[1] * height) / 2 + in.width * 0.5,
                            m[3], m[4], m[5] - (m[3] * width + m[4] * height) / 2 + in.height * 0.5,
                            0,    0,    1};
  placement.height = height;
  placement.width = width;
  return placement;
}

GridRow PillowOperator::grid_of(const Placement& placement, const ImageShape& in) {
  if (!placement.is_affine)
    return perspective_grid(eight_of(placement.coefficients), placement.height, placement.width);
  return affine_grid(placement.matrix, in.height, in.width, placement.height, placement.width);
}

TorchSampling PillowOperator::torch_sampling(const Placement& placement, int channels) const {
  TorchSampling sampling;
  sampling.interpolation = placement.is_turn ? Interpolation::kNearest : interpolation();
  sampling.is_v1 = is_v1();
  for (size_t c = 0; !fill_.empty() && c < static_cast<size_t>(channels); ++c)
    sampling.fill.push_back(static_cast<float>(fill_[fill_.size() == 1 ? 0 : c]));
  return sampling;
}

void PillowOperator::visit_reading(ParameterVisitor& visitor) {
  visitor.choice("interpolation", interpolation_, {"nearest", "bilinear"},
                 "How image pixels are read between the source's; masks are read at the nearest.");
  visitor.numbers("fill", fill_, 0, 64, -65535, 65535, "levels",
                  "Value outside the image, one for all channels or one a channel; masks take 0. None, with "
                  "torch's arithmetic alone: zeros, as if they were pixels.");
  visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
}

void PillowOperator::visit_arithmetic(ParameterVisitor& visitor) {
  visitor.choice("arithmetic", arithmetic_, {"pillow", "torch", "torch_v1"},
                 "Whose arithmetic: as torchvision on Pillow images, or on tensors in v2 or v1.");
}

void PillowOperator::check_reading() {
  if (is_on_tensors()) return;
  if (fill_.empty()) throw ArgumentError(name_ + ": fill must be given with Pillow's arithmetic.");
  for (const double level : fill_) {
    if (level == std::floor(level) && level >= 0 && level <= 255) continue;
    throw ArgumentError(name_ + ": fill must be whole numbers of 0 to 255, got " + to_json(Value(level)) +
                        ".");
  }
}

void PillowOperator::make_range(const std::string& parameter, std::vector<double>& bounds) const {
  if (bounds.size() == 1) bounds = {-bounds[0], bounds[0]};
  if (bounds[0] <= bounds[1]) return;
  throw ArgumentError(name_ + ": " + parameter +
                      " must be (least, greatest) or one number of at least 0, got (" +
                      to_json(Value(bounds[0])) + ", " + to_json(Value(bounds[1])) + ").");
}

PlannedShape PillowOperator::plan(const PlannedShape& in) const {
  if (in.dtype != DType::kUint8 && !(is_on_tensors() && in.dtype == DType::kFloat32)) {
    throw ArgumentError(name_ + ": works on uint8 images, with torch's arithmetic on float32 too, got " +
                        std::string(name_of(in.dtype)) + "; put it before the operators that make floats.");
  }
  for (const double level : fill_) {
    if (in.dtype != DType::kUint8 || (level >= 0 && level <= 255)) continue;
    throw ArgumentError(name_ + ": fill must be of 0 to 255 for uint8 images, got " + to_json(Value(level)) +
                        ".");
  }
  if (fill_.size() > 1 && in.channels > 0 && fill_.size() != static_cast<size_t>(in.channels)) {
    throw ArgumentError(name_ + ": fill is for " + std::to_string(fill_.size()) +
                        " channels, the images have " + std::to_string(in.channels) +
                        "; give one number for all channels or one a channel.");
  }
  if (keeps_size()) return in;
  return {0, 0, in.channels, in.dtype};
}

ImageShape PillowOperator::shape_after(const Draw& draw, const ImageShape& in) const {
  if (!draw.applies) return in;
  const Placement placement = place(draw, in);
  return {placement.height, placement.width, in.channels, in.dtype};
}

PillowWarp PillowOperator::warp_of(const Placement& placement, Interpolation interpolation,
                                   std::vector<uint8_t> fill) const {
  return {placement.coefficients, placement.is_affine, interpolation, std::move(fill)};
}

std::vector<uint8_t> PillowOperator::fill_of(int channels) const {
  std::vector<uint8_t> fill;
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c)
    fill.push_back(static_cast<uint8_t>(fill_[fill_.size() == 1 ? 0 : c]));
  return fill;
}

void PillowOperator::apply(const Draw& draw, const ConstImage& in, const Image& out, ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  const Placement placement = place(draw, in.shape);
  if (is_on_tensors())
    return torch_grid_sample(grid_of(placement, in.shape), torch_sampling(placement, in.channels()), in, out);
  pillow_warp(warp_of(placement, interpolation(), fill_of(in.channels())), in, out);
}

void PillowOperator::apply_mask(const Draw& draw, const ConstImage& in, const Image& out,
                                ResizeScratch&) const {
  if (!draw.applies) return copy_pixels(in, out);
  const Placement placement = place(draw, in.shape);
  if (is_on_tensors()) return torch_grid_nearest(grid_of(placement, in.shape), in, out);
  std::vector<uint8_t> fill(in.shape.pixel_bytes(), 0);
  pillow_warp(warp_of(placement, Interpolation::kNearest, std::move(fill)), in, out);
}

void PillowOperator::reference(const Draw& draw, const ConstImage& in, const Image& out) const {
  if (!draw.applies || !is_on_tensors()) {
    ResizeScratch scratch;
    return apply(draw, in, out, scratch);
  }
  const Placement placement = place(draw, in.shape);
  const TorchSampling sampling = torch_sampling(placement, in.channels());
  for (int y = 0; y < out.height(); ++y) {
    for (int x = 0; x < out.width(); ++x) {
      const auto [at_x, at_y] =
          placement.is_affine
              ? affine_place(placement.matrix, in.height(), in.width(), out.height(), out.width(), y, x)
              : perspective_place(eight_of(placement.coefficients), in.height(), in.width(), y, x);
      for (int c = 0; c < in.channels(); ++c) {
        const float level = torch_sample_at(at_x, at_y, sampling, in, c);
        const ptrdiff_t at = static_cast<ptrdiff_t>(x) * in.channels() + c;
        if (in.shape.dtype == DType::kFloat32) {
          out.row<float>(y)[at] = level;
        } else {
          out.row<uint8_t>(y)[at] = static_cast<uint8_t>(std::nearbyint(level > 0 ? level : 0));
        }
      }
    }
  }
}

void PillowOperator::move_boxes(const Draw& draw, const ImageShape& in, std::vector<Box>& boxes) const {
  if (!draw.applies) return;
  const Placement placement = place(draw, in);
  const Coefficients forward = adjoint(placement.coefficients);
  for (Box& box : boxes) {
    const double left = box.x_min * in.width;
    const double right = box.x_max * in.width;
    const double top = box.y_min * in.height;
    const double bottom = box.y_max * in.height;
    constexpr double kFar = std::numeric_limits<double>::infinity();
    Box to{kFar, kFar, -kFar, -kFar, box.row, false};
    for (const auto& [x, y] : {std::array{left, top}, {right, top}, {right, bottom}, {left, bottom}}) {
      const auto [to_x, to_y] = moved(forward, x, y);
      to.x_min = std::min(to.x_min, to_x / placement.width);
      to.x_max = std::max(to.x_max, to_x / placement.width);
      to.y_min = std::min(to.y_min, to_y / placement.height);
      to.y_max = std::max(to.y_max, to_y / placement.height);
    }
    box = to;
  }
}

void PillowOperator::move_keypoints(const Draw& draw, const ImageShape& in,
                                    std::vector<Keypoint>& keypoints) const {
  if (!draw.applies) return;
  const Coefficients forward = adjoint(place(draw, in).coefficients);
  const double w = forward[8] != 0 ? forward[8] : 1;
  const double turn = std::atan2(forward[3] / w, forward[0] / w);
  const double growth = std::sqrt(std::abs((forward[0] * forward[4] - forward[1] * forward[3]) / (w * w)));
  for (Keypoint& point : keypoints) {
    const auto [x, y] = moved(forward, point.x + 0.5, point.y + 0.5);
    point = {x - 0.5,   y - 0.5, angle_in_circle(point.angle + turn, false), point.scale * growth,
             point.row, false};
  }
}

PillowOperator::Placement PillowOperator::moved_about(const TorchAffine& affine, double center_x,
                                                      double center_y, const ImageShape& in) const {
  if (is_on_tensors())
    return about_middle(
        inverse_matrix(affine, center_x - in.width * 0.5, center_y - in.height * 0.5, is_v1()), in, in.height,
        in.width);
  const TorchMatrix m = inverse_matrix(affine, center_x, center_y);
  Placement placement;
  placement.coefficients = {m[0], m[1], m[2], m[3], m[4], m[5], 0, 0, 1};
  placement.height = in.height;
  placement.width = in.width;
  return placement;
}

PillowOperator::Placement PillowOperator::torch_rotation(double degrees, const std::vector<double>& center,
                                                         bool expand, const ImageShape& in) const {
  const double angle = is_v1() ? degrees : in_circle(degrees);
  const bool is_quarter = angle == 90 || angle == 270;
  if (!is_v1() && center.empty() &&
      (angle == 0 || angle == 180 || (is_quarter && (expand || in.width == in.height)))) {
    const double cosine = angle == 0 ? 1 : angle == 180 ? -1 : 0;
    const double sine = angle == 90 ? 1 : angle == 270 ? -1 : 0;
    Placement turn = about_middle({cosine, -sine, 0, sine, cosine, 0}, in, is_quarter ? in.width : in.height,
                                  is_quarter ? in.height : in.width);
    turn.is_turn = true;
    return turn;
  }
  TorchAffine affine;
  affine.angle = -angle;
  const TorchMatrix matrix = center.empty() ? inverse_matrix(affine, 0, 0, is_v1())
                                            : inverse_matrix(affine, center[0] - in.width * 0.5,
                                                             center[1] - in.height * 0.5, is_v1());
  TorchExtent extent{in.height, in.width};
  if (expand) extent = turned_extent(matrix, in.height, in.width, is_v1());
  return about_middle(matrix, in, extent.height, extent.width);
}

PillowOperator::Placement PillowOperator::rotation(double given_degrees, const std::vector<double>& center,
                                                   bool expand, const ImageShape& in) const {
  if (is_on_tensors()) return torch_rotation(given_degrees, center, expand, in);
  const double degrees = in_circle(given_degrees);
  Placement placement;
  auto& m = placement.coefficients;
  const double width = in.width;
  const double height = in.height;
  placement.height = in.height;
  placement.width = in.width;
  const bool is_quarter = degrees == 90 || degrees == 270;
  if (center.empty() && (degrees == 0 || degrees == 180 || (is_quarter && (expand || width == height)))) {
    // Pillow turns by whole quarters without arithmetic.
    if (degrees == 180) m = {-1, 0, width, 0, -1, height, 0, 0, 1};
    if (degrees == 90) m = {0, -1, width, 1, 0, 0, 0, 0, 1};
    if (degrees == 270) m = {0, 1, 0, -1, 0, height, 0, 0, 1};
    if (is_quarter) std::swap(placement.height, placement.width);
    return placement;
  }
  const double center_x = center.empty() ? width / 2 : center[0];
  const double center_y = center.empty() ? height / 2 : center[1];
  const double angle = -radians(degrees);
  const double cosine = rounded_to_15_digits(std::cos(angle));
  const double sine = rounded_to_15_digits(std::sin(angle));
  m = {cosine, sine, 0, rounded_to_15_digits(-std::sin(angle)), cosine, 0, 0, 0, 1};
  const auto from = [&m](double x, double y) {
    return std::array{m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
  };
  const auto start = from(-center_x, -center_y);
  m[2] = start[0] + center_x;
  m[5] = start[1] + center_y;
  if (!expand) return placement;
  const std::array corners = {from(0, 0), from(width, 0), from(width, height), from(0, height)};
  const auto size_along = [&corners](size_t axis) {
    const auto [least, most] = std::minmax_element(
        corners.begin(), corners.end(), [axis](const auto& a, const auto& b) { return a[axis] < b[axis]; });
    return static_cast<int>(std::ceil((*most)[axis]) - std::floor((*least)[axis]));
  };
  placement.width = size_along(0);
  placement.height = size_along(1);
  const auto offset = from(-(placement.width - width) / 2, -(placement.height - height) / 2);
  m[2] = offset[0];
  m[5] = offset[1];
  return placement;
}

TorchMatrix inverse_matrix(const TorchAffine& affine, double center_x, double center_y, bool is_v1) {
  const double angle = radians(affine.angle);
  const double shear_y = radians(affine.shear_y);
  const double tangent = std::tan(radians(affine.shear_x));
  const double a = std::cos(angle - shear_y) / std::cos(shear_y);
  const double c = std::sin(angle - shear_y) / std::cos(shear_y);
  double b = -(a * tangent + std::sin(angle));
  double d = std::cos(angle) - c * tangent;
  if (is_v1) {
    b = -std::cos(angle - shear_y) * tangent / std::cos(shear_y) - std::sin(angle);
    d = -std::sin(angle - shear_y) * tangent / std::cos(shear_y) + std::cos(angle);
  }
  TorchMatrix m = {d / affine.scale, -b / affine.scale, 0, -c / affine.scale, a / affine.scale, 0};
  const double to_x = center_x + affine.translate_x;
  const double to_y = center_y + affine.translate_y;
  const auto shift = [&](double across, double down, double center) {
    return is_v1 ? across * -to_x + down * -to_y + center : center - across * to_x - down * to_y;
  };
  m[2] = shift(m[0], m[1], center_x);
  m[5] = shift(m[3], m[4], center_y);
  return m;
}

}  // namespace stoker
