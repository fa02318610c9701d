// SPDX-License-Identifier: MIT
// The one way to a block's shared memory. A launch of the kernel asks for sizeof(Layout) bytes.

#pragma once

#include <cuda_runtime.h>

namespace byzccl::kernels {

/// Uninitialised, aligned to 16 bytes.
template <class Layout>
__device__ Layout& shared_memory() {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char arena[];
  return *reinterpret_cast<Layout*>(arena);
#else
  return *static_cast<Layout*>(cuda_on_cpu::shared_memory(sizeof(Layout)));
#endif
}

}  // namespace byzccl::kernels
