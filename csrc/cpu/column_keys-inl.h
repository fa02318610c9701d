// SPDX-License-Identifier: MIT
// What the elements of a column are sorted by, for one instruction set.

#if defined(BYZCCL_COLUMN_KEYS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_COLUMN_KEYS_INL_H_
#undef BYZCCL_COLUMN_KEYS_INL_H_
#else
#define BYZCCL_COLUMN_KEYS_INL_H_
#endif

#include <limits>
#include <type_traits>

#include "csrc/cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

/// Keys have the order of the elements; all that is not finite is +inf. float32 and float64 are
/// their own keys.
template <class T>
struct ColumnKeys {
  using Key = T;

  static HWY_INLINE Vector<T> infinity() {
    return hn::Set(Lanes<T>(), std::numeric_limits<T>::infinity());
  }

  static HWY_INLINE Vector<T> load(const T* elements) {
    const Lanes<T> tag;
    const auto x = HWY_NAMESPACE::load(elements);
    const auto finite = hn::Le(hn::Abs(x), hn::Set(tag, std::numeric_limits<T>::max()));
    return hn::IfThenElse(finite, x, infinity());
  }

  /// Turns a vector of keys into the bits of their elements.
  static HWY_INLINE void restore(T*) {}

  /// The restored elements at `bits`.
  static HWY_INLINE Vector<T> elements(const T* bits) { return hn::Load(Lanes<T>(), bits); }
};

/// The bits of a 16-bit element as an integer, below zero with all but the sign inverted: twice as
/// many fit a vector as float32 would, and only what a window needs is widened. -0 comes before +0.
template <class T>
struct ColumnKeys16 {
  using Key = std::int16_t;

  static HWY_INLINE Vector<Key> infinity() {
    return hn::Set(Lanes<Key>(), std::is_same_v<T, Float16> ? 0x7c00 : 0x7f80);
  }

  static HWY_INLINE Vector<Key> load(const T* elements) {
    const Lanes<Key> tag;
    const auto bits = hn::LoadU(tag, static_cast<const Key*>(static_cast<const void*>(elements)));
    const auto finite = hn::Lt(hn::And(bits, hn::Set(tag, 0x7fff)), infinity());
    return hn::IfThenElse(finite, mirror(bits), infinity());
  }

  static HWY_INLINE void restore(Key* keys) {
    const Lanes<Key> tag;
    hn::Store(mirror(hn::Load(tag, keys)), tag, keys);
  }

  /// As many as fit when widened.
  static HWY_INLINE Vector<float> elements(const Key* bits) {
    return HWY_NAMESPACE::load(static_cast<const T*>(static_cast<const void*>(bits)));
  }

 private:
  /// Its own inverse.
  static HWY_INLINE Vector<Key> mirror(Vector<Key> bits) {
    return hn::Xor(bits, hn::And(hn::ShiftRight<15>(bits), hn::Set(Lanes<Key>(), 0x7fff)));
  }
};
template <>
struct ColumnKeys<BFloat16> : ColumnKeys16<BFloat16> {};
template <>
struct ColumnKeys<Float16> : ColumnKeys16<Float16> {};

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
