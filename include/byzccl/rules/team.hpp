// SPDX-License-Identifier: MIT
// One way to write a loop that runs on one CPU thread or on one CUDA thread block, whose team is in
// kernels/block_team.cuh.

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

}  // namespace byzccl::rules
