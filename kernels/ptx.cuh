// SPDX-License-Identifier: MIT
// The one place for inline PTX, each function with what it means in C++.

#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

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

}  // namespace byzccl::kernels
