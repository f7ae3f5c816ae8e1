// Correlation of an image with a small kernel: the image filters' common engine.
//
// uint8, uint16, int16 and float32 images of any channels, border reflected without its edge. uint8 results
// equal cv2.sepFilter2D and cv2.filter2D (4.11, up to 11 x 11) with AVX2, on every CPU; float32 results are
// clipped to [0, 1] as Albumentations does, unless said otherwise.
#pragma once

#include <vector>

#include "stoker/base/image.h"
#include "stoker/transform/resample.h"

namespace stoker {

// Rows and columns through the same symmetric kernel of odd size each, `x_taps` along a row. Taps are what
// the caller computed in double; they are rounded to float32 here. `*_reference` is the plain judge.
void filter_separable(const ConstImage& in, const std::vector<double>& x_taps,
                      const std::vector<double>& y_taps, const Image& out, ResizeScratch& scratch);
void filter_separable_reference(const ConstImage& in, const std::vector<double>& x_taps,
                                const std::vector<double>& y_taps, const Image& out);

// A kernel of odd `height` and `width`, row by row.
struct Kernel2d {
  int height = 0;
  int width = 0;
  std::vector<float> weights;
};

// Whether float32 sums are clipped to [0, 1].
enum class FloatRange : uint8_t { kUnit, kAny };

void filter_2d(const ConstImage& in, const Kernel2d& kernel, const Image& out, ResizeScratch& scratch,
               FloatRange range = FloatRange::kUnit);
void filter_2d_reference(const ConstImage& in, const Kernel2d& kernel, const Image& out,
                         FloatRange range = FloatRange::kUnit);

// exp(-x^2 / (2 sigma^2)), normalised; `size` is odd, sigma above 0.
std::vector<double> gaussian_taps(int size, double sigma);

// Gaussian of `size` x `size` as cv2.GaussianBlur makes it: in fixed point for uint8, as filter_separable
// otherwise.
void gaussian_blur_opencv(const ConstImage& in, int size, double sigma, const Image& out,
                          ResizeScratch& scratch);
void gaussian_blur_opencv_reference(const ConstImage& in, int size, double sigma, const Image& out);

}  // namespace stoker
