// Parameters that several operators share: a size in pixels, and the choice of a resampler.
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "stoker/transform/operator.h"

namespace stoker {

inline constexpr double kMaxSidePx = 16384;

// Height and width in pixels; one number means a square.
struct SizeParameter {
  std::vector<double> values;

  void visit(ParameterVisitor& visitor, std::string_view doc) {
    visitor.numbers("size", values, 1, 2, 1, kMaxSidePx, "pixels", doc);
  }
  // Throws ArgumentError for a fraction of a pixel.
  void check(std::string_view owner) const {
    for (const double side : values) {
      if (side != std::floor(side)) {
        throw ArgumentError(std::string(owner) + ": size must be whole pixels, got " + to_json(Value(side)) +
                            ".");
      }
    }
  }
  int height() const { return static_cast<int>(values.front()); }
  int width() const { return static_cast<int>(values.back()); }
};

struct ResamplerParameter {
  std::string resampler_name = "pillow";
  std::string interpolation_name = "bilinear";
  std::string mask_interpolation_name = "nearest";
  std::string area_for_downscale = "none";
  Resampler resampler = Resampler::kPillow;
  Interpolation interpolation = Interpolation::kBilinear;
  Interpolation mask_interpolation = Interpolation::kNearest;

  void visit(ParameterVisitor& visitor) {
    const std::vector<std::string> kinds = {"nearest", "nearest_exact", "bilinear", "bicubic",
                                            "lanczos", "box",           "hamming",  "area"};
    visitor.choice(
        "resampler", resampler_name, {"pillow", "opencv", "torch", "torch_rounded"},
        "Whose arithmetic: 'pillow' and 'torch' smooth before they shrink (antialiasing), 'opencv' "
        "does not. 'torch' takes float32 too; 'torch_rounded' is torchvision's v1 on uint8 tensors, "
        "which goes through float32.");
    visitor.choice("interpolation", interpolation_name, kinds,
                   "'box' and 'hamming' are Pillow's alone, 'area' OpenCV's; Pillow has no 'nearest_exact'.");
    visitor.choice("mask_interpolation", mask_interpolation_name, kinds, "The same for masks.");
    visitor.choice(
        "area_for_downscale", area_for_downscale, {"none", "image", "image_mask"},
        "Where 'area' takes the place of the interpolation when the image shrinks; OpenCV's alone.");
  }
  void check(std::string_view owner) {
    resampler = resampler_from_name(resampler_name);
    interpolation = checked(owner, "interpolation", interpolation_name);
    mask_interpolation = checked(owner, "mask_interpolation", mask_interpolation_name);
    if (area_for_downscale != "none" && resampler != Resampler::kOpencv) {
      throw ArgumentError(std::string(owner) + ": area_for_downscale='" + area_for_downscale +
                          "' needs resampler='opencv', got '" + resampler_name + "'.");
    }
  }
  // Throws ArgumentError for images that cannot be resampled so.
  void check_dtype(std::string_view owner, DType dtype) const {
    if (dtype == DType::kUint8) return;
    if (!resamples(resampler, dtype)) {
      const char* more = resampler == Resampler::kTorch    ? " and float32"
                         : resampler == Resampler::kOpencv ? ", uint16, int16 and float32"
                                                           : "";
      throw ArgumentError(
          std::string(owner) + ": works on uint8" + more + " images with resampler '" + resampler_name +
          "', got " + std::string(stoker::name_of(dtype)) + "; put it " +
          (*more != 0 ? "where they are one of them." : "before the operators that make floats."));
    }
    if (resampler == Resampler::kTorch && interpolation == Interpolation::kLanczos) {
      throw ArgumentError(std::string(owner) + ": 'lanczos' works on uint8 images, got float32.");
    }
  }
  // `shrinks` and `mask_shrinks` say whether area_for_downscale applies.
  Geometry::Target target(int height, int width, bool shrinks, bool mask_shrinks) const {
    const bool image_area = shrinks && area_for_downscale != "none";
    const bool mask_area = mask_shrinks && area_for_downscale == "image_mask";
    return {height, width, resampler, image_area ? Interpolation::kArea : interpolation,
            mask_area ? Interpolation::kArea : mask_interpolation};
  }
  // After a crop, as Albumentations: masks take 'area' even where they grow.
  Geometry::Target target_of_crop(const Rect& crop, int height, int width) const {
    return target(height, width, crop.height > height || crop.width > width, true);
  }

 private:
  Interpolation checked(std::string_view owner, std::string_view parameter, const std::string& name) const {
    const Interpolation kind = interpolation_from_name(name);
    if (supports(resampler, kind)) return kind;
    throw ArgumentError(std::string(owner) + ": " + std::string(parameter) + " '" + name +
                        "' does not exist with resampler '" + resampler_name +
                        "'; choose another of the two.");
  }
};

}  // namespace stoker
