// SPDX-License-Identifier: MIT
// The one place that launches.

#pragma once

#include <cuda_runtime.h>

#include <byzccl/error.hpp>
#include <utility>

namespace byzccl::kernels {

struct LaunchShape {
  unsigned blocks = 1;
  unsigned threads = 1;  ///< of a block
};

/// Enqueues kernel(arguments...). @throws CudaError with `name` if the launch is refused
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
            Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.blocks);
  config.blockDim = dim3(shape.threads);
  config.stream = stream;
  const cudaError_t error =
      cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  if (error != cudaSuccess) {
    throw CudaError(concat("cannot launch ", name, ": ", cudaGetErrorString(error)));
  }
}

}  // namespace byzccl::kernels
