// SPDX-License-Identifier: MIT
// Owners of what the CUDA runtime hands out. None synchronises unless it says so.

#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>

namespace byzccl::cuda {

/// @throws CudaError with the call and the runtime's own words unless `error` is cudaSuccess
void check(cudaError_t error, const char* call);

/// The calling thread's.
int current_device();

/// For as long as this lives, what the calling thread asks of the runtime neither fails because
/// some thread captures a CUDA graph nor spoils that graph. Without, calls that wait, allocate or
/// ask how far a stream is do both: error 900 here, an invalid capture there. It needs no device.
class BesideCaptures {
 public:
  BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  BesideCaptures(const BesideCaptures&) = delete;
  BesideCaptures& operator=(const BesideCaptures&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// Waits on the host for what is on the stream now. @throws CudaError
void synchronize(cudaStream_t stream);

/// Makes a device the calling thread's current one for as long as this lives.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  const int device_;
  const int before_;
};

/// Memory of the current device in the order of a stream: it is there for what is enqueued after
/// this, and goes, with the last owner, after what was enqueued by then. It comes from a pool of
/// ours, which keeps up to 1 GiB of what is given back. At least 256-byte aligned; not null.
std::shared_ptr<void> allocate(std::size_t bytes, cudaStream_t stream);

/// Makes the current device's pool if it is to be used and not there yet. The pools of a process
/// are open to all of its devices that have one and can reach it: so ranks that are threads on
/// several devices call this before any of them reads what another has allocated.
void open_pool();

/// A stream of its own, which does not wait for the default stream.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point in the work of a stream.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream);
  /// What is enqueued on `stream` from now on comes after the recorded point.
  void hold(cudaStream_t stream) const;
  bool reached() const;
  /// Waits on the host.
  void synchronize() const;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace byzccl::cuda
