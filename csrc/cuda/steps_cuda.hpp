// SPDX-License-Identifier: MIT
// The steps on a CUDA stream.

#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "csrc/cuda/stream_pair.hpp"
#include "csrc/steps.hpp"

namespace byzccl::cuda {

/// All memory that the steps are given lies on the stream's device, the decision included; all work
/// is enqueued on `stream`, and only read() waits for it. Scratch is taken and given back in the
/// order of the stream.
std::unique_ptr<Steps> make_steps(cudaStream_t stream);

/// The same on streams->compute(), beside messages on streams->comm(): what await() is given holds
/// both, and messages may land in what allocate_landing() gives at once.
std::unique_ptr<Steps> make_steps(std::shared_ptr<StreamPair> streams);

/// sums [shards, pairs] of all shards of a whole add, as Steps::pairwise_distances gives them one
/// by one; the columns are cut into `shards` shards as rules::Grid does.
void shard_distances(const Plan& plan, const rules::Decision& decision, const Rows& vectors,
                     std::int64_t tile, int shards, double* sums, cudaStream_t stream);

/// The same for the squared norms: sums [shards, n].
void shard_norms(const Plan& plan, const Rows& vectors, std::int64_t tile, int shards, double* sums,
                 cudaStream_t stream);

}  // namespace byzccl::cuda
