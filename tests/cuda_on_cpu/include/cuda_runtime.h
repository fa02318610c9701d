// SPDX-License-Identifier: MIT
// CUDA C++ for the host compiler: what a kernel's source says becomes a call of the device double.

#pragma once

#include <cuda_runtime_api.h>

#include <cmath>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "cuda_on_cpu/lane.hpp"
#include "cuda_on_cpu/runtime.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

inline void __syncthreads(std::source_location here = std::source_location::current()) {
  cuda_on_cpu::block_barrier(here);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask,
                  std::source_location here = std::source_location::current()) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  T result;
  cuda_on_cpu::shuffle_xor(mask, lane_mask, &value, &result, sizeof(T), here);
  return result;
}

inline void __nanosleep(unsigned) { cuda_on_cpu::back_off(); }

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  void* attrs;
  unsigned numAttrs;
};

/// Arguments are copied at once, as CUDA does.
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  auto body = [kernel, ... copies = Parameters(std::forward<Arguments>(arguments))] {
    kernel(copies...);
  };
  return cuda_on_cpu::enqueue_grid({config->gridDim, config->blockDim, config->dynamicSmemBytes},
                                   std::move(body), config->stream);
}
