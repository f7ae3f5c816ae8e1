// Resizing, to the pixel as Pillow 13, OpenCV 4.11 and torch 2.13 do it for 8-bit images, as OpenCV and torch
// do it for float32, and as OpenCV does it for 16 bits.
//
// Each resampler is one file; both are two passes over tables of taps, in integers but for a few rules.
#pragma once

#include <cstdint>
#include <string_view>

#include "stoker/base/image.h"
#include "stoker/base/memory.h"

namespace stoker {

enum class Interpolation : uint8_t {
  kNearest,
  kNearestExact,  // not Pillow
  kBilinear,
  kBicubic,
  kLanczos,
  kBox,      // Pillow only
  kHamming,  // Pillow only
  kArea,     // OpenCV only
};

// Which library's rule. Pillow and torch antialias when they shrink; OpenCV does not (except kArea).
enum class Resampler : uint8_t {
  kPillow,
  kOpencv,
  kTorch,         // uint8 with integer weights, or float32; Lanczos for uint8 alone
  kTorchRounded,  // uint8 through float32, rounded at the end, as torchvision's v1 transforms do it
};

std::string_view name_of(Interpolation interpolation);
std::string_view name_of(Resampler resampler);
Interpolation interpolation_from_name(std::string_view name);  // throws ArgumentError
Resampler resampler_from_name(std::string_view name);          // throws ArgumentError
// Whether `resampler` takes images of `dtype`.
bool resamples(Resampler resampler, DType dtype);
// Whether `resampler` has `interpolation`.
bool supports(Resampler resampler, Interpolation interpolation);

// Resize an image of source_width x source_height to width x height, and make only `roi` of the result.
struct Resize {
  Resampler resampler = Resampler::kPillow;
  Interpolation interpolation = Interpolation::kBilinear;
  int source_width = 0;
  int source_height = 0;
  int width = 0;
  int height = 0;
  Rect roi;  // within width x height
  DType dtype = DType::kUint8;
};

// Working memory of one thread.
struct ResizeScratch {
  ScratchBuffer taps;
  ScratchBuffer plan;
  ScratchBuffer rows;
};

// The part of the source that `resize` reads.
Rect source_region(const Resize& resize, ResizeScratch& scratch);

// Makes `roi`. `source` holds the pixels of `region` only, where region contains source_region(resize);
// `out` is roi.height x roi.width, of resize.dtype; 1 to 64 channels (fast for 1, 3 and 4).
// Pixels equal those of resizing the whole source and cropping, on every instruction set.
void resize_image(const Resize& resize, const ConstImage& source, const Rect& region, const Image& out,
                  ResizeScratch& scratch);

// The same, plainly: one pixel at a time, no vector code. The judge of resize_image.
void resize_image_reference(const Resize& resize, const ConstImage& source, const Rect& region,
                            const Image& out);

}  // namespace stoker
