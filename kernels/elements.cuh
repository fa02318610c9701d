// SPDX-License-Identifier: MIT
// Elements as they are loaded, computed and stored: V consecutive ones at a time, in one access
// where their address allows it.

#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

#include "kernels/ptx.cuh"

namespace byzccl::kernels {

/// V elements of one access.
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T value[V];
};

/// Elements of the widest access, 16 bytes.
template <class T>
inline constexpr int kWidest = 16 / static_cast<int>(sizeof(T));

__device__ inline float to_compute(float x) { return x; }
__device__ inline double to_compute(double x) { return x; }
__device__ inline float to_compute(BFloat16 x) { return widen(x); }
__device__ inline float to_compute(Float16 x) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(x.bits));  // exact, one instruction
#else
  return widen(x);
#endif
}

__device__ inline float fused(float a, float b, float c) { return fmaf(a, b, c); }
__device__ inline double fused(double a, double b, double c) { return fma(a, b, c); }

template <class P>
BYZCCL_HD bool is_aligned(const void* at) {
  return reinterpret_cast<std::uintptr_t>(at) % alignof(P) == 0;
}

/// Whether each row, from byte `offset` on, is there and aligned for a P.
template <class P>
bool are_aligned(std::span<const void* const> x, std::int64_t offset = 0) {
  return std::ranges::all_of(x, [&](const void* row) {
    return row != nullptr && is_aligned<P>(static_cast<const std::byte*>(row) + offset);
  });
}

/// V elements at once, from the device's memory.
template <class P>
__device__ P load_whole(const void* from) {
#if defined(__CUDA_ARCH__)
  __builtin_assume(__isGlobal(from));
#endif
  return *static_cast<const P*>(from);
}

/// The first `count` of V elements, as they are; zeros after them, and for a null row.
template <class T, int V>
__device__ Pack<T, V> load(const T* from, std::int64_t count) {
  using P = Pack<T, V>;
  if (from != nullptr && count >= V && is_aligned<P>(from)) {
    return load_whole<P>(from);
  }
  P pack{};
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (from != nullptr && v < count) pack.value[v] = from[v];
  }
  return pack;
}

/// Stores the first `count` of V elements.
template <class T, int V>
__device__ void store(const Pack<T, V>& pack, T* to, std::int64_t count) {
  using P = Pack<T, V>;
  if (count >= V && is_aligned<P>(to)) {
    return store_whole(pack, to);
  }
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (v < count) to[v] = pack.value[v];
  }
}

}  // namespace byzccl::kernels
