#include "stoker/base/look_up_row.h"

#define HWY_WANT_AVX3_DL  // the set with a permutation of 64 bytes, which is not compiled by default
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/base/look_up_row.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where a permutation of 64 bytes exists, four of its vectors hold the table; elsewhere sixteen shuffles of
// 16 bytes each do, which is still twice as fast as one load a byte.
#undef STOKER_LOOKS_UP_64
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
#define STOKER_LOOKS_UP_64 1
#else
#define STOKER_LOOKS_UP_64 0
#endif

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
using Bytes = hn::ScalableTag<uint8_t>;
using ByteVector = hn::Vec<Bytes>;

#if STOKER_LOOKS_UP_64
struct VectorTable {
  ByteVector part[4];
};

HWY_INLINE VectorTable load_table(const uint8_t* table) {
  const Bytes d;
  return {
      {hn::LoadU(d, table), hn::LoadU(d, table + 64), hn::LoadU(d, table + 128), hn::LoadU(d, table + 192)}};
}

HWY_INLINE ByteVector found(const VectorTable& table, ByteVector values) {
  const Bytes d;
  const ByteVector low{_mm512_permutex2var_epi8(table.part[0].raw, values.raw, table.part[1].raw)};
  const ByteVector high{_mm512_permutex2var_epi8(table.part[2].raw, values.raw, table.part[3].raw)};
  return hn::IfThenElse(hn::Lt(values, hn::Set(d, 128)), low, high);
}
#else
struct VectorTable {
  const uint8_t* entries;
};

HWY_INLINE VectorTable load_table(const uint8_t* table) { return {table}; }

HWY_INLINE ByteVector found(const VectorTable& table, ByteVector values) {
  const Bytes d;
  auto sum = hn::Zero(d);
  for (size_t k = 0; k < 256; k += 16) {
    // Only values within this sixteenth keep their highest bit clear, and the others look up a 0.
    auto at = hn::SaturatedAdd(values, hn::Set(d, 0x70));
#if !HWY_ARCH_X86
    at = hn::Xor(at, hn::Set(d, 0x70));
#endif
    sum = hn::Or(sum, hn::TableLookupBytesOr0(hn::LoadDup128(d, table.entries + k), at));
    values = hn::Sub(values, hn::Set(d, 16));
  }
  return sum;
}
#endif
#endif  // HWY_SCALAR

// Whether the table is v ^ table[0], as that of inversion is: then there is nothing to look up.
bool flips_bits(const uint8_t* table) {
  for (size_t v = 0; v < 256; ++v) {
    if (table[v] != (v ^ table[0])) return false;
  }
  return true;
}

void row_of_one(const uint8_t* in, size_t count, const uint8_t* table, uint8_t* out) {
  size_t i = 0;
  if (flips_bits(table)) {
    const hn::ScalableTag<uint8_t> bytes;
    const auto bits = hn::Set(bytes, table[0]);
    for (; i + hn::Lanes(bytes) <= count; i += hn::Lanes(bytes))
      hn::StoreU(hn::Xor(hn::LoadU(bytes, in + i), bits), bytes, out + i);
    for (; i < count; ++i) out[i] = in[i] ^ table[0];
    return;
  }
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const Bytes d;
  const VectorTable loaded = load_table(table);
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d))
    hn::StoreU(found(loaded, hn::LoadU(d, in + i)), d, out + i);
  if (i == count) return;
  if (i > 0 && in != out) {  // the last vector's worth, some of it a second time
    const size_t last = count - hn::Lanes(d);
    hn::StoreU(found(loaded, hn::LoadU(d, in + last)), d, out + last);
    return;
  }
#endif
  for (; i < count; ++i) out[i] = table[in[i]];
}

void row_of_three(const uint8_t* in, size_t count, const uint8_t* tables, uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const Bytes d;
  const VectorTable t0 = load_table(tables);
  const VectorTable t1 = load_table(tables + 256);
  const VectorTable t2 = load_table(tables + 512);
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
    ByteVector a, b, c;
    hn::LoadInterleaved3(d, in + 3 * i, a, b, c);
    hn::StoreInterleaved3(found(t0, a), found(t1, b), found(t2, c), d, out + 3 * i);
  }
#endif
  for (; i < count; ++i) {
    for (size_t c = 0; c < 3; ++c) out[3 * i + c] = tables[256 * c + in[3 * i + c]];
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(row_of_one);
HWY_EXPORT(row_of_three);
}  // namespace

void look_up_row(const uint8_t* in, size_t count, int channels, const uint8_t* tables, size_t table_count,
                 uint8_t* out) {
  const auto step = static_cast<size_t>(channels);
  if (table_count == 1) return HWY_DYNAMIC_DISPATCH(row_of_one)(in, count * step, tables, out);
  if (step == 3) return HWY_DYNAMIC_DISPATCH(row_of_three)(in, count, tables, out);
  for (size_t i = 0; i < count * step; i += step) {
    for (size_t c = 0; c < step; ++c) out[i + c] = tables[256 * c + in[i + c]];
  }
}

}  // namespace stoker
#endif  // HWY_ONCE
