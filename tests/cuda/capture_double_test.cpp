// SPDX-License-Identifier: MIT
// Captures of the runtime double itself: what they forbid, whom, and what a graph does.

#include <cuda_runtime_api.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace byzccl {
namespace {

struct Stream {
  Stream() { cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking); }
  ~Stream() { cudaStreamDestroy(stream); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t stream = nullptr;
};

cudaError_t elsewhere(const std::function<cudaError_t()>& call) {
  cudaError_t result = cudaSuccess;
  std::thread([&] { result = call(); }).join();
  return result;
}

cudaError_t end(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(stream, &graph);
  CHECK((graph != nullptr) == (error == cudaSuccess));
  if (graph != nullptr) cudaGraphDestroy(graph);
  return error;
}

TEST_CASE("an unsafe call fails and spoils the captures that forbid it") {
  const Stream captured;
  const Stream other;
  cudaEvent_t event;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaEventRecord(event, other.stream);
  cudaStreamSynchronize(other.stream);
  const std::vector<std::pair<std::string, std::function<cudaError_t()>>> calls = {
      {"event query", [&] { return cudaEventQuery(event); }},
      {"event wait", [&] { return cudaEventSynchronize(event); }},
      {"stream query", [&] { return cudaStreamQuery(other.stream); }},
      {"stream wait", [&] { return cudaStreamSynchronize(other.stream); }},
      {"memory",
       [] {
         void* memory = nullptr;
         const cudaError_t error = cudaMalloc(&memory, 8);
         return error == cudaSuccess ? cudaFree(memory) : error;
       }},
      {"pinned memory",
       [] {
         void* memory = nullptr;
         const cudaError_t error = cudaHostAlloc(&memory, 8, cudaHostAllocDefault);
         return error == cudaSuccess ? cudaFreeHost(memory) : error;
       }},
      {"a stream",
       [] {
         cudaStream_t made = nullptr;
         const cudaError_t error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
         return error == cudaSuccess ? cudaStreamDestroy(made) : error;
       }},
  };
  for (const auto& [name, call] : calls) {
    for (const auto mode : {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal,
                            cudaStreamCaptureModeRelaxed}) {
      for (auto own : {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal,
                       cudaStreamCaptureModeRelaxed}) {
        for (const bool same_thread : {false, true}) {
          CAPTURE(name, mode, own, same_thread);
          const bool forbidden = own != cudaStreamCaptureModeRelaxed &&
                                 (same_thread ? mode != cudaStreamCaptureModeRelaxed
                                              : mode == cudaStreamCaptureModeGlobal &&
                                                    own == cudaStreamCaptureModeGlobal);
          REQUIRE(cudaStreamBeginCapture(captured.stream, mode) == cudaSuccess);
          auto in_mode = [&, exchanged = own]() mutable {
            cudaThreadExchangeStreamCaptureMode(&exchanged);
            const cudaError_t error = call();
            cudaThreadExchangeStreamCaptureMode(&exchanged);
            return error;
          };
          const cudaError_t error = same_thread ? in_mode() : elsewhere(in_mode);
          CHECK(error == (forbidden ? cudaErrorStreamCaptureUnsupported : cudaSuccess));
          CHECK(end(captured.stream) ==
                (forbidden ? cudaErrorStreamCaptureInvalidated : cudaSuccess));
        }
      }
    }
  }
  cudaEventDestroy(event);
}

TEST_CASE("what only enqueues is safe, beside a capture and in it") {
  const Stream captured;
  const Stream other;
  int values[2] = {1, 1};
  cudaEvent_t event;
  REQUIRE(cudaStreamBeginCapture(captured.stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  const auto enqueue = [&](cudaStream_t stream, int* value) {
    void* memory = nullptr;
    CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
    CHECK(cudaMallocAsync(&memory, 8, stream) == cudaSuccess);
    CHECK(cudaMemsetAsync(value, 0, sizeof *value, stream) == cudaSuccess);
    CHECK(cudaFreeAsync(memory, stream) == cudaSuccess);
    CHECK(cudaEventRecord(event, stream) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(stream, event) == cudaSuccess);
    CHECK(cudaEventDestroy(event) == cudaSuccess);
  };
  enqueue(other.stream, &values[0]);
  enqueue(captured.stream, &values[1]);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(captured.stream, &graph) == cudaSuccess);
  cudaGraphExec_t executable = nullptr;
  REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(cudaStreamSynchronize(other.stream) == cudaSuccess);
  CHECK(cudaStreamSynchronize(captured.stream) == cudaSuccess);
  CHECK(values[0] == 0);
  CHECK(values[1] == 1);  // it was captured, and not done
  for (int turn = 0; turn < 2; ++turn) {
    values[1] = 1;
    CHECK(cudaGraphLaunch(executable, captured.stream) == cudaSuccess);
    CHECK(cudaStreamSynchronize(captured.stream) == cudaSuccess);
    CHECK(values[1] == 0);
  }
  CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
}

TEST_CASE("no mode allows what a capture contradicts") {
  const Stream captured;
  const Stream other;
  cudaEvent_t before;
  cudaEvent_t inside;
  cudaEventCreateWithFlags(&before, cudaEventDisableTiming);
  cudaEventCreateWithFlags(&inside, cudaEventDisableTiming);
  cudaEventRecord(before, other.stream);
  auto relaxed = cudaStreamCaptureModeRelaxed;
  cudaThreadExchangeStreamCaptureMode(&relaxed);
  const auto begin = [&] {
    REQUIRE(cudaStreamBeginCapture(captured.stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  };
  begin();
  CHECK(cudaStreamBeginCapture(captured.stream, cudaStreamCaptureModeGlobal) ==
        cudaErrorIllegalState);
  CHECK(cudaStreamSynchronize(captured.stream) == cudaErrorStreamCaptureUnsupported);
  CHECK(end(captured.stream) == cudaErrorStreamCaptureInvalidated);
  begin();
  CHECK(cudaStreamWaitEvent(captured.stream, before) == cudaErrorStreamCaptureIsolation);
  CHECK(cudaMemsetAsync(&relaxed, 0, 1, captured.stream) == cudaErrorStreamCaptureInvalidated);
  CHECK(end(captured.stream) == cudaErrorStreamCaptureInvalidated);
  begin();
  CHECK(cudaEventRecord(inside, captured.stream) == cudaSuccess);
  CHECK(cudaEventQuery(inside) == cudaErrorCapturedEvent);
  CHECK(elsewhere([&] { return end(captured.stream); }) == cudaErrorStreamCaptureWrongThread);
  CHECK(end(captured.stream) == cudaSuccess);
  CHECK(end(captured.stream) == cudaErrorIllegalState);
  cudaThreadExchangeStreamCaptureMode(&relaxed);
  cudaEventDestroy(before);
  cudaEventDestroy(inside);
  cudaGetLastError();
}

}  // namespace
}  // namespace byzccl
