// smallest_max_size: its shorter side to a fixed length, the aspect ratio kept.

#include <algorithm>

#include "stoker/transform/scale_operator.h"

namespace stoker {
namespace {

class SmallestMaxSize : public MaxSizeOperator {
 private:
  std::string_view owner() const override { return "smallest_max_size"; }
  int measured(int height, int width) const override { return std::min(height, width); }
  double chosen(double height_scale, double width_scale) const override {
    return std::max(height_scale, width_scale);
  }
};

const RegisterOperator<SmallestMaxSize> kRegistered(
    "smallest_max_size", "Resize an image so that its shorter side has a given length.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C), the aspect ratio kept. With "
    "max_size_hw both bounds are met, so "
    "that the image covers them. "
    "Pixels, boxes and keypoints equal Albumentations' SmallestMaxSize.");

}  // namespace
}  // namespace stoker
