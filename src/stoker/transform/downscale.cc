// downscale: the image made small and large again.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "stoker/transform/operator.h"
#include "stoker/transform/quantize.h"

namespace stoker {
namespace {

// The pixel that OpenCV's nearest neighbour takes for output `at`. When it shrinks by a factor it keeps the
// factor, though the sides are rounded.
int nearest(int at, double source_per_output, int source) {
  return std::min(static_cast<int>(std::floor(at * source_per_output)), source - 1);
}

// As cv2.resize with sides that were given.
double ratio(int source, int output) { return 1.0 / (static_cast<double>(output) / source); }

int nearest_exact(int at, int source, int output) {
  const int64_t step = ((static_cast<int64_t>(source) << 16) + output / 2) / output;
  return static_cast<int>(std::clamp<int64_t>((step * at + step / 2 - source % 2) >> 16, 0, source - 1));
}

template <int kBytes>
void gather(const uint8_t* from, const std::vector<int32_t>& columns, size_t pixel_bytes, uint8_t* to) {
  const size_t bytes = kBytes != 0 ? kBytes : pixel_bytes;
  for (const int32_t column : columns) {
    std::memcpy(to, from + static_cast<size_t>(column) * bytes, bytes);
    to += bytes;
  }
}

class Downscale : public Operator {
 public:
  OperatorClass operator_class() const override { return OperatorClass::kNeighbourhood; }
  bool is_random() const override { return true; }

  void parameters(ParameterVisitor& visitor) override {
    visitor.numbers("scale_range", scale_range_, 2, 2, 0.001, 1, "of the side",
                    "Least and greatest factor of the small image.");
    visitor.choice("downscale", down_, {"nearest", "nearest_exact"},
                   "OpenCV's interpolation to the small image.");
    visitor.choice("upscale", up_, {"nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area"},
                   "OpenCV's interpolation back.");
    visitor.number("p", p_, 0, 1, "", "Probability that the operator is applied.");
  }

  void check() override {
    if (scale_range_[0] <= scale_range_[1]) return;
    throw ArgumentError("downscale: scale_range must be (least, greatest), got (" +
                        to_json(Value(scale_range_[0])) + ", " + to_json(Value(scale_range_[1])) + ").");
  }

  std::vector<std::string_view> draw_names() const override { return {"scale"}; }

  std::vector<std::map<std::string, Value>> examples() const override {
    return {{{"p", 1.0}},
            {{"scale_range", std::vector<double>{0.3, 1}},
             {"downscale", std::string("nearest_exact")},
             {"p", 1.0}},
            {{"scale_range", std::vector<double>{0.3, 1}}, {"upscale", std::string("bilinear")}, {"p", 1.0}}};
  }

  PlannedShape plan(const PlannedShape& in) const override {
    if (in.dtype == DType::kUint8 || in.dtype == DType::kFloat32) return in;
    throw ArgumentError("downscale: works on uint8 and float32 images, got " +
                        std::string(name_of(in.dtype)) + "; convert the images first.");
  }

  Failure draw(Rng& rng, const ImageShape& in, Draw* draw) const override {
    draw->applies = rng.coin(p_);
    draw->values[0] = rng.uniform(scale_range_[0], scale_range_[1]);
    if (!draw->applies || fits(*draw, in)) return std::nullopt;
    return SampleError{SampleErrorCode::kShape, "downscale", size_problem(*draw, in),
                       "use a larger scale_range, or resize before downscale"};
  }

  void check_draw(const Draw& draw, const ImageShape& in) const override {
    if (!(draw.values[0] > 0 && draw.values[0] <= 1)) {
      throw ArgumentError("downscale: a drawn scale must be above 0 and at most 1, got " +
                          to_json(Value(draw.values[0])) + ".");
    }
    if (!fits(draw, in))
      throw ArgumentError("downscale: " + size_problem(draw, in) + "; use a larger scale.");
  }

  void apply(const Draw& draw, const ConstImage& in, const Image& out,
             ResizeScratch& scratch) const override {
    if (!draw.applies) return copy_pixels(in, out);
    ScratchBuffer levels;  // the resize back uses all of the scratch
    in_levels(in, out, levels, [&](const ConstImage& from, const Image& to) {
      if (keeps_size(draw, from.shape)) return copy_pixels(from, to);
      const std::vector<int32_t> columns = places(draw, in.width());
      const std::vector<int32_t> rows = places(draw, in.height());
      if (up_is_nearest()) return gather_image(from, columns, rows, to);
      ImageShape small = from.shape;
      small.width = static_cast<int>(columns.size());
      small.height = static_cast<int>(rows.size());
      std::vector<uint8_t> memory(small.bytes());
      const Image shrunk = packed_image(memory.data(), small);
      gather_image(from, columns, rows, shrunk);
      resize_image(resize_back(small, from.shape), shrunk, {0, 0, small.width, small.height}, to, scratch);
    });
  }

