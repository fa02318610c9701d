// SPDX-License-Identifier: MIT
// A stream: a thread that does what is enqueued, in order.

#pragma once

#include <cuda_runtime_api.h>

#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "cuda_on_cpu/runtime.hpp"

struct CUstream_st {
 public:
  CUstream_st() : worker_([this] { work(); }) {}
  ~CUstream_st() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
  }

  /// `cleanup`: done even after a failure, so that nobody waits for ever.
  cudaError_t enqueue(std::function<void()> work, bool cleanup) {
    const std::lock_guard lock(mutex_);
    if (error_ != cudaSuccess && !cleanup) return error_;
    queue_.push_back({std::move(work), cleanup});
    ++pending_;
    changed_.notify_all();
    return cudaSuccess;
  }

  cudaError_t synchronize() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return pending_ == 0; });
    return error_;
  }

  cudaError_t query() {
    const std::lock_guard lock(mutex_);
    return error_ != cudaSuccess ? error_ : pending_ == 0 ? cudaSuccess : cudaErrorNotReady;
  }

  const int device = cuda_on_cpu::current_device();

 private:
  struct Task {
    std::function<void()> work;
    bool cleanup;
  };

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return !queue_.empty() || ending_; });
      if (queue_.empty()) return;
      const Task task = std::move(queue_.front());
      queue_.pop_front();
      const bool skip = error_ != cudaSuccess && !task.cleanup;
      lock.unlock();
      cudaError_t error = cudaSuccess;
      try {
        if (!skip) task.work();
      } catch (const std::exception& failure) {
        std::fprintf(stderr, "cuda_on_cpu: %s\n", failure.what());
        error = cudaErrorLaunchFailure;
      }
      lock.lock();
      if (error != cudaSuccess) error_ = error;
      --pending_;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  std::size_t pending_ = 0;  // queued or under way
  bool ending_ = false;
  cudaError_t error_ = cudaSuccess;
  std::jthread worker_;  // last: it ends before the rest goes
};
