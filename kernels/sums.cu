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

/// The first part of every tile becomes the tile's sum, parts added in ascending order. A thread
/// for each sum of each tile.
__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(double* partials, std::int64_t tiles, int per_tile, std::int64_t count) {
  const std::int64_t item = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (item >= tiles * count) return;
  double* const part = partials + item / count * per_tile * count + item % count;
  double sum = part[0];
#pragma unroll 4
  for (int index = 1; index < per_tile; ++index) sum += part[index * count];
  part[0] = sum;
}

/// sums [shards, count]: the first parts of a shard's tiles in ascending order. A block takes
/// kThreads of the `count` sums of a shard.
__global__ void __launch_bounds__(kThreads)
    add_tiles_kernel(const double* partials, rules::Grid grid, int per_tile, std::int64_t count,
                     unsigned blocks_per_shard, double* sums) {
  const int shard = static_cast<int>(blockIdx.x / blocks_per_shard);
  const std::int64_t k = std::int64_t{blockIdx.x % blocks_per_shard} * kThreads + threadIdx.x;
  if (k >= count) return;
  const std::int64_t end = grid.first_tile(shard + 1);
  double sum = 0;
  // Unrolled: loads of several tiles are under way while the sum goes on in order.
#pragma unroll 8
  for (std::int64_t tile = grid.first_tile(shard); tile < end; ++tile) {
    sum += partials[tile * per_tile * count + k];
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

void add_tiles(double* partials, const rules::Grid& grid, int per_tile, std::int64_t count,
               double* sums, cudaStream_t stream) {
  if (per_tile > 1 && grid.tiles > 0) {
    launch("add_parts", add_parts_kernel,
           {.blocks = blocks_for(grid.tiles * count), .threads = kThreads}, stream, partials,
           grid.tiles, per_tile, count);
  }
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
