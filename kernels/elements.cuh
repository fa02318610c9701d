// SPDX-License-Identifier: MIT
// Elements as they are loaded, computed and stored: V consecutive ones at a time, in one access
// where their address allows it.

#pragma once

#include <cuda_runtime.h>

#include <byzccl/dtype.hpp>
#include <cstdint>
#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

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
__device__ bool is_aligned(const void* at) {
  return reinterpret_cast<std::uintptr_t>(at) % alignof(P) == 0;
}

/// The first `count` of V elements, as they are; zeros after them, and for a null row.
template <class T, int V>
__device__ Pack<T, V> load(const T* from, std::int64_t count) {
  using P = Pack<T, V>;
  if (from != nullptr && count >= V && is_aligned<P>(from)) {
    return *reinterpret_cast<const P*>(from);
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
    *reinterpret_cast<P*>(to) = pack;
    return;
  }
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (v < count) to[v] = pack.value[v];
  }
}

}  // namespace byzccl::kernels
