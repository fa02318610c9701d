// SPDX-License-Identifier: MIT
// The only ways to order memory between threads besides barriers: release and acquire on these.

#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cuda/atomic>

namespace byzccl::kernels {

/// Seen by all threads of the device.
using DeviceFlag = ::cuda::atomic_ref<unsigned, ::cuda::thread_scope_device>;
/// Seen by all devices and by the host.
using SystemFlag = ::cuda::atomic_ref<unsigned, ::cuda::thread_scope_system>;
/// Counts in any order; orders nothing.
using DeviceCounter = ::cuda::atomic_ref<unsigned long long, ::cuda::thread_scope_device>;

/// In every loop that waits for a flag: leaves the processor to who will set it.
__device__ inline void back_off() { __nanosleep(64); }

}  // namespace byzccl::kernels
