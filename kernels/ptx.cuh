// SPDX-License-Identifier: MIT
// The one place for inline PTX, each function with what it means in C++.

#pragma once

#include <cuda_runtime.h>

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace byzccl::kernels {

/// *to = pack, in one access to the device's memory; `to` is aligned for it. Left to itself the
/// compiler stores element by element: each of a warp's accesses would then touch every sector of
/// its columns, where a whole one writes each sector once.
template <class P>
__device__ void store_whole(const P& pack, void* to) {
  static_assert(sizeof(P) <= 16);
#if defined(__CUDA_ARCH__)
  const std::size_t at = __cvta_generic_to_global(to);
  if constexpr (sizeof(P) == 16) {
    uint4 bits;
    std::memcpy(&bits, &pack, sizeof bits);
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(bits.x), "r"(bits.y),
                 "r"(bits.z), "r"(bits.w)
                 : "memory");
    return;
  } else if constexpr (sizeof(P) == 8) {
    uint2 bits;
    std::memcpy(&bits, &pack, sizeof bits);
    asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(at), "r"(bits.x), "r"(bits.y) : "memory");
    return;
  } else if constexpr (sizeof(P) == 4) {
    std::uint32_t bits;
    std::memcpy(&bits, &pack, sizeof bits);
    asm volatile("st.global.b32 [%0], %1;" ::"l"(at), "r"(bits) : "memory");
    return;
  }
#endif
  *static_cast<P*>(to) = pack;
}

// -------------------------------------------------------------------------------------------------
// two elements of 16 bits in a word; T: Float16 or BFloat16

template <class T>
inline constexpr std::uint32_t kInfinityBits = std::is_same_v<T, Float16> ? 0x7c00 : 0x7f80;

/// Ones in each half whose highest bit is one, else zeros.
__device__ inline std::uint32_t spread_high_bits(std::uint32_t halves) {
#if defined(__CUDA_ARCH__)
  std::uint32_t spread;
  asm("prmt.b32 %0, %1, 0, 0xbb99;" : "=r"(spread) : "r"(halves));
  return spread;
#else
  return ((halves >> 15) & 0x10001u) * 0xffffu;
#endif
}

/// Ones in each half that is not finite: a magnitude from infinity on carries into the highest bit.
template <class T>
__device__ std::uint32_t bad_halves(std::uint32_t x) {
  return spread_high_bits((x & 0x7fff7fffu) + (0x8000u - kInfinityBits<T>)*0x10001u);
}

/// sum + 0 x: a zero stays, of one sign or the other, unless x is not finite.
template <class T>
__device__ std::uint32_t add_zero_times(std::uint32_t sum, std::uint32_t x) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, Float16>) {
    asm("fma.rn.f16x2 %0, %1, %2, %0;" : "+r"(sum) : "r"(x), "r"(0));
  } else {
    asm("fma.rn.bf16x2 %0, %1, %2, %0;" : "+r"(sum) : "r"(x), "r"(0));
  }
  return sum;
#else
  return sum | (bad_halves<T>(x) & 0x7fff7fffu);
#endif
}

#if !defined(__CUDA_ARCH__)
/// Ones in each half where a is below b, neither NaN: bits as an integer, with all but the sign
/// inverted below zero. -0 is below +0.
inline std::uint32_t less_halves(std::uint32_t a, std::uint32_t b) {
  const auto key = [](std::uint32_t bits) {
    return static_cast<std::int16_t>((bits & 0x8000u) != 0 ? bits ^ 0x7fffu : bits);
  };
  return (key(a & 0xffffu) < key(b & 0xffffu) ? 0xffffu : 0u) |
         (key(a >> 16) < key(b >> 16) ? 0xffff0000u : 0u);
}
#endif

/// The smaller of each two halves, neither NaN; one instruction from compute capability 8.0 on.
template <class T>
__device__ std::uint32_t lesser_halves(std::uint32_t a, std::uint32_t b) {
#if defined(__CUDA_ARCH__)
  std::uint32_t low;
  if constexpr (std::is_same_v<T, Float16>) {
    asm("min.f16x2 %0, %1, %2;" : "=r"(low) : "r"(a), "r"(b));
  } else {
    asm("min.bf16x2 %0, %1, %2;" : "=r"(low) : "r"(a), "r"(b));
  }
  return low;
#else
  const std::uint32_t swaps = less_halves(b, a);
  return (a & ~swaps) | (b & swaps);
#endif
}

/// The greater of each two halves.
template <class T>
__device__ std::uint32_t greater_halves(std::uint32_t a, std::uint32_t b) {
#if defined(__CUDA_ARCH__)
  std::uint32_t high;
  if constexpr (std::is_same_v<T, Float16>) {
    asm("max.f16x2 %0, %1, %2;" : "=r"(high) : "r"(a), "r"(b));
  } else {
    asm("max.bf16x2 %0, %1, %2;" : "=r"(high) : "r"(a), "r"(b));
  }
  return high;
#else
  const std::uint32_t swaps = less_halves(b, a);
  return (b & ~swaps) | (a & swaps);
#endif
}

}  // namespace byzccl::kernels
