// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/runtime.hpp"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "cuda_on_cpu/capture.hpp"
#include "cuda_on_cpu/stream.hpp"

struct CUevent_st {
  struct State {
    std::mutex mutex;
    std::condition_variable reached;
    std::size_t recorded = 0;
    std::size_t done = 0;
    bool captured = false;  ///< where it was last recorded, a stream was captured
    std::chrono::steady_clock::time_point when;  ///< it was last reached
  };
  std::shared_ptr<State> state = std::make_shared<State>();
  const int device = cuda_on_cpu::current_device();
};

using cuda_on_cpu::answer;
using cuda_on_cpu::check_unsafe;
using cuda_on_cpu::is_captured;

namespace {

// cudaFree() waits for all of them.
struct Streams {
  std::mutex mutex;
  std::set<CUstream_st*> all;
};

Streams& streams() {
  static auto& the_streams = *new Streams;  // never destroyed: an abort may end after main
  return the_streams;
}

CUstream_st& stream_of(cudaStream_t stream) {
  static auto& default_stream = *new CUstream_st;  // never destroyed, as streams()
  return stream == nullptr ? default_stream : *stream;
}

/// The default stream is every device's.
bool is_of(cudaStream_t stream, int device) {
  return stream == nullptr || stream->device == device;
}

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t enqueue_cleanup(cudaStream_t stream, std::function<void()> work) {
  if (is_captured(stream)) return answer(cuda_on_cpu::capture(stream, std::move(work)));
  return answer(stream_of(stream).enqueue(std::move(work), true));
}

/// Whether the runtime answers at all how far a stream is.
cudaError_t check_question(cudaStream_t stream) {
  if (is_captured(stream)) {
    return answer(cuda_on_cpu::spoil(stream, cudaErrorStreamCaptureUnsupported));
  }
  return answer(check_unsafe());
}

thread_local int failing_queries = 0;

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

void fail_event_queries(int count) { failing_queries = count; }

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  if (is_captured(stream)) return answer(capture(stream, std::move(work)));
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
  if (!is_of(stream, current_device())) return answer(cudaErrorInvalidResourceHandle);
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
    case cudaErrorIllegalState:
      return "cudaErrorIllegalState";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureIsolation:
      return "cudaErrorStreamCaptureIsolation";
    case cudaErrorCapturedEvent:
      return "cudaErrorCapturedEvent";
    case cudaErrorStreamCaptureWrongThread:
      return "cudaErrorStreamCaptureWrongThread";
    case cudaErrorUnknown:
      return "cudaErrorUnknown";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

// -------------------------------------------------------------------------------------------------
// memory

cudaError_t cudaFree(void* memory) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  cudaStreamSynchronize(nullptr);
  const std::lock_guard lock(streams().mutex);
  for (CUstream_st* stream : streams().all) stream->synchronize();
  cuda_on_cpu::release(memory);
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (is_captured(stream)) return cudaSuccess;  // the graph keeps it
  return enqueue_cleanup(stream, [memory] { cuda_on_cpu::release(memory); });
}

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
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  if (flags != cudaStreamNonBlocking) return answer(cudaErrorInvalidValue);
  *stream = new CUstream_st;
  const std::lock_guard lock(streams().mutex);
  streams().all.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  {
    const std::lock_guard lock(streams().mutex);
    if (streams().all.erase(stream) == 0) return answer(cudaErrorInvalidResourceHandle);
  }
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const cudaError_t error = check_question(stream);
  return error == cudaSuccess ? answer(stream_of(stream).synchronize()) : error;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const cudaError_t error = check_question(stream);
  return error == cudaSuccess ? answer(stream_of(stream).query()) : error;
}

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
  if (!is_of(stream, event->device)) return answer(cudaErrorInvalidResourceHandle);
  const auto state = event->state;
  std::size_t number = 0;
  {
    const std::lock_guard lock(state->mutex);
    state->captured = is_captured(stream);
    if (state->captured) return cudaSuccess;  // who waits for it comes after it: one stream
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
  const bool captures = is_captured(stream);
  {
    const std::lock_guard lock(state->mutex);
    if (state->captured) return captures ? cudaSuccess : answer(cudaErrorStreamCaptureUnsupported);
    recorded = state->recorded;
  }
  if (captures && recorded > 0) {
    return answer(cuda_on_cpu::spoil(stream, cudaErrorStreamCaptureIsolation));
  }
  return enqueue(stream, [state, recorded] { wait_until(*state, recorded); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  CUevent_st::State& state = *event->state;
  std::size_t recorded = 0;
  {
    const std::lock_guard lock(state.mutex);
    if (state.captured) return answer(cudaErrorCapturedEvent);
    recorded = state.recorded;
  }
  wait_until(state, recorded);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = check_unsafe(); error != cudaSuccess) return answer(error);
  if (failing_queries > 0) {
    --failing_queries;
    return answer(cudaErrorLaunchFailure);
  }
  CUevent_st::State& state = *event->state;
  const std::lock_guard lock(state.mutex);
  if (state.captured) return answer(cudaErrorCapturedEvent);
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
