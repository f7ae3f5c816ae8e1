// Smooth random displacements: noise, blurred.
#pragma once

#include <cstdint>
#include <vector>

namespace stoker {

struct DisplacementRule {
  int height = 0;
  int width = 0;
  double alpha = 1;         // pixels; what the noise is multiplied by
  double sigma = 50;        // pixels
  int kernel_size = 0;      // odd; 0 for the size that OpenCV takes for sigma
  bool is_gaussian = true;  // normal noise scaled by its greatest size, otherwise uniform in [-1, 1)
  bool same_for_both = false;

  friend bool operator==(const DisplacementRule&, const DisplacementRule&) = default;
};

// Displacements along x, then along y (the same numbers with same_for_both), height x width each: noise from
// Philox with the seed as key, blurred as one image of twice the height (so that the last rows of one touch
// the first of the other, as in Albumentations), with the edge repeated outside. The same on every CPU.
std::vector<float> displacements(const DisplacementRule& rule, uint64_t seed);

// The weights of cv::getGaussianKernel for float images, from the middle outwards.
std::vector<float> half_gaussian(int size, double sigma);

// Blurs `rows` x `columns` packed floats with a symmetric kernel given from its middle outwards, rows first.
void blur_floats(const std::vector<float>& half_kernel, int rows, int columns, float* values);

}  // namespace stoker
