// SPDX-License-Identifier: MIT
// A CUDA graph that another thread captures meanwhile, of a stream that nobody else uses.

#pragma once

#include <cuda_runtime_api.h>

#include <future>
#include <thread>

#include "csrc/cuda/owners.hpp"

namespace byzccl::test {

/// Begins in the constructor, in the mode that forbids other threads the most.
class Elsewhere {
 public:
  Elsewhere() : thread_([this] { capture(); }) { begun_.get_future().wait(); }
  ~Elsewhere() {
    if (thread_.joinable()) end();
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  /// What cudaStreamEndCapture() says: whether anybody has spoilt it.
  cudaError_t end() {
    over_.set_value();
    thread_.join();
    return result_;
  }

 private:
  void capture() {
    const cuda::Stream stream;
    int value = 0;
    cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal);
    begun_.set_value();
    over_.get_future().wait();
    cudaMemsetAsync(&value, 0, sizeof value, stream.get());
    cudaGraph_t graph = nullptr;
    result_ = cudaStreamEndCapture(stream.get(), &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
  }

  std::promise<void> begun_;
  std::promise<void> over_;
  cudaError_t result_ = cudaErrorUnknown;
  std::thread thread_;
};

}  // namespace byzccl::test
