// SPDX-License-Identifier: MIT
// The main of tests that run on a GPU. Where there is none they run nothing, say so, and end with
// kNothingRun, which ctest and the suite count as "not run".

#if defined(BYZCCL_CATCH2_V3)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif
#include <cuda_runtime_api.h>

#include <cstdio>

namespace {

constexpr int kNothingRun = 77;

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::printf("no GPU: nothing run (%s)\n",
                error == cudaSuccess ? "no device" : cudaGetErrorString(error));
    return kNothingRun;
  }
  return Catch::Session().run(argc, argv);
}
