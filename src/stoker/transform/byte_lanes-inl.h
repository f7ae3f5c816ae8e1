// Bytes as four vectors of 32-bit lanes and back, for kernels that compute bytes in float32. Lane i of part k
// is byte 4 i + k. To be included behind <hwy/highway.h>, which compiles it once per instruction set.
#if defined(STOKER_TRANSFORM_BYTE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STOKER_TRANSFORM_BYTE_LANES_INL_H_
#undef STOKER_TRANSFORM_BYTE_LANES_INL_H_
#else
#define STOKER_TRANSFORM_BYTE_LANES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace stoker::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<uint8_t>;
using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using ByteVector = hn::Vec<Bytes>;
using FloatVector = hn::Vec<Floats>;
using IntVector = hn::Vec<Ints>;

#if HWY_TARGET != HWY_SCALAR

template <int k>
HWY_INLINE IntVector ints_of(ByteVector bytes) {
  const Ints di;
  const hn::RebindToUnsigned<Ints> du;
  const auto lanes = hn::BitCast(du, bytes);
  if (k == 3) return hn::BitCast(di, hn::ShiftRight<24>(lanes));
  return hn::BitCast(di, hn::And(k == 0 ? lanes : hn::ShiftRight<8 * k>(lanes), hn::Set(du, 255)));
}

template <int k>
HWY_INLINE FloatVector floats_of(ByteVector bytes) {
  return hn::ConvertTo(Floats(), ints_of<k>(bytes));
}

// To integers, cut or rounded half to even, for numbers below 2^31 only: Highway's own take three more
// instructions for the others.
HWY_INLINE IntVector cut(FloatVector x) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return IntVector{_mm512_cvttps_epi32(x.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return IntVector{_mm256_cvttps_epi32(x.raw)};
#elif HWY_ARCH_X86
  return IntVector{_mm_cvttps_epi32(x.raw)};
#else
  return hn::ConvertTo(Ints(), x);
#endif
}

HWY_INLINE IntVector rounded(FloatVector x) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return IntVector{_mm512_cvtps_epi32(x.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return IntVector{_mm256_cvtps_epi32(x.raw)};
#elif HWY_ARCH_X86
  return IntVector{_mm_cvtps_epi32(x.raw)};
#else
  return hn::NearestInt(x);
#endif
}

// The four parts as bytes again, each number clamped to 0..255.
HWY_INLINE ByteVector joined(IntVector p0, IntVector p1, IntVector p2, IntVector p3) {
  const Bytes d;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  // Within 16 bytes the packed parts lie one after the other.
  alignas(16) constexpr uint8_t kOrder[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
#if HWY_TARGET <= HWY_AVX3
  const ByteVector packed{
      _mm512_packus_epi16(_mm512_packs_epi32(p0.raw, p1.raw), _mm512_packs_epi32(p2.raw, p3.raw))};
#elif HWY_TARGET <= HWY_AVX2
  const ByteVector packed{
      _mm256_packus_epi16(_mm256_packs_epi32(p0.raw, p1.raw), _mm256_packs_epi32(p2.raw, p3.raw))};
#else
  const ByteVector packed{_mm_packus_epi16(_mm_packs_epi32(p0.raw, p1.raw), _mm_packs_epi32(p2.raw, p3.raw))};
#endif
  return hn::TableLookupBytes(packed, hn::LoadDup128(d, kOrder));
#else
  const Ints di;
  const auto clamped = [di](IntVector part)
                           HWY_ATTR { return hn::Min(hn::Max(part, hn::Zero(di)), hn::Set(di, 255)); };
  const auto low = hn::Or(clamped(p0), hn::ShiftLeft<8>(clamped(p1)));
  const auto high = hn::Or(clamped(p2), hn::ShiftLeft<8>(clamped(p3)));
  return hn::BitCast(d, hn::Or(low, hn::ShiftLeft<16>(high)));
#endif
}

#endif  // HWY_SCALAR

}  // namespace stoker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // STOKER_TRANSFORM_BYTE_LANES_INL_H_
