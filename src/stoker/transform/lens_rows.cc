#include "stoker/transform/lens_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/lens_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace {

// Plain loops: the compiler makes vectors of them, and no step is fused.

void camera(const CameraLens& lens, int y, int count, float* HWY_RESTRICT xs, float* HWY_RESTRICT ys) {
  const double v = (y - (lens.height - 1) * 0.5) / lens.height;
  const double v2 = v * v;
  const double left = (lens.width - 1) * 0.5;
  const double k = lens.k;
  for (int x = 0; x < count; ++x) {
    const double u = (x - left) / lens.width;
    const double r2 = u * u + v2;
    const double stretch = 1 + (k * r2 + k) * r2;
    xs[x] = static_cast<float>(lens.width * (u * stretch) + lens.width * 0.5);
    ys[x] = static_cast<float>(lens.height * (v * stretch) + lens.height * 0.5);
  }
}

void fisheye(const FisheyeLens& lens, int y, int count, float* HWY_RESTRICT xs, float* HWY_RESTRICT ys) {
  const double v = y - lens.center_y;
  for (int x = 0; x < count; ++x) {
    const double u = x - lens.center_x;
    const double stretch = 1 + lens.k * (u * u + v * v);
    xs[x] = static_cast<float>(u * stretch + lens.center_x);
    ys[x] = static_cast<float>(v * stretch + lens.center_y);
  }
}

}  // namespace
}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(camera);
HWY_EXPORT(fisheye);
}  // namespace

void camera_row(const CameraLens& lens, int y, int count, float* xs, float* ys) {
  HWY_DYNAMIC_DISPATCH(camera)(lens, y, count, xs, ys);
}

void fisheye_row(const FisheyeLens& lens, int y, int count, float* xs, float* ys) {
  HWY_DYNAMIC_DISPATCH(fisheye)(lens, y, count, xs, ys);
}

}  // namespace stoker
#endif  // HWY_ONCE
