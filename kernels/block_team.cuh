// SPDX-License-Identifier: MIT
// The threads of a block as a team: the counterpart of rules::Solo on the device.

#pragma once

#include <cuda_runtime.h>

namespace byzccl::kernels {

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

}  // namespace byzccl::kernels
