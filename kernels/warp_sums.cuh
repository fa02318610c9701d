// SPDX-License-Identifier: MIT
// Sums over the lanes of a warp, and over the warps of a block.

#pragma once

#include <cuda_runtime.h>

#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {

inline constexpr int kWarp = 32;
/// Threads of a block that takes a strip of few rows.
inline constexpr int kStripThreads = 128;

/// Values whose sums one lane each gets from a warp at a time, in groups of kWarp.
constexpr int lane_groups(int values) { return (values + kWarp - 1) / kWarp; }

template <class C, int kValues>
struct StripShared {
  C sums[kStripThreads / kWarp][lane_groups(kValues) * kWarp];
};

/// The sums over the warp of 2 kHalf values a lane, with kHalf = 16: lane l returns that of value
/// l. Each step halves the values: a lane sends the half that its partner keeps.
template <int kHalf, class C>
__device__ C sum_over_warp(C (&values)[kWarp]) {
  const bool upper = threadIdx.x & static_cast<unsigned>(kHalf);
#pragma unroll
  for (int k = 0; k < kHalf; ++k) {
    const C sent = upper ? values[k] : values[k + kHalf];
    const C kept = upper ? values[k + kHalf] : values[k];
    values[k] = kept + __shfl_xor_sync(~0u, sent, kHalf);
  }
  if constexpr (kHalf > 1) return sum_over_warp<kHalf / 2>(values);
  return values[0];
}

/// out [kValues] = the sums over the block of kValues values a thread.
template <class C, int kValues>
__device__ void sum_over_block(const C (&values)[kValues], double* out) {
  auto& shared = shared_memory<StripShared<C, kValues>>();
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int group = 0; group < lane_groups(kValues); ++group) {
    C part[kWarp];
#pragma unroll
    for (int k = 0; k < kWarp; ++k) {
      part[k] = group * kWarp + k < kValues ? values[group * kWarp + k] : C(0);
    }
    shared.sums[warp][group * kWarp + lane] = sum_over_warp<kWarp / 2>(part);
  }
  __syncthreads();
  for (int k = static_cast<int>(threadIdx.x); k < kValues; k += kStripThreads) {
    double sum = 0;
    for (int w = 0; w < kStripThreads / kWarp; ++w) sum += static_cast<double>(shared.sums[w][k]);
    out[k] = sum;
  }
}

}  // namespace byzccl::kernels
