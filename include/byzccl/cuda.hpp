// SPDX-License-Identifier: MIT
// A rule over n vectors that lie on one CUDA device. Only in libraries that were built with CUDA;
// this header needs none.

#pragma once

#include <byzccl/aggregate.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace byzccl::cuda {

/// A source of device memory in the order of streams. Calls may come from any thread.
class Memory {
 public:
  virtual ~Memory() = default;
  /// `bytes` >= 1 on the current device, which is the stream's, aligned to 256 bytes and not null:
  /// there for what is enqueued on `stream` after this. Throws if there is no such memory.
  virtual void* take(std::size_t bytes, CUstream_st* stream) = 0;
  /// Another owner may have it after what was enqueued on `stream` by now. `stream` is the one that
  /// it was taken for; any device may be the current one.
  virtual void give_back(void* memory, CUstream_st* stream) noexcept = 0;
};

/// The source of all scratch that is taken from now on; what was taken goes back where it came
/// from. Null, as at the start: a stream-ordered memory pool of the library's own, which keeps up
/// to 1 GiB. A framework that keeps device memory of its own says so here, lest two keep what the
/// other one lacks.
void set_memory(std::shared_ptr<Memory> memory);

/// What this library was compiled with and what it finds where it runs.
struct Build {
  int compiled_runtime = 0;   ///< CUDART_VERSION: 1000 major + 10 minor
  int runtime = 0;            ///< the runtime that was loaded, likewise
  int driver = 0;             ///< the newest CUDA that the driver knows, likewise; 0: no driver
  std::string architectures;  ///< that the kernels were built for, such as "90" or "80,90"
  int compiled_nccl = 0;      ///< NCCL_VERSION_CODE, such as 22809 of 2.28.9; 0: built without NCCL
  int nccl = 0;               ///< the NCCL that was loaded, likewise
};
/// Needs no device and does not start CUDA: a process may fork others that use it after.
Build build();

/// What an explain() found. It stays on the device until it is read.
class Explained {
 public:
  class State;
  explicit Explained(std::shared_ptr<const State> state);
  /// Waits for the stream and for nothing else. No phases: the stream does not stop to be timed.
  /// The stream's device must be the current one.
  /// @throws CudaError
  Report read() const;

 private:
  std::shared_ptr<const State> state_;
};

/// byzccl::aggregate for vectors x [n, d] and out [d] on the stream's device, which is the current
/// one. Returns at once: all work is enqueued on `stream`, and nothing synchronises. Scratch is
/// taken in the order of the stream (set_memory), so the call can be captured in a CUDA graph,
/// after a first call on the device that was not: that one loads the kernels and makes what scratch
/// comes from. A previous output (caller.previous, on the device like x) is copied first, d more
/// elements of scratch: whether it is finite is found out on the device.
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
