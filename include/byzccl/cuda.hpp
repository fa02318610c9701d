// SPDX-License-Identifier: MIT
// A rule over n vectors that lie on one CUDA device. Only in libraries that were built with CUDA;
// this header needs none.

#pragma once

#include <byzccl/aggregate.hpp>
#include <cstdint>
#include <memory>
#include <span>

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace byzccl::cuda {

/// What an explain() found. It stays on the device until it is read.
class Explained {
 public:
  class State;
  explicit Explained(std::shared_ptr<const State> state);
  /// Waits for the stream and for nothing else. No phases: the stream does not stop to be timed.
  /// @throws CudaError
  Report read() const;

 private:
  std::shared_ptr<const State> state_;
};

/// byzccl::aggregate for vectors x [n, d] and out [d] on the stream's device, which is the current
/// one. Returns at once: all work is enqueued on `stream`, and nothing synchronises. Scratch comes
/// from the device's stream-ordered memory pool, so the call can be captured in a CUDA graph. One
/// exception: a rule that is given a previous output (caller.previous, on the device like x) copies
/// it to the host and waits, to see whether it is finite.
///
/// Same n, d, dtype and values: same bits. The selection is the CPU's wherever the margin is above
/// the rounding of D; column rules have the CPU's bits.
///
/// @param x       pointers to device memory, aligned to the size of an element
/// @param stream  null: the default stream
/// @throws InvalidArgument as byzccl::aggregate, or if a pointer is not aligned
/// @throws CudaError if a launch or an allocation is refused
void aggregate(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, CUstream_st* stream, const Caller& caller = {});

/// The same, and keeps how it came about. `out` may be null: then nothing is combined.
Explained explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
                  void* out, CUstream_st* stream, const Caller& caller = {});

}  // namespace byzccl::cuda
