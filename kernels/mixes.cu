// SPDX-License-Identifier: MIT
// The rows of W, and those that the steps before a rule make, as lists of vectors. A block a row.

#include "kernels/mixes.cuh"

#include <byzccl/rules/bucketing.hpp>

#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"
#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {
namespace {

constexpr unsigned kThreads = kMaxVectors;  // one for each vector

struct MixShared {
  double weight[kMaxVectors];
};

/// Lists the vectors of non-zero weight in ascending order; weight: that of vector threadIdx.x, 0
/// where there is none.
__device__ void list_vectors(double weight, Mix& mix) {
  auto& shared = shared_memory<MixShared>();
  const int rank = static_cast<int>(threadIdx.x);
  shared.weight[rank] = weight;
  __syncthreads();
  int before = 0;
  for (int other = 0; other < rank; ++other) before += shared.weight[other] != 0;
  if (shared.weight[rank] != 0) {
    mix.vector[before] = static_cast<std::uint16_t>(rank);
    mix.weight[before] = weight;
    if (before == 0) mix.copies = weight == 1;  // as far as the first vector can tell
  }
  if (rank + 1 == static_cast<int>(kThreads)) {
    mix.count = before + (shared.weight[rank] != 0);
  }
  __syncthreads();
}

/// Adds vector `index` behind those that are listed. One thread's work, as finish().
__device__ void append(int index, double weight, Mix& mix) {
  if (mix.count == 0) mix.copies = weight == 1;
  mix.vector[mix.count] = static_cast<std::uint16_t>(index);
  mix.weight[mix.count] = weight;
  ++mix.count;
}

/// What else makes a mix.
__device__ void finish(double divisor, double scale, bool absent, Mix& mix) {
  mix.absent = absent;
  mix.divisor = divisor;
  mix.scale = scale;
  mix.copies = mix.count == 1 && mix.copies && divisor <= 1 && scale == 1;
}

__global__ void __launch_bounds__(kThreads)
    selected_kernel(int ranks, rules::Decision decision, bool has_previous, Mix* mixes) {
  const int row = static_cast<int>(blockIdx.x);
  const rules::Outcome& outcome = *decision.outcome;
  const int rank = static_cast<int>(threadIdx.x);
  const bool absent = row >= outcome.rows;
  list_vectors(!absent && rank < ranks ? decision.weights[row * ranks + rank] : 0, mixes[row]);
  if (rank != 0) return;
  const double divisor = outcome.divisor > 0 ? mixes[row].count : 0;
  if (!absent && has_previous && outcome.previous_weight != 0) {  // no previous output is zeros
    append(ranks, outcome.previous_weight, mixes[row]);
  }
  finish(divisor, 1, absent, mixes[row]);
}

struct Buckets {
  std::uint8_t of[kMaxVectors];  ///< the row of each vector
};

__global__ void __launch_bounds__(kThreads)
    formed_kernel(int ranks, int rows, const __grid_constant__ Buckets buckets,
                  const double* scales, Mix* mixes) {
  const int row = static_cast<int>(blockIdx.x);
  const int rank = static_cast<int>(threadIdx.x);
  const double scale = scales == nullptr || row == rows ? 1 : scales[row];
  const bool absent = scale < 0;
  const bool used = rank < ranks && buckets.of[rank] == row && !absent;
  list_vectors(used ? 1 : 0, mixes[row]);
  if (rank != 0) return;
  if (row == rows) append(ranks, 1, mixes[row]);
  finish(mixes[row].count, scale, absent, mixes[row]);
}

}  // namespace

std::size_t mix_bytes(int rows) { return static_cast<std::size_t>(rows) * sizeof(Mix); }

void list_selected(const Plan& plan, const rules::Decision& decision, bool has_previous,
                   void* mixes, cudaStream_t stream) {
  launch("list_selected", selected_kernel,
         {.blocks = plan.rows, .threads = kThreads, .shared = sizeof(MixShared)}, stream,
         plan.ranks, decision, has_previous, static_cast<Mix*>(mixes));
}

void list_formed(const Plan& plan, const double* scales, bool has_previous, void* mixes,
                 cudaStream_t stream) {
  Buckets buckets{};
  if (plan.bucket > 0) {
    std::uint8_t order[kMaxVectors];
    rules::assign_buckets(plan, order, buckets.of);
  } else {
    for (int i = 0; i < plan.ranks; ++i) buckets.of[i] = static_cast<std::uint8_t>(i);
  }
  launch("list_formed", formed_kernel,
         {.blocks = plan.n + has_previous, .threads = kThreads, .shared = sizeof(MixShared)},
         stream, plan.ranks, plan.n, buckets, scales, static_cast<Mix*>(mixes));
}

}  // namespace byzccl::kernels
