// SPDX-License-Identifier: MIT
// The element types of a vector, their conversions, and the one switch over them.

#pragma once

#include <bit>
#include <byzccl/rules/team.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace byzccl {

enum class DType : std::uint8_t { kFloat32, kFloat16, kBFloat16, kFloat64 };

/// IEEE binary16, as its bits.
struct Float16 {
  std::uint16_t bits;
};

/// The upper half of a binary32, as its bits.
struct BFloat16 {
  std::uint16_t bits;
};

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  return dtype == DType::kFloat64 ? 8 : dtype == DType::kFloat32 ? 4 : 2;
}

/// "float32", "float16", "bfloat16" or "float64".
std::string_view to_text(DType dtype);

template <class T>
struct Type {
  using type = T;
};

/// Calls f(Type<T>{}) with the C++ type of `dtype`.
template <class F>
decltype(auto) with_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat16:
      return f(Type<Float16>{});
    case DType::kBFloat16:
      return f(Type<BFloat16>{});
    case DType::kFloat64:
      return f(Type<double>{});
    case DType::kFloat32:
      break;
  }
  return f(Type<float>{});
}

/// What an element of type T is computed in: float64 for float64, otherwise float32.
template <class T>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
template <class T>
using Compute = typename ComputeType<T>::type;

BYZCCL_HD constexpr float widen(float x) { return x; }
BYZCCL_HD constexpr double widen(double x) { return x; }
BYZCCL_HD constexpr float widen(BFloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}
BYZCCL_HD constexpr float widen(Float16 x) {
  const std::uint32_t sign = (x.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 0x1fu;
  const std::uint32_t fraction = x.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero and denormals: exact
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

/// The nearest value of type T, of two equally near the one with an even last bit. What lies beyond
/// the largest value by half a step or more becomes infinite; NaN stays NaN, its payload may
/// change.
template <class T>
BYZCCL_HD constexpr T narrow(Compute<T> x) {
  return x;
}
template <>
BYZCCL_HD constexpr BFloat16 narrow<BFloat16>(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return {static_cast<std::uint16_t>(bits >> 16 | 0x40u)};  // quiet: the payload may be cut off
  }
  return {static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}
template <>
BYZCCL_HD constexpr Float16 narrow<Float16>(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477ff000u) {  // 65520: halfway from the largest value to 2^16
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14: the smallest normal value
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  } else {
    // At 0.5 the last bit of a float32 is 2^-24, the step of float16's denormals: the sum rounds
    // to that step, to even.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(rounded) - 0x3f000000u;
  }
  return {static_cast<std::uint16_t>(sign | half)};
}

}  // namespace byzccl
