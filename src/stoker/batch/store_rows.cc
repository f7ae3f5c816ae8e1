#include "stoker/batch/store_rows.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "stoker/batch/store_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;
using Levels = hn::Rebind<uint8_t, FloatTag>;  // the tag of as many bytes

// A number for each channel, and in each lane that of the channel whose value is there.
struct ChannelNumbers {
  HWY_ALIGN float numbers[3] = {};
  HWY_ALIGN float lanes[3 * (HWY_MAX_BYTES / sizeof(float))];

  HWY_INLINE Floats of(size_t channel) const { return hn::Set(FloatTag(), numbers[channel]); }
  HWY_INLINE Floats in(size_t vector) const {
    return hn::Load(FloatTag(), lanes + vector * hn::Lanes(FloatTag()));
  }
  // For interleaved values, whose channels repeat after as many vectors as there are of them.
  HWY_INLINE void interleave(int channels) {
    if (channels == 1) return hn::Store(of(0), FloatTag(), lanes);
    hn::StoreInterleaved3(of(0), of(1), of(2), FloatTag(), lanes);
  }
};

// Values by their table. `channel` is that of all lanes; interleaved() wants interleave() before.
class Finding {
 public:
  explicit Finding(const float* table) : table_(table) {}
  HWY_INLINE void interleave(int channels) {
    for (int c = 0; c < channels; ++c) begins_.numbers[c] = static_cast<float>(256 * c);
    begins_.interleave(channels);
  }
  HWY_INLINE Floats of_channel(const uint8_t* values, size_t channel) const {
    return hn::GatherIndex(FloatTag(), table_ + 256 * channel, places(values));
  }
  HWY_INLINE Floats interleaved(const uint8_t* values, size_t vector) const {
    const auto begins = hn::ConvertTo(Integers(), begins_.in(vector));
    return hn::GatherIndex(FloatTag(), table_, hn::Add(places(values), begins));
  }
  float single(uint8_t value, size_t channel) const { return table_[256 * channel + value]; }

 private:
  using Integers = hn::RebindToSigned<FloatTag>;
  static HWY_INLINE hn::Vec<Integers> places(const uint8_t* values) {
    return hn::PromoteTo(Integers(), hn::LoadU(Levels(), values));
  }

  const float* table_;
  ChannelNumbers begins_;
};

// Values by a formula.
template <ValueFormula::Form form>
class Computing {
 public:
  Computing(const ValueFormula& formula, const float* table) : entries_(table) {
    for (size_t c = 0; c < 3; ++c) {
      shift_.numbers[c] = formula.shift[c];
      factor_.numbers[c] = formula.factor[c];
      if constexpr (form != ValueFormula::Form::kLevels) inverse_.numbers[c] = 1.0f / formula.factor[c];
    }
  }
  HWY_INLINE void interleave(int channels) {
    shift_.interleave(channels);
    factor_.interleave(channels);
    inverse_.interleave(channels);
  }
  HWY_INLINE Floats of_channel(const uint8_t* values, size_t channel) const {
    return compute(levels(values), shift_.of(channel), factor_.of(channel), inverse_.of(channel));
  }
  HWY_INLINE Floats interleaved(const uint8_t* values, size_t vector) const {
    return compute(levels(values), shift_.in(vector), factor_.in(vector), inverse_.in(vector));
  }
  float single(uint8_t value, size_t channel) const { return entries_.single(value, channel); }

 private:
  static HWY_INLINE Floats levels(const uint8_t* values) {
    const hn::RebindToSigned<FloatTag> di;
    return hn::ConvertTo(FloatTag(), hn::PromoteTo(di, hn::LoadU(Levels(), values)));
  }
  // a / b from the rounded inverse of b and one step of correction, which fused multiplication makes the
  // rounded quotient (Markstein 1990) but for rare operands: formula_of() looks at all 256.
  static HWY_INLINE Floats quotient(Floats a, Floats b, Floats inverse) {
    const Floats about = hn::Mul(a, inverse);
    return hn::MulAdd(hn::NegMulAdd(about, b, a), inverse, about);
  }
  static HWY_INLINE Floats compute(Floats value, Floats shift, Floats factor, Floats inverse) {
    const FloatTag df;
    if constexpr (form == ValueFormula::Form::kLevels) {
      return hn::Mul(hn::Sub(value, shift), factor);
    } else {
      const Floats scale = hn::Set(df, 1.0f / 255.0f);
      const Floats fraction = form == ValueFormula::Form::kDivided
                                  ? quotient(value, hn::Set(df, 255.0f), scale)
                                  : hn::Mul(value, scale);
      return quotient(hn::Sub(fraction, shift), factor, inverse);
    }
  }

