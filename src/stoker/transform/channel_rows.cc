#include "stoker/transform/channel_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/channel_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void reorder_row(const uint8_t* in, size_t width, const std::array<int, 3>& order, uint8_t* out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint8_t> d;
  using V = hn::Vec<decltype(d)>;
  const size_t step = hn::Lanes(d);
  for (; x + step <= width; x += step) {
    V a, b, c;
    hn::LoadInterleaved3(d, in + 3 * x, a, b, c);
    const auto pick = [&](int channel) { return channel == 0 ? a : channel == 1 ? b : c; };
    hn::StoreInterleaved3(pick(order[0]), pick(order[1]), pick(order[2]), d, out + 3 * x);
  }
#endif
  for (; x < width; ++x) {
    for (size_t c = 0; c < 3; ++c) out[3 * x + c] = in[3 * x + static_cast<size_t>(order[c])];
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(reorder_row);
}  // namespace

void reorder_three_bytes(const uint8_t* in, size_t width, const std::array<int, 3>& order, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(reorder_row)(in, width, order, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
