// longest_max_size: its longer side to a fixed length, the aspect ratio kept.

#include <algorithm>

#include "stoker/transform/scale_operator.h"

namespace stoker {
namespace {

class LongestMaxSize : public MaxSizeOperator {
 private:
  std::string_view owner() const override { return "longest_max_size"; }
  int measured(int height, int width) const override { return std::max(height, width); }
  double chosen(double height_scale, double width_scale) const override {
    return std::min(height_scale, width_scale);
  }
};

const RegisterOperator<LongestMaxSize> kRegistered(
    "longest_max_size", "Resize an image so that its longer side has a given length.",
    "(H, W, C) uint8, by OpenCV also uint16, int16 and float32 -> (h, w, C), the aspect ratio kept. With "
    "max_size_hw both bounds are met, so "
    "that the image fits. "
    "Pixels, boxes and keypoints equal Albumentations' LongestMaxSize.");

}  // namespace
}  // namespace stoker
