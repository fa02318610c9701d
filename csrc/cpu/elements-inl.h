// SPDX-License-Identifier: MIT
// Elements of every dtype to and from vectors of what they are computed in. Any alignment; nothing
// outside the given elements is touched.

#if defined(BYZCCL_ELEMENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_ELEMENTS_INL_H_
#undef BYZCCL_ELEMENTS_INL_H_
#else
#define BYZCCL_ELEMENTS_INL_H_
#endif

#include <hwy/highway.h>

#include <byzccl/dtype.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class C>
using Lanes = hn::ScalableTag<C>;
template <class C>
using Vector = hn::Vec<Lanes<C>>;

template <class C>
HWY_INLINE constexpr std::size_t lane_count() {
  return HWY_LANES(C);
}

// Vectors of 16-bit elements that widen to a full vector of float32.
using Half = hn::Rebind<std::uint16_t, Lanes<float>>;
using Word = hn::RebindToUnsigned<Lanes<float>>;

HWY_INLINE hn::Vec<Word> load_16(const void* elements) {
  return hn::PromoteTo(Word(), hn::LoadU(Half(), static_cast<const std::uint16_t*>(elements)));
}

HWY_INLINE void store_16(hn::Vec<Word> bits, void* elements) {
  // Every value fits 16 bits, so that no saturation of the signed demotion matters.
  const hn::RebindToSigned<Word> i32;
  hn::StoreU(hn::DemoteTo(Half(), hn::BitCast(i32, bits)), Half(),
             static_cast<std::uint16_t*>(elements));
}

HWY_INLINE Vector<float> load(const float* elements) { return hn::LoadU(Lanes<float>(), elements); }
HWY_INLINE Vector<double> load(const double* elements) {
  return hn::LoadU(Lanes<double>(), elements);
}
HWY_INLINE Vector<float> load(const BFloat16* elements) {
  return hn::BitCast(Lanes<float>(), hn::ShiftLeft<16>(load_16(elements)));
}
#if (HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2) && !defined(HWY_DISABLE_F16C)
HWY_INLINE Vector<float> load(const Float16* elements) {
  const hn::Rebind<hwy::float16_t, Lanes<float>> half;
  const auto bits =
      hn::LoadU(Half(), static_cast<const std::uint16_t*>(static_cast<const void*>(elements)));
  return hn::PromoteTo(Lanes<float>(), hn::BitCast(half, bits));
}
#else
// byzccl::widen(Float16) in vectors: every case is computed and one is picked.
HWY_INLINE Vector<float> load(const Float16* elements) {
  const Word u;
  const Lanes<float> f;
  const auto bits = load_16(elements);
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(u, 0x8000u)));
  const auto magnitude = hn::And(bits, hn::Set(u, 0x7fffu));
  const auto shifted = hn::ShiftLeft<13>(magnitude);
  const auto normal = hn::Add(shifted, hn::Set(u, 112u << 23));
  const auto special = hn::Or(shifted, hn::Set(u, 0x7f800000u));
  const hn::RebindToSigned<Word> i;
  const auto denormal =
      hn::BitCast(u, hn::Mul(hn::ConvertTo(f, hn::BitCast(i, magnitude)), hn::Set(f, 0x1p-24f)));
  const auto at = hn::BitCast(i, magnitude);
  auto wide = hn::IfThenElse(hn::RebindMask(u, hn::Lt(at, hn::Set(i, 0x400))), denormal, normal);
  wide = hn::IfThenElse(hn::RebindMask(u, hn::Gt(at, hn::Set(i, 0x7bff))), special, wide);
  return hn::BitCast(f, hn::Or(wide, sign));
}
#endif

