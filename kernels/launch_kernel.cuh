// SPDX-License-Identifier: MIT
// The one place that launches.

#pragma once

#include <cuda_runtime.h>

#include <byzccl/error.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace byzccl::kernels {

/// Most blocks of a grid: what is more than this a kernel takes in turns.
inline constexpr std::int64_t kMostBlocks = 2147483647;

struct LaunchShape {
  std::int64_t blocks = 1;
  unsigned threads = 1;    ///< of a block
  std::size_t shared = 0;  ///< bytes of shared memory of a block, at most 48 KiB
};

/// Enqueues kernel(arguments...). @throws CudaError with `name` if the launch is refused
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
            Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared;
  config.stream = stream;
  const cudaError_t error =
      cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  if (error != cudaSuccess) {
    cudaGetLastError();  // told here; a later call must not find it again
    throw CudaError(concat("cannot launch ", name, ": ", cudaGetErrorString(error)));
  }
}

}  // namespace byzccl::kernels
