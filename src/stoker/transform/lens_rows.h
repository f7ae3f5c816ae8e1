// Coordinates of optical_distortion, a row at a time.
#pragma once

namespace stoker {

struct CameraLens {
  double width;
  double height;
  double k;  // of the second and of the fourth power of the distance from the centre, in image sides
};
void camera_row(const CameraLens& lens, int y, int count, float* xs, float* ys);

struct FisheyeLens {
  double center_x;
  double center_y;
  double k;  // of the second power of the distance from the centre, in pixels
};
void fisheye_row(const FisheyeLens& lens, int y, int count, float* xs, float* ys);

}  // namespace stoker