HWY_INLINE void store(Vector<float> x, float* elements) { hn::StoreU(x, Lanes<float>(), elements); }
HWY_INLINE void store(Vector<double> x, double* elements) {
  hn::StoreU(x, Lanes<double>(), elements);
}
// byzccl::narrow<BFloat16> in vectors.
HWY_INLINE void store(Vector<float> x, BFloat16* elements) {
  const Word u;
  const auto bits = hn::BitCast(u, x);
  const auto high = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(high, hn::Set(u, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(u, 0x7fffu))));
  const auto nan = hn::Or(high, hn::Set(u, 0x40u));
  store_16(hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), nan, rounded), elements);
}
// byzccl::narrow<Float16> in vectors.
HWY_INLINE void store(Vector<float> x, Float16* elements) {
  const Word u;
  const hn::RebindToSigned<Word> i;
  const Lanes<float> f;
  const auto bits = hn::BitCast(u, x);
  const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 0x8000u));
  const auto magnitude = hn::And(bits, hn::Set(u, 0x7fffffffu));
  const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(u, 1u));
  const auto normal = hn::ShiftRight<13>(
      hn::Add(hn::Sub(magnitude, hn::Set(u, 0x38000000u)), hn::Add(odd, hn::Set(u, 0xfffu))));
  const auto denormal =
      hn::Sub(hn::BitCast(u, hn::Add(hn::BitCast(f, magnitude), hn::Set(f, 0.5f))),
              hn::Set(u, 0x3f000000u));
  const auto at = hn::BitCast(i, magnitude);
  auto half =
      hn::IfThenElse(hn::RebindMask(u, hn::Lt(at, hn::Set(i, 0x38800000))), denormal, normal);
  half = hn::IfThenElse(hn::RebindMask(u, hn::Gt(at, hn::Set(i, 0x477fefff))), hn::Set(u, 0x7c00u),
                        half);
  half = hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(x)), hn::Set(u, 0x7e00u), half);
  store_16(hn::Or(half, sign), elements);
}

/// Two vectors, one after the other. A NaN must be the quiet one without payload.
template <class T>
HWY_INLINE void store_two(Vector<float> low, Vector<float> high, T* elements) {
  store(low, elements);
  store(high, elements + lane_count<float>());
}
#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void store_two(Vector<float> low, Vector<float> high, BFloat16* elements) {
  const Word u;
  const hn::Repartition<std::uint16_t, Word> halves;
  const auto rounded = [&](Vector<float> x) HWY_ATTR {
    const auto bits = hn::BitCast(u, x);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1u));
    return hn::BitCast(halves, hn::Add(bits, hn::Add(odd, hn::Set(u, 0x7fffu))));
  };
  hn::StoreU(hn::ConcatOdd(halves, rounded(high), rounded(low)), halves,
             static_cast<std::uint16_t*>(static_cast<void*>(elements)));
}
#endif

/// Asks for the element `ahead` after `element`, which may lie beyond the end of the row.
template <class T>
HWY_INLINE void fetch_ahead(const T* element, std::size_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(element) + ahead * sizeof(T)),
      0, 3);
}

/// The first `count` elements, then zeros. 0 < count <= lanes.
template <class T>
HWY_INLINE Vector<Compute<T>> load_first(const T* elements, std::size_t count) {
  alignas(64) T padded[lane_count<Compute<T>>()] = {};
  std::memcpy(padded, static_cast<const void*>(elements), count * sizeof(T));
  return load(padded);
}

/// Writes the first `count` lanes. 0 < count <= lanes.
template <class T>
HWY_INLINE void store_first(Vector<Compute<T>> x, T* elements, std::size_t count) {
  alignas(64) T padded[lane_count<Compute<T>>()];
  store(x, padded);
  std::memcpy(static_cast<void*>(elements), padded, count * sizeof(T));
}

/// a b + c rounded once, on targets without such an instruction as well.
template <class C>
HWY_INLINE Vector<C> fused_multiply_add(Vector<C> a, Vector<C> b, Vector<C> c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  const Lanes<C> tag;
  alignas(64) C at[lane_count<C>()], bt[lane_count<C>()], ct[lane_count<C>()];
  hn::Store(a, tag, at);
  hn::Store(b, tag, bt);
  hn::Store(c, tag, ct);
  for (std::size_t i = 0; i < lane_count<C>(); ++i) ct[i] = std::fma(at[i], bt[i], ct[i]);
  return hn::Load(tag, ct);
#endif
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
