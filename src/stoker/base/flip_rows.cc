#include "stoker/base/flip_rows.h"

#include <array>
#include <cstring>

#define HWY_WANT_AVX3_DL  // the set with a permutation of 64 bytes, which is not compiled by default
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/base/flip_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where a permutation of 64 bytes exists, that many are turned at once; elsewhere 16.
#undef STOKER_TURNS_64
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
#define STOKER_TURNS_64 1
#else
#define STOKER_TURNS_64 0
#endif

template <size_t kPixel, size_t kVector>
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

template <size_t kBytes>
using BytesOf = hn::FixedTag<uint8_t, kBytes>;

template <size_t kBytes>
HWY_INLINE hn::Vec<BytesOf<kBytes>> in_order(const uint8_t* in, const hn::Vec<BytesOf<kBytes>>& order) {
  const auto bytes = hn::LoadU(BytesOf<kBytes>(), in);
#if STOKER_TURNS_64
  if constexpr (kBytes == 64) return {_mm512_permutexvar_epi8(order.raw, bytes.raw)};
#endif
  return hn::TableLookupBytes(bytes, order);
}

// All pixels of a row, in vectors of kVector bytes. False, and nothing done, where the row is too short.
template <size_t kPixel, size_t kVector>
HWY_INLINE bool flip_in_vectors(const uint8_t* in, size_t width, uint8_t* out) {
  using Turn = Order<kPixel, kVector>;
  // A load reads kRest bytes before its pixels; a store writes as many behind its own, where the next one
  // comes. What is written goes upwards, as caches fetch ahead.
  constexpr size_t kSpare = (Turn::kRest + kPixel - 1) / kPixel;
  if (width < Turn::kStep + kSpare) return false;
  HWY_ALIGN static constexpr std::array<uint8_t, kVector> kOrder = Turn::make(Turn::kRest, 0);
  HWY_ALIGN static constexpr std::array<uint8_t, kVector> kEnd = Turn::make(0, Turn::kRest);
  const BytesOf<kVector> d;
  const auto order = hn::Load(d, kOrder.data());
  for (size_t x = 0; x + Turn::kStep + kSpare <= width; x += Turn::kStep)
    hn::StoreU(in_order<kVector>(in + (width - x) * kPixel - kVector, order), d, out + x * kPixel);
  // At most a vector's pixels are left: the last of the result, some of them a second time.
  HWY_ALIGN uint8_t end[kVector];
  hn::Store(in_order<kVector>(in, hn::Load(d, kEnd.data())), d, end);
  std::memcpy(out + (width - Turn::kStep) * kPixel, end + Turn::kRest, Turn::kStep * kPixel);
  return true;
}

template <size_t kPixel>
void flip(const uint8_t* in, size_t width, uint8_t* out) {
#if STOKER_TURNS_64
  if (flip_in_vectors<kPixel, 64>(in, width, out)) return;
#endif
#if HWY_TARGET != HWY_SCALAR
  if (flip_in_vectors<kPixel, 16>(in, width, out)) return;
#endif
  for (size_t x = 0; x < width; ++x) std::memcpy(out + (width - 1 - x) * kPixel, in + x * kPixel, kPixel);
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
