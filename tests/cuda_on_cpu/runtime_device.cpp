// SPDX-License-Identifier: MIT
// The devices of the runtime double: small ones, so that what is measured on them takes little
// time.

#include "cuda_on_cpu/runtime.hpp"

using cuda_on_cpu::answer;
using cuda_on_cpu::machine;

namespace {

constexpr int kMultiprocessors = 1;
constexpr int kCacheBytes = 4096;
constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

thread_local int the_current_device = 0;

bool exists(int device) { return device >= 0 && device < machine().devices; }

}  // namespace

namespace cuda_on_cpu {

Machine& machine() {
  static auto& the_machine = *new Machine;  // never destroyed: an abort may end after main
  return the_machine;
}

int current_device() { return the_current_device; }

}  // namespace cuda_on_cpu

cudaError_t cudaGetDeviceCount(int* count) {
  *count = machine().devices;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = the_current_device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!exists(device)) return answer(cudaErrorInvalidDevice);
  the_current_device = device;
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (!exists(device) || !exists(peer)) return answer(cudaErrorInvalidDevice);
  *can = device != peer && machine().peers_reach ? 1 : 0;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!exists(device)) return answer(cudaErrorInvalidDevice);
  *properties = {"device double", kMemoryBytes, 9, 0, kMultiprocessors, kCacheBytes};
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (!exists(device)) return answer(cudaErrorInvalidDevice);
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
