#include "stoker/base/flip_rows.h"

#include <array>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/base/flip_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kVector = 16;

template <size_t kPixel>
struct Order {
  static constexpr size_t kStep = kVector / kPixel;          // whole pixels in a vector
  static constexpr size_t kRest = kVector - kStep * kPixel;  // bytes left over
  // The pixels of a vector turned: read from byte `from` on, written from byte `to` on.
  static constexpr std::array<uint8_t, kVector> make(size_t from, size_t to) {
    std::array<uint8_t, kVector> order{};
    for (size_t i = 0; i < kStep * kPixel; ++i)
      order[to + i] = static_cast<uint8_t>(from + (kStep - 1 - i / kPixel) * kPixel + i % kPixel);
    return order;
  }
};

template <size_t kPixel>
void flip(const uint8_t* in, size_t width, uint8_t* out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  using Turn = Order<kPixel>;
  HWY_ALIGN static constexpr std::array<uint8_t, kVector> kOrder = Turn::make(0, Turn::kRest);
  HWY_ALIGN static constexpr std::array<uint8_t, kVector> kEnd = Turn::make(Turn::kRest, 0);
  const hn::FixedTag<uint8_t, kVector> d;
  const auto table = hn::Load(d, kOrder.data());
  // A load reads kRest bytes behind its pixels; a store writes as many before its own, where the next one
  // comes.
  constexpr size_t kSpare = (Turn::kRest + kPixel - 1) / kPixel;
  for (; x + Turn::kStep + kSpare <= width; x += Turn::kStep) {
    const auto turned = hn::TableLookupBytes(hn::LoadU(d, in + x * kPixel), table);
    hn::StoreU(turned, d, out + (width - Turn::kStep - x) * kPixel - Turn::kRest);
  }
  // At most a vector's pixels are left: the last of the row, some of them a second time.
  if (x > 0) {
    HWY_ALIGN uint8_t end[kVector];
    const uint8_t* last = in + width * kPixel - kVector;
    hn::Store(hn::TableLookupBytes(hn::LoadU(d, last), hn::Load(d, kEnd.data())), d, end);
    std::memcpy(out, end, Turn::kStep * kPixel);
    return;
  }
#endif
  for (; x < width; ++x) std::memcpy(out + (width - 1 - x) * kPixel, in + x * kPixel, kPixel);
}

template <size_t kPixel>
void flip_all(const FlipRows& rows) {
  for (size_t y = 0; y < rows.height; ++y) {
    const auto at = static_cast<ptrdiff_t>(y);
    flip<kPixel>(rows.in + at * rows.in_row_bytes, rows.width, rows.out + at * rows.out_row_bytes);
  }
}

void flip_rows_of(const FlipRows& rows, size_t pixel_bytes) {
  switch (pixel_bytes) {
    case 1:
      return flip_all<1>(rows);
    case 2:
      return flip_all<2>(rows);
    case 3:
      return flip_all<3>(rows);
    case 4:
      return flip_all<4>(rows);
    case 6:
      return flip_all<6>(rows);
    case 8:
      return flip_all<8>(rows);
    case 12:
      return flip_all<12>(rows);
    default:
      break;
  }
  for (size_t y = 0; y < rows.height; ++y) {
    const auto at = static_cast<ptrdiff_t>(y);
    const uint8_t* in = rows.in + at * rows.in_row_bytes;
    uint8_t* out = rows.out + at * rows.out_row_bytes;
    for (size_t x = 0; x < rows.width; ++x)
      std::memcpy(out + (rows.width - 1 - x) * pixel_bytes, in + x * pixel_bytes, pixel_bytes);
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(flip_rows_of);
}  // namespace

void flip_rows(const FlipRows& rows, size_t pixel_bytes) {
  HWY_DYNAMIC_DISPATCH(flip_rows_of)(rows, pixel_bytes);
}

}  // namespace stoker
#endif  // HWY_ONCE
