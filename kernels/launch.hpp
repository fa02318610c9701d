// SPDX-License-Identifier: MIT
// The only door to the kernels: raw device pointers, sizes and a stream. Nothing here synchronises.

#pragma once

#include <cuda_runtime_api.h>

#include <byzccl/rule.hpp>
#include <byzccl/rules/decision.hpp>

namespace byzccl::kernels {

/// Decides by the plan's rule, in one block: rules::select() on the device.
///
/// @param distances  D [n, n] float64; not read unless plan.needs_distances
/// @param decision   views into device memory of decision_bytes(plan) bytes, 8-byte aligned
/// @param scratch    rules::select_scratch_bytes(plan) bytes of device memory, 8-byte aligned; in
///                   use until the stream has passed
/// @throws CudaError if the launch is refused
void select(const Plan& plan, const double* distances, const rules::Decision& decision,
            void* scratch, cudaStream_t stream);

}  // namespace byzccl::kernels
