// Grids as torchvision makes them for tensors: where in the source the pixels of a result come from.
//
// Places are counted as torch's grid_sample does without align_corners: -1 and 1 are the outer edges of the
// image. All arithmetic is float32 in the order of torch 2.13 on a CPU with AVX-512, on every CPU.
#pragma once

#include <array>
#include <functional>
#include <vector>

namespace stoker {

// Writes the places of row y; both have room for padded_floats(width) numbers.
using GridRow = std::function<void(int y, float* xs, float* ys)>;

// Rows of floats are written in whole vectors, past their end.
inline constexpr size_t kGridSlack = 64;
inline size_t padded_floats(int width) { return static_cast<size_t>(width) + kGridSlack; }

// What torchvision's _get_inverse_affine_matrix gives: two rows of three, about the middle of the image.
using TorchMatrix = std::array<double, 6>;

// A matrix times the pixels of a result of height x width, for a source of from_height x from_width.
GridRow affine_grid(const TorchMatrix& matrix, int from_height, int from_width, int height, int width);

// The eight coefficients of a perspective, on an image that keeps its size.
GridRow perspective_grid(const std::array<double, 8>& coefficients, int height, int width);

// Every pixel at its own place and `displacements` of it: height x width along x, then as many along y. They
// must live as long as the grid is used.
GridRow displaced_grid(const float* displacements, int height, int width);

// The same without vectors, for one pixel; the judge of the rows above.
std::array<float, 2> affine_place(const TorchMatrix& matrix, int from_height, int from_width, int height,
                                  int width, int y, int x);
std::array<float, 2> perspective_place(const std::array<double, 8>& coefficients, int height, int width,
                                       int y, int x);

// Width and height of the image that holds all of a source turned by `matrix`.
struct TorchExtent {
  int height = 0;
  int width = 0;
};
TorchExtent turned_extent(const TorchMatrix& matrix, int height, int width, bool is_v1);

}  // namespace stoker
