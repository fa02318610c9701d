// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/device.hpp"

#include <cuda_runtime_api.h>

#include <string>

#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {
namespace {

int attribute(cudaDeviceAttr which) {
  int device = 0;
  int value = 0;
  cuda::check(cudaGetDevice(&device), "cudaGetDevice");
  cuda::check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

bool has_device() {
  int count = 0;
  const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  cudaGetLastError();
  return found;
}

Json device_facts() {
  int device = 0;
  int driver = 0;
  int runtime = 0;
  cudaDeviceProp properties{};
  cuda::check(cudaGetDevice(&device), "cudaGetDevice");
  cuda::check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  cuda::check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  cuda::check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  Json facts{{"device", std::string(properties.name)},
             {"compute_capability",
              std::to_string(properties.major) + "." + std::to_string(properties.minor)},
             {"multiprocessors", properties.multiProcessorCount},
             {"cache_bytes", properties.l2CacheSize},
             {"memory_bytes", properties.totalGlobalMem},
             {"driver_cuda", version_text(driver)},
             {"runtime_cuda", version_text(runtime)}};
  facts.update(machine_facts());
  return facts;
}

std::size_t cache_bytes() { return static_cast<std::size_t>(attribute(cudaDevAttrL2CacheSize)); }

std::size_t free_bytes() {
  std::size_t free = 0;
  std::size_t total = 0;
  cuda::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

unsigned multiprocessors() {
  return static_cast<unsigned>(attribute(cudaDevAttrMultiProcessorCount));
}

}  // namespace byzccl::bench
