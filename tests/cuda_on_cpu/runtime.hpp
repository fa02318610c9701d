// SPDX-License-Identifier: MIT
// What launches and the NCCL double add to the runtime double.

#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "cuda_on_cpu/device.hpp"

namespace cuda_on_cpu {

/// What a call of the runtime returns: an error stays as the thread's last one.
cudaError_t answer(cudaError_t error);

/// Does `work` on the stream, after what was enqueued before. What it throws becomes the stream's
/// sticky error.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);

/// Checks the launch as the runtime does, and enqueues it.
cudaError_t enqueue_grid(const GridShape& shape, std::function<void()> lane, cudaStream_t stream);

}  // namespace cuda_on_cpu
