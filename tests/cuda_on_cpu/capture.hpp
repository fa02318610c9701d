// SPDX-License-Identifier: MIT
// Captures of the runtime double: what the calls on a stream become, and what they forbid others.
//
// A call that waits, allocates or asks how far something is may be unsafe. It fails, and the
// captures that forbid it become invalid, unless the calling thread's mode is relaxed: those of its
// own that are not relaxed forbid it, and, in the mode that threads start with, the global ones of
// all others. The double counts as unsafe whatever CUDA does not promise to be safe. One stream is
// captured at a time by each capture; forks and joins are refused.

#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

/// What was captured; a graph and all that was made of it share it.
struct CUgraph_st {
  std::vector<std::function<void()>> work;
  std::vector<void*> memory;  ///< taken in it, and there for as long as it is
};

namespace cuda_on_cpu {

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  std::shared_ptr<CUgraph_st> graph;
  bool valid = true;
};

/// cudaSuccess if the calling thread may make an unsafe call now.
cudaError_t check_unsafe();

/// Adds to the capture of the stream, if there is one; then it says what became of that. The work
/// is taken only then.
bool is_captured(CUstream_st* stream);
cudaError_t capture(CUstream_st* stream, std::function<void()> work);
/// The stream's capture is lost. Returns `error`.
cudaError_t spoil(CUstream_st* stream, cudaError_t error);
/// Memory taken on a stream that is captured.
void capture_memory(CUstream_st* stream, void* memory);

}  // namespace cuda_on_cpu
