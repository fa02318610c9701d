// SPDX-License-Identifier: MIT
// The one device of the runtime double: a small one, so that what is measured on it takes little
// time.

#include "cuda_on_cpu/runtime.hpp"

using cuda_on_cpu::answer;

namespace {

constexpr int kMultiprocessors = 1;
constexpr int kCacheBytes = 4096;
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : answer(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return answer(cudaErrorInvalidDevice);
  *properties = {"device double", kMemoryBytes, 9, 0, kMultiprocessors, kCacheBytes};
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return answer(cudaErrorInvalidDevice);
  *value = attribute == cudaDevAttrL2CacheSize ? kCacheBytes : kMultiprocessors;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;  // as on a machine without a driver
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = *total = kMemoryBytes;
  return cudaSuccess;
}
