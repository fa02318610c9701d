// SPDX-License-Identifier: MIT
// Memory of the runtime double, pools, and which device may touch what.

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <set>

#include "cuda_on_cpu/capture.hpp"
#include "cuda_on_cpu/runtime.hpp"
#include "cuda_on_cpu/stream.hpp"

struct CUmemPoolHandle_st {
  int device = 0;
  std::set<int> open_to;
};

using cuda_on_cpu::answer;
using cuda_on_cpu::check_unsafe;
using cuda_on_cpu::machine;

namespace {

constexpr std::align_val_t kAlignment{256};

struct Block {
  std::size_t bytes;
  cudaMemPool_t pool;
};

/// What came from pools.
struct Ledger {
  std::mutex mutex;
  std::map<const std::byte*, Block> blocks;
};

Ledger& ledger() {
  static auto& the_ledger = *new Ledger;  // never destroyed: memory may be freed after main
  return the_ledger;
}

cudaError_t take_from(cudaMemPool_t pool, void** memory, std::size_t bytes, cudaStream_t stream) {
  if (pool == nullptr) return answer(cudaErrorInvalidValue);
  const cudaError_t error = cuda_on_cpu::allocate(memory, bytes);
  if (error != cudaSuccess || bytes == 0) return error;
  {
    const std::lock_guard lock(ledger().mutex);
    ledger().blocks[static_cast<const std::byte*>(*memory)] = {bytes, pool};
  }
  if (cuda_on_cpu::is_captured(stream)) cuda_on_cpu::capture_memory(stream, *memory);
  return cudaSuccess;
}

}  // namespace

namespace cuda_on_cpu {

cudaError_t allocate(void** memory, std::size_t bytes) {
  *memory = bytes == 0 ? nullptr : ::operator new(bytes, kAlignment, std::nothrow);
  if (bytes > 0 && *memory == nullptr) return answer(cudaErrorMemoryAllocation);
  if (bytes > 0) std::memset(*memory, 0xcd, bytes);
  return cudaSuccess;
}

void release(void* memory) {
  {
    const std::lock_guard lock(ledger().mutex);
    ledger().blocks.erase(static_cast<const std::byte*>(memory));
  }
  ::operator delete(memory, kAlignment);
}

bool reaches(int device, const void* memory) {
  const auto* const at = static_cast<const std::byte*>(memory);
  const std::lock_guard lock(ledger().mutex);
  const auto next = ledger().blocks.upper_bound(at);
  if (next == ledger().blocks.begin()) return true;
  const auto& [begin, block] = *std::prev(next);
  if (at >= begin + block.bytes) return true;  // it is no pool's
  return block.pool->device == device || block.pool->open_to.contains(device);
}

}  // namespace cuda_on_cpu

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const cudaError_t error = check_unsafe();
  return error == cudaSuccess ? cuda_on_cpu::allocate(memory, bytes) : answer(error);
}

cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream) {
  static auto& pools = *new std::map<int, CUmemPoolHandle_st>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const int device = cuda_on_cpu::current_device();
  return take_from(&pools.try_emplace(device, CUmemPoolHandle_st{device, {}}).first->second, memory,
                   bytes, stream);
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  if (properties->allocType != cudaMemAllocationTypePinned ||
      properties->location.type != cudaMemLocationTypeDevice) {
    return answer(cudaErrorInvalidValue);
  }
  const int device = properties->location.id;
  if (device < 0 || device >= machine().devices) return answer(cudaErrorInvalidDevice);
  *pool = new CUmemPoolHandle_st{device, {}};
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const bool known = attribute == cudaMemPoolAttrReleaseThreshold ||
                     attribute == cudaMemPoolReuseAllowInternalDependencies;
  return pool != nullptr && known && value != nullptr ? cudaSuccess : answer(cudaErrorInvalidValue);
}

cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc* list,
                                 std::size_t count) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  const std::lock_guard lock(ledger().mutex);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [location, flags] = list[i];
    if (location.type != cudaMemLocationTypeDevice || flags != cudaMemAccessFlagsProtReadWrite) {
      return answer(cudaErrorInvalidValue);
    }
    const bool own = location.id == pool->device;
    if (!own && !machine().peers_reach) return answer(cudaErrorInvalidDevice);
    pool->open_to.insert(location.id);
  }
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  return take_from(pool, memory, bytes, stream);
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return cudaMalloc(memory, bytes);
}

cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }
