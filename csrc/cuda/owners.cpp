// SPDX-License-Identifier: MIT
#include "csrc/cuda/owners.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <cstdint>
#include <map>
#include <mutex>

#include "csrc/cuda/memory.hpp"

namespace byzccl::cuda {
namespace {

// What the pool keeps of what was given back, bytes: the scratch of the largest aggregate is below
// half of it. The rest of the device stays for others.
constexpr std::uint64_t kKeptBytes = std::uint64_t{1} << 30;

cudaMemPool_t make_pool(int device) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  cudaMemPool_t pool = nullptr;
  check(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
  std::uint64_t kept = kKeptBytes;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept),
        "cudaMemPoolSetAttribute");
  // Rather than take more memory, a pool makes the stream of an allocation wait for the one that
  // has given memory back: messages would wait for the steps that they are to overlap.
  int waits = 0;
  check(cudaMemPoolSetAttribute(pool, cudaMemPoolReuseAllowInternalDependencies, &waits),
        "cudaMemPoolSetAttribute");
  return pool;
}

/// Lets `device` read and write what comes from the pool of `owner`. Where it cannot reach that,
/// NCCL goes another way between the two.
void open_to(cudaMemPool_t pool, int owner, int device) {
  int reaches = 0;
  check(cudaDeviceCanAccessPeer(&reaches, device, owner), "cudaDeviceCanAccessPeer");
  if (reaches == 0) return;
  cudaMemAccessDesc access{};
  access.location.type = cudaMemLocationTypeDevice;
  access.location.id = device;
  access.flags = cudaMemAccessFlagsProtReadWrite;
  check(cudaMemPoolSetAccess(pool, &access, 1), "cudaMemPoolSetAccess");
}

/// The current device's. The runtime's own pool gives all free memory back to the system whenever a
/// stream, an event or the device is waited for; then every step would pay for mapping it again.
/// Never destroyed: what was taken from it may outlive any static object.
cudaMemPool_t pool() {
  static std::mutex mutex;
  static auto& pools = *new std::map<int, cudaMemPool_t>;
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  const std::lock_guard lock(mutex);
  if (const auto found = pools.find(device); found != pools.end()) return found->second;
  const cudaMemPool_t made = make_pool(device);
  for (const auto& [other, others_pool] : pools) {  // none where a process has one device
    open_to(made, device, other);
    open_to(others_pool, other, device);
  }
  pools[device] = made;
  return made;
}

}  // namespace

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // told here; a later call must not find it again
  throw CudaError(concat(call, " failed: ", cudaGetErrorString(error)));
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

DeviceScope::DeviceScope(int device) : device_(device), before_(current_device()) {
  if (device_ != before_) check(cudaSetDevice(device_), "cudaSetDevice");
}

DeviceScope::~DeviceScope() {
  if (device_ != before_) cudaSetDevice(before_);
}

void synchronize(cudaStream_t stream) {
  const BesideCaptures beside;
  check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

std::shared_ptr<void> allocate(std::size_t bytes, cudaStream_t stream) {
  const BesideCaptures beside;
  bytes = std::max<std::size_t>(bytes, 1);
  if (auto source = memory_source()) {
    return {source->take(bytes, stream),
            [source, stream](void* p) { source->give_back(p, stream); }};
  }
  void* memory = nullptr;
  check(cudaMallocFromPoolAsync(&memory, bytes, pool(), stream), "cudaMallocFromPoolAsync");
  return {memory, [stream](void* p) { cudaFreeAsync(p, stream); }};
}

void open_pool() {
  const BesideCaptures beside;
  if (!memory_source()) pool();
}

Stream::Stream() {
  const BesideCaptures beside;
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

Stream::~Stream() {
  const BesideCaptures beside;
  cudaStreamDestroy(stream_);
}

Event::Event() {
  check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
}

Event::~Event() { cudaEventDestroy(event_); }

void Event::record(cudaStream_t stream) {
  check(cudaEventRecord(event_, stream), "cudaEventRecord");
}

void Event::hold(cudaStream_t stream) const {
  check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
}

bool Event::reached() const {
  const BesideCaptures beside;
  const cudaError_t error = cudaEventQuery(event_);
  if (error == cudaErrorNotReady) {
    cudaGetLastError();  // no error, but who asks for the last one next, as torch does, would find
                         // it
    return false;
  }
  check(error, "cudaEventQuery");
  return true;
}

void Event::synchronize() const {
  const BesideCaptures beside;
  check(cudaEventSynchronize(event_), "cudaEventSynchronize");
}

}  // namespace byzccl::cuda
