// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/runtime.hpp"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <utility>

#include "cuda_on_cpu/stream.hpp"

struct CUevent_st {
  struct State {
    std::mutex mutex;
    std::condition_variable reached;
    std::size_t recorded = 0;
    std::size_t done = 0;
    std::chrono::steady_clock::time_point when;  ///< it was last reached
  };
  std::shared_ptr<State> state = std::make_shared<State>();
};

struct CUmemPoolHandle_st {};

using cuda_on_cpu::answer;

namespace {

// cudaFree() waits for all of them.
struct Streams {
  std::mutex mutex;
  std::set<CUstream_st*> all;
};

Streams& streams() {
  static Streams the_streams;
  return the_streams;
}

CUstream_st& stream_of(cudaStream_t stream) {
  static CUstream_st default_stream;
  return stream == nullptr ? default_stream : *stream;
}

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t allocate(void** memory, std::size_t bytes) {
  constexpr std::align_val_t kAlignment{256};
  *memory = bytes == 0 ? nullptr : ::operator new(bytes, kAlignment, std::nothrow);
  if (bytes > 0 && *memory == nullptr) return answer(cudaErrorMemoryAllocation);
  if (bytes > 0) std::memset(*memory, 0xcd, bytes);
  return cudaSuccess;
}

void release(void* memory) { ::operator delete(memory, std::align_val_t{256}); }

cudaError_t enqueue_cleanup(cudaStream_t stream, std::function<void()> work) {
  return answer(stream_of(stream).enqueue(std::move(work), true));
}

void wait_until(CUevent_st::State& state, std::size_t recorded) {
  std::unique_lock lock(state.mutex);
  state.reached.wait(lock, [&] { return state.done >= recorded; });
}

}  // namespace

namespace cuda_on_cpu {

cudaError_t answer(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  return answer(stream_of(stream).enqueue(std::move(work), false));
}

cudaError_t enqueue_grid(const GridShape& shape, std::function<void()> lane, cudaStream_t stream) {
  constexpr unsigned kMostBlocks = 0x7fffffff;
  constexpr unsigned kMostThreads = 1024;
  constexpr std::size_t kMostShared = 48 << 10;  // without asking for more
  if (shape.blocks.x == 0 || shape.blocks.x > kMostBlocks || shape.threads.x == 0 ||
      shape.threads.x > kMostThreads || shape.shared_bytes > kMostShared) {
    return answer(cudaErrorInvalidConfiguration);
  }
  return enqueue(stream, [shape, body = std::move(lane)] { run_grid(shape, body); });
}

}  // namespace cuda_on_cpu

using cuda_on_cpu::enqueue;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

// -------------------------------------------------------------------------------------------------
// memory

cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return allocate(memory, bytes); }

cudaError_t cudaFree(void* memory) {
  cudaStreamSynchronize(nullptr);
  const std::lock_guard lock(streams().mutex);
  for (CUstream_st* stream : streams().all) stream->synchronize();
  release(memory);
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t) {
  return allocate(memory, bytes);
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (properties->allocType != cudaMemAllocationTypePinned ||
      properties->location.type != cudaMemLocationTypeDevice) {
    return answer(cudaErrorInvalidValue);
  }
  if (properties->location.id != 0) return answer(cudaErrorInvalidDevice);
  static CUmemPoolHandle_st the_pool;
  *pool = &the_pool;
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const bool known = attribute == cudaMemPoolAttrReleaseThreshold ||
                     attribute == cudaMemPoolReuseAllowInternalDependencies;
  return pool != nullptr && known && value != nullptr ? cudaSuccess : answer(cudaErrorInvalidValue);
}

cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t) {
  return pool != nullptr ? allocate(memory, bytes) : answer(cudaErrorInvalidValue);
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return enqueue_cleanup(stream, [memory] { release(memory); });
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return allocate(memory, bytes);
}

cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (bytes == 0) return answer(cudaErrorInvalidValue);
  return enqueue(stream, [=] { std::memmove(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return answer(cudaErrorInvalidValue);
  return enqueue(stream, [=] { std::memset(memory, value, bytes); });
}

// -------------------------------------------------------------------------------------------------
// streams and events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamNonBlocking) return answer(cudaErrorInvalidValue);
  *stream = new CUstream_st;
  const std::lock_guard lock(streams().mutex);
  streams().all.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  {
    const std::lock_guard lock(streams().mutex);
    if (streams().all.erase(stream) == 0) return answer(cudaErrorInvalidResourceHandle);
  }
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return answer(stream_of(stream).synchronize());
}

cudaError_t cudaStreamQuery(cudaStream_t stream) { return answer(stream_of(stream).query()); }

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* data) {
  return enqueue(stream, [=] { function(data); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto state = event->state;
  std::size_t number = 0;
  {
    const std::lock_guard lock(state->mutex);
    number = ++state->recorded;
  }
  return enqueue_cleanup(stream, [state, number] {
    const std::lock_guard lock(state->mutex);
    if (state->done < number) state->done = number;
    state->when = std::chrono::steady_clock::now();
    state->reached.notify_all();
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const auto state = event->state;
  std::size_t recorded = 0;
  {
    const std::lock_guard lock(state->mutex);
    recorded = state->recorded;
  }
  return enqueue(stream, [state, recorded] { wait_until(*state, recorded); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  CUevent_st::State& state = *event->state;
  std::size_t recorded = 0;
  {
    const std::lock_guard lock(state.mutex);
    recorded = state.recorded;
  }
  wait_until(state, recorded);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  CUevent_st::State& state = *event->state;
  const std::lock_guard lock(state.mutex);
  return answer(state.done >= state.recorded ? cudaSuccess : cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (cudaEventQuery(begin) != cudaSuccess || cudaEventQuery(end) != cudaSuccess) {
    return cudaErrorNotReady;
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->state->when - begin->state->when).count();
  return cudaSuccess;
}
