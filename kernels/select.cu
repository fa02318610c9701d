// SPDX-License-Identifier: MIT
// The second step on the device: one block decides, without a trip to the host.
//
// The selectors are those of the host (include/byzccl/rules), with the loops over rows shared by
// the threads of the block. D, the decision and the scratch stay in global memory; at n = 256 D
// alone is 512 KiB.

#include <byzccl/rules/select.hpp>

#include "kernels/block_team.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

// -------------------------------------------------------------------------------------------------
// kernel

/// Enough for the n^2 independent counts of sort_neighbors() to hide the latency of their loads;
/// all other loops have n items.
constexpr unsigned kSelectThreads = 512;

__global__ void __launch_bounds__(kSelectThreads)
    select_kernel(Plan plan, const double* distances, rules::Decision decision, void* scratch) {
  rules::select(Block{}, plan, distances, decision, scratch);
}

}  // namespace

// -------------------------------------------------------------------------------------------------
// launcher

void select(const Plan& plan, const double* distances, const rules::Decision& decision,
            void* scratch, cudaStream_t stream) {
  launch("select", select_kernel, {.blocks = 1, .threads = kSelectThreads}, stream, plan, distances,
         decision, scratch);
}

}  // namespace byzccl::kernels
