// SPDX-License-Identifier: MIT
// What one CUDA thread, a lane, can ask of the device double, and where it is in the grid.

#pragma once

#include <vector_types.h>

#include <cstddef>
#include <source_location>

// Set for the lane that runs. Plain variables, so that kernels name them as CUDA does.
inline constinit thread_local uint3 threadIdx{};
inline constinit thread_local uint3 blockIdx{};
inline constinit thread_local dim3 blockDim{};
inline constinit thread_local dim3 gridDim{};

namespace cuda_on_cpu {

/// __syncthreads(). Lanes of a block must meet at the same place in the source.
void block_barrier(std::source_location here);

/// Exchanges values among the lanes of a warp. It orders no memory, as on a GPU: TSan sees none.
void shuffle_xor(unsigned mask, int lane_mask, const void* value, void* result, std::size_t bytes,
                 std::source_location here);

/// Enqueues a copy into shared memory; the last `zeros` bytes become 0.
/// @throws DeviceError unless both are aligned to `bytes`, of 4, 8 and 16
void copy_later(void* to, const void* from, std::size_t bytes, std::size_t zeros,
                std::source_location here);

/// What the lane has enqueued since the last call is a batch; it may be empty.
void end_copies();

/// Makes the lane's copies but those of its last `behind` batches.
void make_copies(std::size_t behind);

/// Lets others run. In every spin loop: a fiber that spins without it would hang the block.
void back_off();

/// The block's dynamic shared memory: garbage at the start of a block.
/// @throws DeviceError if the launch asked for fewer than `bytes`
void* shared_memory(std::size_t bytes);

}  // namespace cuda_on_cpu
