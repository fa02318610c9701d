// SPDX-License-Identifier: MIT
// The registers in which columns are sorted: one value each in the type they are computed in, or
// elements of 16 bits of two neighbouring columns, which one instruction compares.

#pragma once

#include <byzccl/dtype.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/elements.cuh"

namespace byzccl::kernels {

/// A column's value. C: a compute type.
template <class C>
struct WideWord {
  static constexpr int kColumns = 1;
  C value;

  __device__ static WideWord infinity(bool negative = false) {
    constexpr C kInfinity = std::numeric_limits<C>::infinity();
    return {negative ? -kInfinity : kInfinity};
  }
  /// What is not finite becomes +inf: how many of each column do, 16 bits a column.
  __device__ unsigned replace_bad() {
    using std::fabs;
    if (fabs(value) <= std::numeric_limits<C>::max()) return 0;
    *this = infinity();
    return 1;
  }
  __device__ C operator[](int /*column*/) const { return value; }
};

// Of two zeros the negative one is the smaller, as instructions have it. No operand is NaN.
__device__ inline float lesser(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fminf(a, b);  // one instruction, where a comparison and a choice are two
#else
  return b < a || (b == a && std::signbit(b)) ? b : a;
#endif
}
__device__ inline float greater(float a, float b) {
#if defined(__CUDA_ARCH__)
  return fmaxf(a, b);
#else
  return b < a || (b == a && std::signbit(b)) ? a : b;
#endif
}
__device__ inline double lesser(double a, double b) { return b < a ? b : a; }
__device__ inline double greater(double a, double b) { return b < a ? a : b; }

template <class C>
__device__ void compare_exchange(WideWord<C>& low, WideWord<C>& high) {
  const C a = low.value;
  const C b = high.value;
  low.value = lesser(a, b);
  high.value = greater(a, b);
}

/// The elements of two columns, the first one in the lower half. None is NaN where they are
/// compared. T: of 16 bits.
template <class T>
struct PairWord {
  static constexpr int kColumns = 2;
  std::uint32_t bits;

  __device__ static PairWord infinity(bool negative = false) {
    return {(kInfinityBits<T> | (negative ? 0x8000u : 0u)) * 0x10001u};
  }
  __device__ unsigned replace_bad() {
    const std::uint32_t bad = bad_halves<T>(bits);
    bits = (bits & ~bad) | (infinity().bits & bad);
    return bad & 0x10001u;
  }
  __device__ Compute<T> operator[](int column) const {
    return to_compute(T{static_cast<std::uint16_t>(column == 0 ? bits & 0xffffu : bits >> 16)});
  }
};

/// Whether all words that it has seen are finite. Zero times anything else is NaN, and the sum of
/// such products takes the units that minima and maxima leave idle.
template <class W>
struct FiniteCheck;

template <class C>
struct FiniteCheck<WideWord<C>> {
  C sum = 0;
  __device__ void add(WideWord<C> x) { sum = fused(x.value, C(0), sum); }
  __device__ bool passes() const { return sum == 0; }
};

template <class T>
struct FiniteCheck<PairWord<T>> {
  std::uint32_t sum = 0;
  __device__ void add(PairWord<T> x) { sum = add_zero_times<T>(sum, x.bits); }
  __device__ bool passes() const { return (sum & 0x7fff7fffu) == 0; }
};

template <class T>
__device__ void compare_exchange(PairWord<T>& low, PairWord<T>& high) {
  const std::uint32_t a = low.bits;
  const std::uint32_t b = high.bits;
  low.bits = lesser_halves<T>(a, b);
  high.bits = greater_halves<T>(a, b);
}

/// V words of elements of type C, or of such as are computed in it.
template <class T, class C, int V>
__device__ void make_words(const Pack<T, V>& elements, WideWord<C> (&to)[V]) {
#pragma unroll
  for (int v = 0; v < V; ++v) to[v] = WideWord<C>{to_compute(elements.value[v])};
}
template <class T, int V>
__device__ void make_words(const Pack<T, 2 * V>& elements, PairWord<T> (&to)[V]) {
  std::memcpy(to, &elements, sizeof to);
}

}  // namespace byzccl::kernels
