// SPDX-License-Identifier: MIT
#include "csrc/cuda/owners.hpp"

#include <algorithm>
#include <byzccl/error.hpp>

#include "csrc/cuda/memory.hpp"

namespace byzccl::cuda {

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // told here; a later call must not find it again
  throw CudaError(concat(call, " failed: ", cudaGetErrorString(error)));
}

std::shared_ptr<void> allocate(std::size_t bytes, cudaStream_t stream) {
  bytes = std::max<std::size_t>(bytes, 1);
  if (auto source = memory_source()) {
    return {source->take(bytes, stream),
            [source, stream](void* p) { source->give_back(p, stream); }};
  }
  void* memory = nullptr;
  check(cudaMallocAsync(&memory, bytes, stream), "cudaMallocAsync");
  return {memory, [stream](void* p) { cudaFreeAsync(p, stream); }};
}

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

Stream::~Stream() { cudaStreamDestroy(stream_); }

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

void Event::synchronize() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

}  // namespace byzccl::cuda
