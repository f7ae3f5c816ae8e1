#include "stoker/transform/pixel_planes.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/pixel_planes.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void part(const uint8_t* rgb, PixelPlanes& planes) {
  const hn::ScalableTag<uint8_t> d;
  const size_t step = hn::Lanes(d);
  HWY_ALIGN uint8_t last[3 * HWY_MAX_BYTES];
  for (size_t x = 0; x < planes.count; x += step, rgb += 3 * step) {
    if (planes.count - x < step) {
      std::memset(last, 0, sizeof(last));
      rgb = static_cast<const uint8_t*>(std::memcpy(last, rgb, 3 * (planes.count - x)));
    }
    hn::Vec<decltype(d)> r, g, b;
    hn::LoadInterleaved3(d, rgb, r, g, b);
    hn::StoreU(r, d, planes.values[0] + x);
    hn::StoreU(g, d, planes.values[1] + x);
    hn::StoreU(b, d, planes.values[2] + x);
  }
}

void join(const PixelPlanes& planes, uint8_t* rgb) {
  const hn::ScalableTag<uint8_t> d;
  const size_t step = hn::Lanes(d);
  HWY_ALIGN uint8_t last[3 * HWY_MAX_BYTES];
  for (size_t x = 0; x < planes.count; x += step, rgb += 3 * step) {
    const size_t count = planes.count - x;
    hn::StoreInterleaved3(hn::LoadU(d, planes.values[0] + x), hn::LoadU(d, planes.values[1] + x),
                          hn::LoadU(d, planes.values[2] + x), d, count < step ? last : rgb);
    if (count < step) std::memcpy(rgb, last, 3 * count);
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(part);
HWY_EXPORT(join);
}  // namespace

void part_pixels(const uint8_t* rgb, size_t count, PixelPlanes& planes) {
  planes.count = count;
  HWY_DYNAMIC_DISPATCH(part)(rgb, planes);
}

void join_pixels(const PixelPlanes& planes, uint8_t* rgb) { HWY_DYNAMIC_DISPATCH(join)(planes, rgb); }

}  // namespace stoker
#endif  // HWY_ONCE
