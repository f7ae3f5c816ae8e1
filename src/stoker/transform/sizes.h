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
  Resampler resampler = Resampler::kPillow;
  Interpolation interpolation = Interpolation::kBilinear;

  void visit(ParameterVisitor& visitor) {
    visitor.choice("resampler", resampler_name, {"pillow", "opencv"},
                   "Whose arithmetic: 'pillow' smooths before it shrinks (antialiasing), 'opencv' does not.");
    visitor.choice("interpolation", interpolation_name,
                   {"nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "box", "hamming", "area"},
                   "'box' and 'hamming' are Pillow's alone, 'nearest_exact' and 'area' OpenCV's.");
  }
  void check(std::string_view owner) {
    resampler = resampler_from_name(resampler_name);
    interpolation = interpolation_from_name(interpolation_name);
    if (!supports(resampler, interpolation)) {
      throw ArgumentError(std::string(owner) + ": interpolation '" + interpolation_name +
                          "' does not exist with resampler '" + resampler_name +
                          "'; choose another of the two.");
    }
  }
  Geometry::Target target(int height, int width) const { return {height, width, resampler, interpolation}; }
};

// For operators with a resampler: only uint8 can be resampled.
inline void require_uint8(std::string_view owner, DType dtype) {
  if (dtype != DType::kUint8) {
    throw ArgumentError(std::string(owner) + ": works on uint8 images, got " + std::string(name_of(dtype)) +
                        "; put it before the operators that make floats.");
  }
}

}  // namespace stoker
