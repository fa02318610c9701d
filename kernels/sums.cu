// SPDX-License-Identifier: MIT
// The small steps between the distance passes and the selection: float64, in the order of RULES
// section 1.

#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/scaling.hpp>

#include "kernels/block_team.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

// -------------------------------------------------------------------------------------------------
// kernels

constexpr unsigned kThreads = 128;

/// sums [shards, count]: a shard's tiles in ascending order, each the sum of its strips in
/// ascending order. A block takes kThreads of the `count` sums of a shard.
__global__ void __launch_bounds__(kThreads)
    add_tiles_kernel(const double* partials, rules::Grid grid, int per_tile, std::int64_t count,
                     unsigned blocks_per_shard, double* sums) {
  const int shard = static_cast<int>(blockIdx.x / blocks_per_shard);
  const std::int64_t k = std::int64_t{blockIdx.x % blocks_per_shard} * kThreads + threadIdx.x;
  if (k >= count) return;
  double sum = 0;
  for (std::int64_t tile = grid.first_tile(shard); tile < grid.first_tile(shard + 1); ++tile) {
    const double* part = partials + tile * per_tile * count + k;
    double tile_sum = part[0];
    for (int strip = 1; strip < per_tile; ++strip) tile_sum += part[strip * count];
    sum += tile_sum;
  }
  sums[shard * count + k] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_shards_kernel(const double* shards, int shard_count, std::int64_t count, double* total) {
  const std::int64_t k = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (k >= count) return;
  double sum = 0;
  for (int shard = 0; shard < shard_count; ++shard) sum += shards[shard * count + k];
  total[k] += sum;
}

__global__ void __launch_bounds__(kThreads)
    scale_kernel(Plan plan, double* norms, rules::Decision decision) {
  const Block team;
  team.for_each(plan.n, [=](int i) { norms[i] = rules::finite_sum_or_infinity(norms[i]); });
  rules::scale_rows(team, plan, norms, decision);
}

/// A thread for each entry of D [lines, n].
__global__ void __launch_bounds__(kThreads)
    spread_kernel(const double* pairs, int lines, int n, double* distances) {
  const int item = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (item >= lines * n) return;
  const int i = item / n;
  const int j = item % n;
  const int low = i < j ? i : j;
  const int high = i < j ? j : i;
  distances[item] =
      i == j ? 0 : rules::finite_sum_or_infinity(pairs[rules::pair_index(low, high, lines)]);
}

std::int64_t blocks_for(std::int64_t items) { return (items + kThreads - 1) / kThreads; }

}  // namespace

// -------------------------------------------------------------------------------------------------
// launchers

void add_tiles(const double* partials, const rules::Grid& grid, int per_tile, std::int64_t count,
               double* sums, cudaStream_t stream) {
  const std::int64_t blocks = blocks_for(count);
  launch("add_tiles", add_tiles_kernel, {.blocks = blocks * grid.n, .threads = kThreads}, stream,
         partials, grid, per_tile, count, static_cast<unsigned>(blocks), sums);
}

void add_shards(const double* shards, int shard_count, std::int64_t count, double* total,
                cudaStream_t stream) {
  if (count == 0) return;
  launch("add_shards", add_shards_kernel, {.blocks = blocks_for(count), .threads = kThreads},
         stream, shards, shard_count, count, total);
}

void scale(const Plan& plan, double* norms, const rules::Decision& decision, cudaStream_t stream) {
  launch("scale", scale_kernel, {.threads = kThreads}, stream, plan, norms, decision);
}

void spread(const double* pairs, int lines, int n, double* distances, cudaStream_t stream) {
  launch("spread", spread_kernel,
         {.blocks = blocks_for(std::int64_t{lines} * n), .threads = kThreads}, stream, pairs, lines,
         n, distances);
}

}  // namespace byzccl::kernels
