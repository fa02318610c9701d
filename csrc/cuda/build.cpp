// SPDX-License-Identifier: MIT
#include <cuda_runtime_api.h>
#ifdef BYZCCL_WITH_NCCL
#include <nccl.h>
#endif

#include <byzccl/cuda.hpp>

namespace byzccl::cuda {

Build build() {
  Build found{.compiled_runtime = CUDART_VERSION, .architectures = BYZCCL_CUDA_ARCHITECTURES};
  // No call needs a device; where one fails, its 0 stays.
  cudaRuntimeGetVersion(&found.runtime);
  cudaDriverGetVersion(&found.driver);
#ifdef BYZCCL_WITH_NCCL
  found.compiled_nccl = NCCL_VERSION_CODE;
  ncclGetVersion(&found.nccl);
#endif
  return found;
}

}  // namespace byzccl::cuda
