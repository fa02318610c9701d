// SPDX-License-Identifier: MIT
// Copies from the device's memory into shared memory that go on while the thread does.

#pragma once

#include <cuda_pipeline_primitives.h>

#include "kernels/elements.cuh"

namespace byzccl::kernels {

/// to = *from, 16 bytes, aligned. The thread has it after await_copies(), others after a barrier
/// that follows.
template <class P>
__device__ void copy_async(P& to, const void* from) {
  static_assert(sizeof(P) == 16);
  __pipeline_memcpy_async(&to, from, sizeof(P));
}

/// Ends a batch, of the copies since the last one; there may be none.
__device__ inline void commit_copies() { __pipeline_commit(); }

/// Returns when all batches but the last `kBehind` have come.
template <int kBehind>
__device__ void await_copies() {
  __pipeline_wait_prior(kBehind);
}

}  // namespace byzccl::kernels
