// motion_blur: the mean along a short random line.

#include <algorithm>
#include <cmath>

#include "stoker/transform/blur_limit.h"
#include "stoker/transform/filter2d.h"

namespace stoker {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kMaxSizePx = 99;

class MotionBlur : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    size_.visit(visitor);
    visitor.boolean("allow_shifted", allow_shifted_, "Move the line off the kernel's centre at random.");
    visitor.numbers("angle_range", angle_range_, 2, 2, 0, 360, "degrees",
                    "Least and greatest angle of the line.");
    visitor.numbers("direction_range", direction_range_, 2, 2, -1, 1, "",
                    "Least and greatest direction: -1 the line's backward half, 1 its forward half, 0 both.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    size_.check("motion_blur");
    for (const auto* range : {&angle_range_, &direction_range_}) {
      if ((*range)[0] <= (*range)[1]) continue;
      throw ArgumentError("motion_blur: angle_range and direction_range must be (least, greatest), got (" +
                          to_json(Value((*range)[0])) + ", " + to_json(Value((*range)[1])) + ").");
    }
  }

  std::vector<std::string_view> draw_names() const override {
    return {"kernel_size", "angle", "direction", "shift_x", "shift_y"};
  }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}}, {{"blur_limit", std::vector<double>{9, 11}}, {"allow_shifted", false}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    check_filtered("motion_blur", in);
    return in;
  }

  Failure draw(Rng& rng, const ImageShape&, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = size_.draw(rng);
    draw->values[1] = rng.uniform(angle_range_[0], angle_range_[1]);
    draw->values[2] = rng.uniform(direction_range_[0], direction_range_[1]);
    if (allow_shifted_) {
      const double reach = std::floor(draw->values[0] / 2) / 2;
      draw->values[3] = rng.uniform(-1, 1) * reach;
      draw->values[4] = rng.uniform(-1, 1) * reach;
    }
    draw->list = line(draw->values);
    return std::nullopt;
  }

  void check_draw(const Draw& draw, const ImageShape&) const override {
    const int size = side_of(draw);
    const bool is_square = size * size == static_cast<int>(draw.list.size());
    if (is_square && size % 2 == 1 && size <= kMaxSizePx) return;
    throw ArgumentError(
        "motion_blur: a draw's list must hold the weights of a square kernel with an odd side of at "
        "most 99 pixels, row by row, got " +
        std::to_string(draw.list.size()) + " numbers.");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    filter_2d(in, kernel_of(draw), out, scratch);
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    filter_2d_reference(in, kernel_of(draw), out);
  }

 private:
  static int side_of(const Draw& draw) {
    return static_cast<int>(std::lround(std::sqrt(static_cast<double>(draw.list.size()))));
  }

  static Kernel2d kernel_of(const Draw& draw) {
    const int side = side_of(draw);
    return {side, side, std::vector<float>(draw.list.begin(), draw.list.end())};
  }

  // The kernel: `kernel_size` points along the line, each in its nearest cell, no cell twice.
  static std::vector<double> line(const std::array<double, Draw::kMaxValues>& values) {
    const auto size = static_cast<int>(values[0]);
    const int half = size / 2;
    const double angle = values[1] * (kPi / 180);
    const double direction = values[2];
    const double first = direction > 0 ? -half * (1 - direction) : -half;
    const double last = direction < 0 ? half * (1 + direction) : half;
    std::vector<double> kernel(static_cast<size_t>(size) * static_cast<size_t>(size));
    const auto cell = [size](double place) {
      return static_cast<size_t>(std::clamp(std::rint(place), 0.0, static_cast<double>(size - 1)));
    };
    for (int i = 0; i < size; ++i) {
      const double t = i == size - 1 ? last : first + i * ((last - first) / (size - 1));
      const size_t x = cell(half + std::cos(angle) * t + values[3]);
      const size_t y = cell(half + std::sin(angle) * t + values[4]);
      kernel[y * static_cast<size_t>(size) + x] = 1;
    }
    const auto set = static_cast<float>(std::count(kernel.begin(), kernel.end(), 1.0));
    for (double& weight : kernel) weight = static_cast<double>(static_cast<float>(weight) / set);
    return kernel;
  }

  BlurLimit size_{kMaxSizePx};
  bool allow_shifted_ = true;
  std::vector<double> angle_range_ = {0, 360};
  std::vector<double> direction_range_ = {-1, 1};
  double p_ = 0.5;
};

const RegisterOperator<MotionBlur> kRegistered(
    "motion_blur", "Blur along a short random line.",
    "(H, W, C) uint8, uint16, int16 or float32 -> the same shape; float32 is clipped to [0, 1]. A draw's "
    "list is the "
    "kernel, row by row; the values tell how it came about. Pixels equal Albumentations' MotionBlur "
    "(cv2.filter2D) "
    "for kernels up to 11 x 11; above, OpenCV goes through a Fourier transform and may differ by 1 level.");

}  // namespace
}  // namespace stoker
