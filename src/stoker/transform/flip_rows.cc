#include "stoker/transform/flip_rows.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/transform/flip_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// Highway reverses no bytes everywhere: pairs are reversed, then the bytes of each pair swapped.
template <class D, class V>
HWY_INLINE V reversed(D d, V v) {
  if constexpr (sizeof(hn::TFromD<D>) > 1) {
    return hn::Reverse(d, v);
  } else {
    const hn::Repartition<uint16_t, D> pairs;
    const auto turned = hn::Reverse(pairs, hn::BitCast(pairs, v));
    return hn::BitCast(d, hn::Or(hn::ShiftLeft<8>(turned), hn::ShiftRight<8>(turned)));
  }
}
#endif

// Pixels of one element, or of three, by whole vectors; returns how many pixels were done.
template <class Element, size_t kElements>
size_t flip_vectors(const uint8_t* in, size_t width, uint8_t* out) {
#if HWY_TARGET == HWY_SCALAR
  (void)in, (void)width, (void)out;
  return 0;
#else
  const hn::ScalableTag<Element> d;
  const size_t step = hn::Lanes(d);
  const auto* from = reinterpret_cast<const Element*>(in);
  auto* to = reinterpret_cast<Element*>(out);
  size_t x = 0;
  for (; x + step <= width; x += step) {
    Element* end = to + (width - step - x) * kElements;
    if constexpr (kElements == 1) {
      hn::StoreU(reversed(d, hn::LoadU(d, from + x)), d, end);
    } else {
      hn::Vec<decltype(d)> a, b, c;
      hn::LoadInterleaved3(d, from + 3 * x, a, b, c);
      hn::StoreInterleaved3(reversed(d, a), reversed(d, b), reversed(d, c), d, end);
    }
  }
  return x;
#endif
}

template <size_t kBytes>
void flip_rest(const uint8_t* in, size_t x, size_t width, uint8_t* out) {
  for (; x < width; ++x) std::memcpy(out + (width - 1 - x) * kBytes, in + x * kBytes, kBytes);
}

void flip_row_of(const uint8_t* in, size_t width, size_t pixel_bytes, uint8_t* out) {
  switch (pixel_bytes) {
    case 1:
      return flip_rest<1>(in, flip_vectors<uint8_t, 1>(in, width, out), width, out);
    case 2:
      return flip_rest<2>(in, flip_vectors<uint16_t, 1>(in, width, out), width, out);
    case 3:
      return flip_rest<3>(in, flip_vectors<uint8_t, 3>(in, width, out), width, out);
    case 4:
      return flip_rest<4>(in, flip_vectors<uint32_t, 1>(in, width, out), width, out);
    case 6:
      return flip_rest<6>(in, flip_vectors<uint16_t, 3>(in, width, out), width, out);
    case 8:
      return flip_rest<8>(in, flip_vectors<uint64_t, 1>(in, width, out), width, out);
    case 12:
      return flip_rest<12>(in, flip_vectors<uint32_t, 3>(in, width, out), width, out);
    case 16:
      return flip_rest<16>(in, 0, width, out);
    default:
      for (size_t x = 0; x < width; ++x)
        std::memcpy(out + (width - 1 - x) * pixel_bytes, in + x * pixel_bytes, pixel_bytes);
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(flip_row_of);
}  // namespace

void flip_row(const uint8_t* in, size_t width, size_t pixel_bytes, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(flip_row_of)(in, width, pixel_bytes, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
