// SPDX-License-Identifier: MIT
// How long work on a stream takes, by events around it, each time with a cold cache.

#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>

#include "benchmarks/stopwatch.hpp"

namespace byzccl::bench {

class Timer {
 public:
  Timer(cudaStream_t stream, const Patience& patience);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  cudaStream_t stream() const { return stream_; }

  /// Enqueues the work once to warm up, then as often as the patience allows. Before each time all
  /// of the second-level cache is filled with something else by reading, so that nothing is left to
  /// be written back; while that goes on the host enqueues ahead.
  ///
  /// @param calls  how many times the work does the thing that is timed
  Times time_of(const std::function<void()>& work, int calls = 1) const;

 private:
  void clear_cache() const;

  static constexpr int kMost = 100;  // repetitions

  const cudaStream_t stream_;
  const Patience patience_;
  std::size_t flush_bytes_;
  std::shared_ptr<void> flush_;
  cudaEvent_t begin_[kMost];
  cudaEvent_t end_[kMost];
};

}  // namespace byzccl::bench
