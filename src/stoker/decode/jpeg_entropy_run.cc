#include "stoker/decode/jpeg_entropy_run.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/decode/jpeg_entropy_run.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

#ifndef STOKER_DECODE_JPEG_ENTROPY_RUN
#define STOKER_DECODE_JPEG_ENTROPY_RUN
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "stoker/base/error.h"

namespace stoker {

inline constexpr uint8_t kJpegZigzag[kJpegBlockSize] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Positions behind the block store to the DC coefficient, which is written last. A position is at most 62
// when a step begins, and a step leads at most kJpegNowhere + 16 further.
inline constexpr auto kJpegPlaces = [] {
  std::array<uint8_t, 256> places{};
  for (size_t i = 0; i < kJpegBlockSize; ++i) places[i] = kJpegZigzag[i];
  return places;
}();

}  // namespace stoker
#endif  // STOKER_DECODE_JPEG_ENTROPY_RUN

// Note [bits in registers]
// The bits of a run are a local variable whose address must go nowhere, or compilers store and load it at
// each step. So all that touches it is inlined, and what is not gets a copy.
//
// There is no vector code here: each instruction set is compiled for, because shifts by a variable number of
// bits are one instruction with BMI2 and three without (5 % of the time on Sapphire Rapids).

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {

HWY_INLINE void refill(JpegBits& bits) {
  uint64_t bytes;
  std::memcpy(&bytes, bits.next, sizeof(bytes));
  if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
  bits.buffer |= bytes >> bits.count;
  bits.next += (63 - bits.count) >> 3;
  bits.count |= 56;
}

HWY_INLINE void drop(JpegBits& bits, uint64_t count) {
  bits.buffer <<= count & 63;
  bits.count -= count;
}

// The value of the topmost 63 - `rest` bits of `bits`, as ITU-T T.81 extends it.
HWY_INLINE int32_t extended(uint64_t bits, unsigned rest) {
  const uint64_t is_negative = ~static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63);
  const uint64_t size = ((bits ^ is_negative) >> 1) >> (rest & 63);
  return static_cast<int32_t>((size ^ is_negative) - is_negative);
}

template <bool kReads>
HWY_INLINE bool decode_block(JpegBits& bits, const JpegBlockTables& tables, uint32_t* prediction, int16_t* to,
                             uint8_t* last) {
  constexpr int kAcBits = kReads ? JpegReadTable::kIndexBits : JpegSkipTable::kIndexBits;
  refill(bits);
  const uint32_t dc = tables.dc->entries[bits.buffer >> (64 - JpegDcTable::kIndexBits)];
  if (HWY_LIKELY(dc != 0)) {
    *prediction += static_cast<uint32_t>(extended(bits.buffer << (dc >> 8 & 63), dc >> 16));
    drop(bits, dc & 255);
  } else {
    JpegBits copy = bits;
    const int size = next_jpeg_symbol(copy, *tables.dc_symbols, JpegDcTable::kIndexBits);
    bits = copy;
    if (size < 0) return false;
    *prediction += static_cast<uint32_t>(extended(bits.buffer, static_cast<unsigned>(63 - size)));
    drop(bits, static_cast<uint64_t>(size));
    refill(bits);
  }

  unsigned position = 0;
  unsigned before = 0;
  uint64_t buffer_before = 0;
  uint64_t entry = 0;
  const auto step = [&]() HWY_ATTR __attribute__((always_inline)) {
    before = position;
    buffer_before = bits.buffer;
    const uint64_t index = bits.buffer >> (64 - kAcBits);
    if constexpr (kReads) {
      entry = tables.read->entries[index];
      drop(bits, entry & 255);
      to[kJpegPlaces[position + (entry >> 16 & 255)]] = static_cast<int16_t>(entry >> 48);
      const int32_t second = extended(buffer_before << (entry >> 8 & 63), entry >> 40 & 255);
      to[kJpegPlaces[position + (entry >> 24 & 255)]] = static_cast<int16_t>(second);
      position += entry >> 32 & 255;
    } else {
      entry = tables.skip->entries[index];
      drop(bits, entry & 255);
      position += static_cast<unsigned>(entry >> 8);
    }
    return position >= kJpegLastPosition;
  };

  bool is_out = step();
  if (!is_out) is_out = step();
  for (;;) {
    while (!is_out) {
      refill(bits);
      is_out = step();
      if (!is_out) is_out = step();
      if (!is_out) is_out = step();
    }
    // Out at the last position, or at an end of block that none of the step's symbols overran.
    if (HWY_LIKELY(position == kJpegLastPosition || position - kJpegEnd < kJpegLastPosition)) break;

    // One symbol from where the step began.
    bits.buffer = buffer_before;
    bits.count += entry & 255;
    position = before;
    refill(bits);
    JpegBits copy = bits;
    const int symbol = next_jpeg_symbol(copy, *tables.ac_symbols, kAcBits);
    bits = copy;
    if (symbol < 0) return false;
    const int size = symbol & 15;
    if (size == 0 && symbol >> 4 != 15) break;
    position += static_cast<unsigned>(symbol >> 4) + 1;
    if (size > 0) {
      if constexpr (kReads) {
        // A run that leaves the block stores to its last coefficient, as in libjpeg.
        const unsigned place = position < kJpegLastPosition ? position : kJpegLastPosition;
        to[kJpegPlaces[place]] =
            static_cast<int16_t>(extended(bits.buffer, static_cast<unsigned>(63 - size)));
      }
      drop(bits, static_cast<uint64_t>(size));
    }
    if (position >= kJpegLastPosition) {
      position = kJpegLastPosition;
      break;
    }
    is_out = false;
  }
  if constexpr (kReads) {
    to[0] = static_cast<int16_t>(*prediction);
    *last = static_cast<uint8_t>(position & (kJpegEnd - 1));
  }
  return true;
}

