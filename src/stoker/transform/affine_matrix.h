// Affine maps as Albumentations 2.0.8 makes them, and what they do to boxes and keypoints.
#pragma once

#include <vector>

#include "stoker/base/boxes.h"
#include "stoker/base/image.h"
#include "stoker/transform/warp.h"

namespace stoker {

struct AffineParts {
  double translate_x = 0;  // pixels
  double translate_y = 0;
  double shear_x = 0;  // degrees, as they enter the matrix (Albumentations draws them with the other sign)
  double shear_y = 0;
  double scale_x = 1;
  double scale_y = 1;
  double rotate = 0;  // degrees, counter-clockwise
};

struct Point {
  double x = 0;
  double y = 0;
};

// The centre of an image for pixels and keypoints, and for boxes, which count from pixel edges.
inline Point pixel_center(const ImageShape& shape) {
  return {shape.width / 2.0 - 0.5, shape.height / 2.0 - 0.5};
}
inline Point box_center(const ImageShape& shape) { return {shape.width / 2.0, shape.height / 2.0}; }

Matrix33 product(const Matrix33& a, const Matrix33& b);

// Scale, rotate, shear and translate, in this order, about `center`. Last row (0, 0, 1).
Matrix33 affine_matrix(const AffineParts& parts, const Point& center);

// As np.allclose against the identity; Albumentations leaves everything untouched then.
bool is_identity(const Matrix33& matrix);

inline Matrix23 upper_rows(const Matrix33& m) { return {m[0], m[1], m[2], m[3], m[4], m[5]}; }

// The matrix moved so that the whole image shows, and the canvas for it.
struct FittedMatrix {
  Matrix33 matrix;
  double height;
  double width;
};
FittedMatrix fitted(const Matrix33& matrix, const ImageShape& in);

enum class BoxMethod : uint8_t { kLargestBox, kEllipse };

// How many mirrored copies of the image in each direction a warp with a reflecting border can show.
struct Tiles {
  double left = 0;
  double right = 0;
  double top = 0;
  double bottom = 0;
  double count() const { return (1 + left + right) * (1 + top + bottom); }
};
Tiles tiles_of(const Matrix33& matrix, const ImageShape& in);
inline constexpr double kMaxTiles = 65536;

// Moves boxes of an image of shape `in` to one of height x width. With a reflecting border each mirrored copy
// counts too. What lies wholly outside is erased.
void move_boxes(const Matrix33& matrix, BoxMethod method, const ImageShape& in, WarpBorder border, int height,
                int width, std::vector<Box>& boxes);

// Moves keypoints; `scale_x` and `scale_y` are what the matrix scales by.
void move_keypoints(const Matrix33& matrix, const ImageShape& in, double scale_x, double scale_y,
                    WarpBorder border, std::vector<Keypoint>& keypoints);

}  // namespace stoker
