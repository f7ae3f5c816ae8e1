#include "stoker/batch/store_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/batch/store_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Looks up `count` values, a multiple of the float lanes, of one channel.
HWY_INLINE void look_up(const uint8_t* values, size_t count, const float* table, bool flip, float* out) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<uint8_t, decltype(df)> du8;
  const size_t lanes = hn::Lanes(df);
  for (size_t i = 0; i < count; i += lanes) {
    const auto found = hn::GatherIndex(df, table, hn::PromoteTo(di, hn::LoadU(du8, values + i)));
    if (flip) {
      hn::StoreU(hn::Reverse(df, found), df, out + (count - lanes - i));
    } else {
      hn::StoreU(found, df, out + i);
    }
  }
}

void row_through_table(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                       size_t plane, float* out) {
  const hn::ScalableTag<uint8_t> d8;
  const size_t step = hn::Lanes(d8);
  HWY_ALIGN uint8_t parts[3 * HWY_MAX_BYTES];
  size_t x = 0;
  for (; x + step <= width; x += step) {
    float* to = out + (flip ? width - step - x : x);
    if (channels == 1) {
      look_up(in + x, step, table, flip, to);
      continue;
    }
    hn::Vec<decltype(d8)> c0, c1, c2;
    hn::LoadInterleaved3(d8, in + 3 * x, c0, c1, c2);
    hn::Store(c0, d8, parts);
    hn::Store(c1, d8, parts + step);
    hn::Store(c2, d8, parts + 2 * step);
    look_up(parts, step, table, flip, to);
    look_up(parts + step, step, table + 256, flip, to + plane);
    look_up(parts + 2 * step, step, table + 512, flip, to + 2 * plane);
  }
  const auto count = static_cast<size_t>(channels);
  for (; x < width; ++x) {
    const size_t at = flip ? width - 1 - x : x;
    for (size_t c = 0; c < count; ++c) out[c * plane + at] = table[c * 256 + in[x * count + c]];
  }
}

void values_through_table(const uint8_t* in, size_t count, int channels, const float* table, float* out) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<uint8_t, decltype(df)> du8;
  const size_t lanes = hn::Lanes(df);
  // Three vectors see each channel in each lane once; after them the places of the channels repeat.
  HWY_ALIGN int32_t begins[3 * (HWY_MAX_BYTES / sizeof(int32_t))] = {};
  if (channels == 3) {
    for (size_t i = 0; i < 3 * lanes; ++i) begins[i] = static_cast<int32_t>(256 * (i % 3));
  }
  size_t i = 0;
  for (; i + 3 * lanes <= count; i += 3 * lanes) {
    for (size_t part = 0; part < 3 * lanes; part += lanes) {
      const auto values = hn::PromoteTo(di, hn::LoadU(du8, in + i + part));
      const auto places = hn::Add(values, hn::Load(di, begins + part));
      hn::StoreU(hn::GatherIndex(df, table, places), df, out + i + part);
    }
  }
  for (; i < count; ++i) out[i] = table[(channels == 3 ? i % 3 : 0) * 256 + in[i]];
}

void row_in_planes(const uint8_t* in, size_t width, size_t plane, uint8_t* out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint8_t> d;
  for (; x + hn::Lanes(d) <= width; x += hn::Lanes(d)) {
    hn::Vec<decltype(d)> c0, c1, c2;
    hn::LoadInterleaved3(d, in + 3 * x, c0, c1, c2);
    hn::StoreU(c0, d, out + x);
    hn::StoreU(c1, d, out + plane + x);
    hn::StoreU(c2, d, out + 2 * plane + x);
  }
#endif
  for (; x < width; ++x) {
    for (size_t c = 0; c < 3; ++c) out[c * plane + x] = in[3 * x + c];
  }
}

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace stoker {
namespace {
HWY_EXPORT(row_through_table);
HWY_EXPORT(values_through_table);
HWY_EXPORT(row_in_planes);
}  // namespace

void store_row_through_table(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                             size_t plane, float* out) {
  HWY_DYNAMIC_DISPATCH(row_through_table)(in, width, channels, flip, table, plane, out);
}

void store_values_through_table(const uint8_t* in, size_t count, int channels, const float* table,
                                float* out) {
  HWY_DYNAMIC_DISPATCH(values_through_table)(in, count, channels, table, out);
}

void store_row_in_planes(const uint8_t* in, size_t width, size_t plane, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(row_in_planes)(in, width, plane, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