  void reference(const Draw& draw, const ConstImage& in, const Image& out) const override {
    if (!draw.applies) return copy_pixels(in, out);
    ScratchBuffer memory;
    in_levels(in, out, memory, [&](const ConstImage& from, const Image& to) {
      if (keeps_size(draw, from.shape)) return copy_pixels(from, to);
      ImageShape small = from.shape;
      small.width = side_of(draw, small.width);
      small.height = side_of(draw, small.height);
      std::vector<uint8_t> bytes(small.bytes());
      const Image shrunk = packed_image(bytes.data(), small);
      for (int y = 0; y < small.height; ++y) {
        for (int x = 0; x < small.width; ++x) {
          const uint8_t* pixel =
              from.row<uint8_t>(down(draw, y, from.height())) + down(draw, x, from.width()) * from.channels();
          std::copy_n(pixel, from.channels(), shrunk.row<uint8_t>(y) + x * from.channels());
        }
      }
      resize_image_reference(resize_back(small, from.shape), shrunk, {0, 0, small.width, small.height}, to);
    });
  }

 private:
  bool up_is_nearest() const { return up_ == "nearest" || up_ == "nearest_exact"; }

  static int side_of(const Draw& draw, int side) {
    return static_cast<int>(std::rint(side * draw.values[0]));
  }

  static bool fits(const Draw& draw, const ImageShape& in) {
    return side_of(draw, std::min(in.height, in.width)) >= 1;
  }

  static std::string size_problem(const Draw& draw, const ImageShape& in) {
    return "nothing is left of an image of " + std::to_string(in.height) + " x " + std::to_string(in.width) +
           " pixels at a scale of " + to_json(Value(draw.values[0]));
  }

  // OpenCV copies only where both sides stay.
  static bool keeps_size(const Draw& draw, const ImageShape& in) {
    return side_of(draw, in.height) == in.height && side_of(draw, in.width) == in.width;
  }

  // The source pixel of pixel `at` of the small image.
  int down(const Draw& draw, int at, int side) const {
    const int small = side_of(draw, side);
    if (down_ == "nearest_exact") return nearest_exact(at, side, small);
    return nearest(at, 1.0 / draw.values[0], side);
  }

  // The source pixel of each pixel: of the result, if the way back moves pixels only, or of the small image.
  std::vector<int32_t> places(const Draw& draw, int side) const {
    const int small = side_of(draw, side);
    std::vector<int32_t> all(static_cast<size_t>(up_is_nearest() ? side : small));
    for (int i = 0; i < static_cast<int>(all.size()); ++i) {
      int at = i;
      if (up_is_nearest()) {
        at = up_ == "nearest" ? nearest(i, ratio(small, side), small) : nearest_exact(i, small, side);
      }
      all[static_cast<size_t>(i)] = down(draw, at, side);
    }
    return all;
  }

  static void gather_image(const ConstImage& in, const std::vector<int32_t>& columns,
                           const std::vector<int32_t>& rows, const Image& out) {
    const size_t pixel_bytes = in.shape.pixel_bytes();
    for (size_t y = 0; y < rows.size(); ++y) {
      auto* const to = out.row<uint8_t>(static_cast<int>(y));
      if (y > 0 && rows[y] == rows[y - 1]) {
        std::memcpy(to, out.row<uint8_t>(static_cast<int>(y) - 1), columns.size() * pixel_bytes);
        continue;
      }
      const auto* from = in.row<uint8_t>(rows[y]);
      if (pixel_bytes == 1) {
        gather<1>(from, columns, 1, to);
      } else if (pixel_bytes == 3) {
        gather<3>(from, columns, 3, to);
      } else {
        gather<0>(from, columns, pixel_bytes, to);
      }
    }
  }

  Resize resize_back(const ImageShape& small, const ImageShape& large) const {
    Resize resize;
    resize.resampler = Resampler::kOpencv;
    resize.interpolation = interpolation_from_name(up_);
    resize.source_width = small.width;
    resize.source_height = small.height;
    resize.width = large.width;
    resize.height = large.height;
    resize.roi = {0, 0, large.width, large.height};
    return resize;
  }

  std::vector<double> scale_range_ = {0.25, 0.25};
  std::string down_ = "nearest";
  std::string up_ = "nearest";
  double p_ = 0.5;
};

const RegisterOperator<Downscale> kRegistered(
    "downscale", "Make the image small by a random factor, and large again.",
    "(H, W, C) uint8 or float32 -> the same shape; float32 is rounded to 256 levels of [0, 1]. Pixels equal "
    "Albumentations' Downscale (cv2.resize twice).");

}  // namespace
}  // namespace stoker
