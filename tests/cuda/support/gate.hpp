// SPDX-License-Identifier: MIT
// A stream that stands still for as long as a test wants.

#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "csrc/cuda/owners.hpp"

namespace byzccl::test {

/// Holds a stream until it is let go, for ten seconds at most.
class Gate {
 public:
  explicit Gate(cudaStream_t stream) {
    cuda::check(cudaLaunchHostFunc(stream, &Gate::wait, this), "cudaLaunchHostFunc");
  }
  /// Whether the stream was still held.
  bool open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
    return !late_;
  }

 private:
  static void wait(void* gate) {
    Gate& self = *static_cast<Gate*>(gate);
    std::unique_lock lock(self.mutex_);
    self.late_ =
        !self.changed_.wait_for(lock, std::chrono::seconds(10), [&] { return self.open_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  bool late_ = false;
};

}  // namespace byzccl::test
