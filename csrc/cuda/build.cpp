// SPDX-License-Identifier: MIT
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#ifdef BYZCCL_WITH_NCCL
#include <nccl.h>
#endif

#include <byzccl/cuda.hpp>

namespace byzccl::cuda {
namespace {

/// Asked of the driver itself: cudaDriverGetVersion() starts CUDA (calls cuInit) on the way, and no
/// process that is forked after that can use a GPU.
int driver_version() {
  int version = 0;
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // for good, as the runtime
  if (driver == nullptr) return version;
  using GetVersion = int (*)(int*);
  const auto get = reinterpret_cast<GetVersion>(dlsym(driver, "cuDriverGetVersion"));
  if (get != nullptr) get(&version);
  return version;
}

}  // namespace

Build build() {
  Build found{.compiled_runtime = CUDART_VERSION, .architectures = BYZCCL_CUDA_ARCHITECTURES};
  cudaRuntimeGetVersion(&found.runtime);  // where it fails, the 0 stays
  found.driver = driver_version();
#ifdef BYZCCL_WITH_NCCL
  found.compiled_nccl = NCCL_VERSION_CODE;
  ncclGetVersion(&found.nccl);
#endif
  return found;
}

}  // namespace byzccl::cuda
