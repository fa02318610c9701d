// SPDX-License-Identifier: MIT
// float64 arithmetic that rounds after each operation, on host and device alike. Whatever decides
// is written with it, so that no compiler fuses a product into a sum and all kinds decide alike.

#pragma once

#include <bit>
#include <byzccl/rules/team.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace byzccl::rules {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

BYZCCL_HD inline double exact_add(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dadd_rn(a, b);
#else
  return a + b;
#endif
}

BYZCCL_HD inline double exact_sub(double a, double b) { return exact_add(a, -b); }

BYZCCL_HD inline double exact_mul(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

BYZCCL_HD inline double exact_div(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __ddiv_rn(a, b);
#else
  return a / b;
#endif
}

BYZCCL_HD inline double exact_sqrt(double a) {
#if defined(__CUDA_ARCH__)
  return __dsqrt_rn(a);
#else
  return std::sqrt(a);
#endif
}

/// A power of two: times it, a positive finite `size` comes near 1, into [1, 2) but at the ends of
/// the range of float64. What is scaled by it keeps its bits, and its powers neither over- nor
/// underflow.
BYZCCL_HD inline double unit_for(double size) {
  constexpr std::uint64_t kMostExponent = 2046;  // biased, of a finite number
  const std::uint64_t exponent = std::bit_cast<std::uint64_t>(size) >> 52;
  const std::uint64_t inverse = exponent < 1               ? kMostExponent - 1
                                : exponent < kMostExponent ? kMostExponent - exponent
                                                           : 1;
  return std::bit_cast<double>(inverse << 52);
}

/// Neither infinite nor NaN.
template <class C>
BYZCCL_HD bool is_finite(C x) {
  return x - x == 0;
}

}  // namespace byzccl::rules