  Finding entries_;
  ChannelNumbers shift_;
  ChannelNumbers factor_;
  ChannelNumbers inverse_;
};

// Calls `with` with what makes floats of values.
template <class With>
void with_source(const float* table, const ValueFormula* formula, With with) {
  if (formula == nullptr) return with(Finding(table));
  switch (formula->form) {
    case ValueFormula::Form::kLevels:
      return with(Computing<ValueFormula::Form::kLevels>(*formula, table));
    case ValueFormula::Form::kDivided:
      return with(Computing<ValueFormula::Form::kDivided>(*formula, table));
    case ValueFormula::Form::kMultiplied:
      return with(Computing<ValueFormula::Form::kMultiplied>(*formula, table));
  }
}

// `count` values, a multiple of the float lanes, of one channel.
template <class Source>
HWY_INLINE void store_channel(const Source& source, const uint8_t* values, size_t count, size_t channel,
                              bool flip, float* out) {
  const FloatTag df;
  const size_t lanes = hn::Lanes(df);
  for (size_t i = 0; i < count; i += lanes) {
    const Floats found = source.of_channel(values + i, channel);
    if (flip) {
      hn::StoreU(hn::Reverse(df, found), df, out + (count - lanes - i));
    } else {
      hn::StoreU(found, df, out + i);
    }
  }
}

template <class Source>
void row_from(const Source& source, const uint8_t* in, size_t width, int channels, bool flip, size_t plane,
              float* out) {
  const hn::ScalableTag<uint8_t> d8;
  const size_t step = hn::Lanes(d8);
  const auto count = static_cast<size_t>(channels);
  if (width < step) {
    for (size_t x = 0; x < width; ++x) {
      const size_t at = flip ? width - 1 - x : x;
      for (size_t c = 0; c < count; ++c) out[c * plane + at] = source.single(in[x * count + c], c);
    }
    return;
  }
  HWY_ALIGN uint8_t parts[3 * HWY_MAX_BYTES];
  for (size_t next = 0; next < width; next += step) {
    const size_t x = std::min(next, width - step);  // the last ones are stored twice
    float* to = out + (flip ? width - step - x : x);
    if (channels == 1) {
      store_channel(source, in + x, step, 0, flip, to);
      continue;
    }
    hn::Vec<decltype(d8)> c0, c1, c2;
    hn::LoadInterleaved3(d8, in + 3 * x, c0, c1, c2);
    hn::Store(c0, d8, parts);
    hn::Store(c1, d8, parts + step);
    hn::Store(c2, d8, parts + 2 * step);
    for (size_t c = 0; c < 3; ++c) store_channel(source, parts + c * step, step, c, flip, to + c * plane);
  }
}

template <class Source>
void values_from(Source source, const uint8_t* in, size_t count, int channels, float* out) {
  const FloatTag df;
  const size_t lanes = hn::Lanes(df);
  const auto vectors = static_cast<size_t>(channels);
  const size_t step = vectors * lanes;
  if (count < step) {
    for (size_t i = 0; i < count; ++i) out[i] = source.single(in[i], i % vectors);
    return;
  }
  source.interleave(channels);
  for (size_t next = 0; next < count; next += step) {
    const size_t i = std::min(next, count - step);  // the last ones are stored twice
    for (size_t vector = 0; vector < vectors; ++vector) {
      const size_t at = i + vector * lanes;
      hn::StoreU(source.interleaved(in + at, vector), df, out + at);
    }
  }
}

void row_of_floats(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                   const ValueFormula* formula, size_t plane, float* out) {
  with_source(table, formula,
              [=](const auto& source) { row_from(source, in, width, channels, flip, plane, out); });
}

void values_of_floats(const uint8_t* in, size_t count, int channels, const float* table,
                      const ValueFormula* formula, float* out) {
  with_source(table, formula, [=](const auto& source) { values_from(source, in, count, channels, out); });
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
HWY_EXPORT(row_of_floats);
HWY_EXPORT(values_of_floats);
HWY_EXPORT(row_in_planes);
}  // namespace

void store_row_of_floats(const uint8_t* in, size_t width, int channels, bool flip, const float* table,
                         const ValueFormula* formula, size_t plane, float* out) {
  HWY_DYNAMIC_DISPATCH(row_of_floats)(in, width, channels, flip, table, formula, plane, out);
}

void store_values_of_floats(const uint8_t* in, size_t count, int channels, const float* table,
                            const ValueFormula* formula, float* out) {
  HWY_DYNAMIC_DISPATCH(values_of_floats)(in, count, channels, table, formula, out);
}

void store_row_in_planes(const uint8_t* in, size_t width, size_t plane, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(row_in_planes)(in, width, plane, out);
}

}  // namespace stoker
#endif  // HWY_ONCE
