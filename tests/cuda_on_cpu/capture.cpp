// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/capture.hpp"

#include <cstdio>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "cuda_on_cpu/runtime.hpp"

using cuda_on_cpu::answer;
using cuda_on_cpu::Capture;

struct CUgraphExec_st {
  std::shared_ptr<CUgraph_st> graph;
};

namespace {

struct Captures {
  std::mutex mutex;
  std::map<CUstream_st*, Capture> all;  // by the stream that is captured
  std::map<cudaGraph_t, std::shared_ptr<CUgraph_st>> graphs;
};

Captures& captures() {
  static auto& the_captures = *new Captures;  // never destroyed: an abort may end after main
  return the_captures;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

std::shared_ptr<CUgraph_st> new_graph() {
  return {new CUgraph_st, [](CUgraph_st* graph) {
            for (void* memory : graph->memory) cuda_on_cpu::release(memory);
            delete graph;
          }};
}

}  // namespace

namespace cuda_on_cpu {

cudaError_t check_unsafe() {
  if (thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  const std::lock_guard lock(captures().mutex);
  bool forbidden = false;
  for (auto& [_, capture] : captures().all) {
    const bool own = capture.thread == std::this_thread::get_id();
    const bool forbids = own ? capture.mode != cudaStreamCaptureModeRelaxed
                             : thread_mode == cudaStreamCaptureModeGlobal &&
                                   capture.mode == cudaStreamCaptureModeGlobal;
    if (!forbids) continue;
    capture.valid = false;
    forbidden = true;
  }
  if (!forbidden) return cudaSuccess;
  std::fprintf(stderr, "cuda_on_cpu: an unsafe call while a stream is captured\n");
  return cudaErrorStreamCaptureUnsupported;
}

bool is_captured(CUstream_st* stream) {
  const std::lock_guard lock(captures().mutex);
  return captures().all.contains(stream);
}

cudaError_t capture(CUstream_st* stream, std::function<void()> work) {
  const std::lock_guard lock(captures().mutex);
  Capture& capture = captures().all.at(stream);
  if (!capture.valid) return cudaErrorStreamCaptureInvalidated;
  capture.graph->work.push_back(std::move(work));
  return cudaSuccess;
}

cudaError_t spoil(CUstream_st* stream, cudaError_t error) {
  const std::lock_guard lock(captures().mutex);
  captures().all.at(stream).valid = false;
  std::fprintf(stderr, "cuda_on_cpu: a call that spoils a capture\n");
  return error;
}

void capture_memory(CUstream_st* stream, void* memory) {
  const std::lock_guard lock(captures().mutex);
  captures().all.at(stream).graph->memory.push_back(memory);
}

}  // namespace cuda_on_cpu

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(thread_mode, *mode);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (stream == nullptr) return answer(cudaErrorStreamCaptureUnsupported);
  const std::lock_guard lock(captures().mutex);
  const bool fresh =
      captures().all.emplace(stream, Capture{mode, std::this_thread::get_id(), new_graph()}).second;
  return fresh ? cudaSuccess : answer(cudaErrorIllegalState);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  const std::lock_guard lock(captures().mutex);
  const auto found = captures().all.find(stream);
  if (found == captures().all.end()) return answer(cudaErrorIllegalState);
  const Capture& capture = found->second;
  if (capture.mode != cudaStreamCaptureModeRelaxed &&
      capture.thread != std::this_thread::get_id()) {
    return answer(cudaErrorStreamCaptureWrongThread);
  }
  const Capture ended = std::move(found->second);
  captures().all.erase(found);
  if (!ended.valid) return answer(cudaErrorStreamCaptureInvalidated);
  *graph = ended.graph.get();
  captures().graphs[*graph] = ended.graph;
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(captures().mutex);
  const auto found = captures().all.find(stream);
  *status = found == captures().all.end() ? cudaStreamCaptureStatusNone
            : found->second.valid         ? cudaStreamCaptureStatusActive
                                          : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

// -------------------------------------------------------------------------------------------------
// graphs

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  const std::lock_guard lock(captures().mutex);
  const auto found = captures().graphs.find(graph);
  if (found == captures().graphs.end()) return answer(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{found->second};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const auto& work : executable->graph->work) {
    const cudaError_t error =
        cuda_on_cpu::enqueue(stream, [graph = executable->graph, &work] { work(); });
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(captures().mutex);
  return captures().graphs.erase(graph) > 0 ? cudaSuccess : answer(cudaErrorInvalidValue);
}
