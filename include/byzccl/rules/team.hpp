// SPDX-License-Identifier: MIT
// One way to write a loop that runs on one CPU thread or on one CUDA thread block.

#pragma once

#if defined(__CUDACC__)
#define BYZCCL_HD __host__ __device__
#else
#define BYZCCL_HD
#endif

namespace byzccl::rules {

/// One thread does every item.
struct Solo {
  template <class F>
  BYZCCL_HD void for_each(int count, F&& f) const {
    for (int i = 0; i < count; ++i) f(i);
  }
  /// Does `f()` once.
  template <class F>
  BYZCCL_HD void once(F&& f) const {
    f();
  }
};

#if defined(__CUDACC__)
/// The threads of a block share the items, and meet after each loop. Called by the whole block,
/// never inside a branch that splits it.
struct Block {
  template <class F>
  __device__ void for_each(int count, F&& f) const {
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) f(i);
    __syncthreads();
  }
  template <class F>
  __device__ void once(F&& f) const {
    if (threadIdx.x == 0) f();
    __syncthreads();
  }
};
#endif

}  // namespace byzccl::rules
