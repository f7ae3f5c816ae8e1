#include "stoker/decode/jpeg_entropy_bytes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/decode/jpeg_entropy_bytes.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

size_t unstuff(const uint8_t** from, const uint8_t* end, uint8_t* to, size_t wanted, bool* is_ended) {
  const hn::CappedTag<uint8_t, 32> d;  // see Note [256 bits] in jpeg_pixels_dct.cc
  const size_t step = hn::Lanes(d);
  const auto marker = hn::Set(d, 0xff);
  const uint8_t* in = *from;
  size_t written = 0;
  while (written < wanted) {
    if (static_cast<size_t>(end - in) > step) {
      const auto bytes = hn::LoadU(d, in);
      hn::StoreU(bytes, d, to + written);
      const auto found = hn::FindFirstTrue(d, hn::Eq(bytes, marker));
      if (found < 0) {
        in += step;
        written += step;
        continue;
      }
      in += found;
      written += static_cast<size_t>(found);
    } else if (in == end || *in != 0xff) {
      *is_ended = in == end;
      if (*is_ended) break;
      to[written++] = *in++;
      continue;
    }
    // At an FF.
    if (end - in < 2 || in[1] != 0) {
      *is_ended = true;
      break;
    }
    to[written++] = 0xff;
    in += 2;
  }
  *from = in;
  return written;
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(unstuff);
}  // namespace

size_t unstuff_bytes(const uint8_t** from, const uint8_t* end, uint8_t* to, size_t wanted, bool* is_ended) {
  return HWY_DYNAMIC_DISPATCH(unstuff)(from, end, to, wanted, is_ended);
}

}  // namespace stoker
#endif  // HWY_ONCE
