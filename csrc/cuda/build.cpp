// SPDX-License-Identifier: MIT
#include <cuda_runtime_api.h>

#include <byzccl/cuda.hpp>

namespace byzccl::cuda {

Build build() {
  Build found{.compiled_runtime = CUDART_VERSION, .architectures = BYZCCL_CUDA_ARCHITECTURES};
  // Neither call needs a device; where one fails, its 0 stays.
  cudaRuntimeGetVersion(&found.runtime);
  cudaDriverGetVersion(&found.driver);
  return found;
}

}  // namespace byzccl::cuda
