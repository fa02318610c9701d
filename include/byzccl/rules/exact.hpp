// SPDX-License-Identifier: MIT
// float64 arithmetic that rounds after each operation, on host and device alike. Whatever decides
// is written with it, so that no compiler fuses a product into a sum and all kinds decide alike.

#pragma once

#include <byzccl/rules/team.hpp>
#include <cmath>
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

/// Neither infinite nor NaN.
template <class C>
BYZCCL_HD bool is_finite(C x) {
  return x - x == 0;
}

}  // namespace byzccl::rules