template <bool kReads>
HWY_INLINE bool decode_run(JpegRun& run, int64_t mcu_count, int16_t*& block, uint8_t*& last) {
  JpegBits bits = run.bits;
  const JpegBlockTables* const end = run.blocks + run.block_count;
  for (int64_t i = 0; i < mcu_count; ++i) {
    if (HWY_UNLIKELY(bits.next > run.limit)) {
      JpegBits copy = bits;
      if (!run.get_more(copy)) return false;
      bits = copy;
    }
    for (const JpegBlockTables* each = run.blocks; each != end; ++each) {
      if (!decode_block<kReads>(bits, *each, &run.predictions[each->component], block, last)) return false;
      if constexpr (kReads) {
        block += kJpegBlockSize;
        ++last;
      }
    }
  }
  run.bits = bits;
  return !run.is_overrun();
}

bool read_run(JpegRun& run, int64_t mcu_count, JpegCoefficients* to) {
  JpegCoefficients next = *to;
  const bool is_good = decode_run<true>(run, mcu_count, next.blocks, next.last);
  *to = next;
  return is_good;
}

bool skip_run(JpegRun& run, int64_t mcu_count) {
  JpegCoefficients none;
  return decode_run<false>(run, mcu_count, none.blocks, none.last);
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "stoker/decode/jpeg_entropy_bytes.h"

namespace stoker {
namespace {
HWY_EXPORT(read_run);
HWY_EXPORT(skip_run);
}  // namespace

bool JpegRun::read_run(int64_t mcu_count, JpegCoefficients* to) {
  return HWY_DYNAMIC_DISPATCH(read_run)(*this, mcu_count, to);
}

bool JpegRun::skip_run(int64_t mcu_count) { return HWY_DYNAMIC_DISPATCH(skip_run)(*this, mcu_count); }

void JpegRun::begin_segment(const uint8_t* source, const uint8_t* source_end) {
  source_ = source;
  source_end_ = source_end;
  std::fill(std::begin(predictions), std::end(predictions), 0u);
  bits = {0, 0, buffer_};
  data_end_ = limit = buffer_;
  is_ended_ = false;
  get_more(bits);
}

bool JpegRun::get_more(JpegBits& at) {
  if (is_ended_) {
    bits = at;
    return !is_overrun();
  }
  const auto left = static_cast<size_t>(data_end_ - at.next);
  STOKER_CHECK(left <= kPaddingBytes);  // or the buffer would not hold them and a chunk
  std::memmove(buffer_, at.next, left);
  at.next = buffer_;
  const size_t got = unstuff_bytes(&source_, source_end_, buffer_ + left, kChunkBytes, &is_ended_);
  uint8_t* const end = buffer_ + left + got;
  data_end_ = end;
  if (is_ended_) {
    // Whatever an MCU makes of them, the zeros suffice for it, and then it is found out.
    std::memset(end, 0, kPaddingBytes);
    limit = end;
  } else {
    limit = end - kMcuBytes;
  }
  return true;
}

ptrdiff_t JpegRun::left_bits() const {
  return (data_end_ - bits.next) * 8 + static_cast<ptrdiff_t>(bits.count);
}

bool JpegRun::is_overrun() const { return is_ended_ && left_bits() < 0; }

const uint8_t* JpegRun::end_marker() {
  if (left_bits() >= 8) return nullptr;
  if (!is_ended_) get_more(bits);
  return is_ended_ && left_bits() < 8 ? source_ : nullptr;
}

int next_jpeg_symbol(JpegBits& bits, const JpegSymbolTable& symbols, int index_bits) {
  const auto peek = static_cast<uint32_t>(bits.buffer >> 48);
  const int first = peek < symbols.limit[index_bits] ? 1 : index_bits + 1;
  for (int length = first; length <= 16; ++length) {
    if (peek >= symbols.limit[length]) continue;
    bits.buffer <<= length;
    bits.count -= static_cast<uint64_t>(length);
    return symbols.symbols[(static_cast<int>(peek) >> (16 - length)) + symbols.offset[length]];
  }
  return -1;
}

}  // namespace stoker
#endif  // HWY_ONCE
