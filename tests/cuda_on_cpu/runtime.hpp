// SPDX-License-Identifier: MIT
// What launches, graphs and the NCCL double add to the runtime double.

#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>

#include "cuda_on_cpu/device.hpp"

namespace cuda_on_cpu {

/// What a test may set, while nothing else runs.
struct Machine {
  int devices = 1;
  bool peers_reach = true;  ///< devices can reach each other's memory
};
Machine& machine();

/// The calling thread's next so many questions how far an event is fail, as all do once a kernel
/// has.
void fail_event_queries(int count);

/// What a call of the runtime returns: an error stays as the thread's last one.
cudaError_t answer(cudaError_t error);

/// Does `work` on the stream, after what was enqueued before, or captures it. What it throws
/// becomes the stream's sticky error.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);

/// Checks the launch as the runtime does, and enqueues it.
cudaError_t enqueue_grid(const GridShape& shape, std::function<void()> lane, cudaStream_t stream);

/// The calling thread's current device.
int current_device();

// Memory of a device, which is the host's. Only what came from a pool is closed to other devices.

cudaError_t allocate(void** memory, std::size_t bytes);
void release(void* memory);
/// Whether a kernel on `device` may touch it.
bool reaches(int device, const void* memory);

}  // namespace cuda_on_cpu
