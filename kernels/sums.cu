// SPDX-License-Identifier: MIT
// The small steps between the distance passes and the selection: float64, in the order of RULES
// section 1.

#include <algorithm>
#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/scaling.hpp>

#include "kernels/block_team.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"
#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {
namespace {

// -------------------------------------------------------------------------------------------------
// kernels

constexpr unsigned kThreads = 128;

// A block of add_tiles takes so many sums of a shard, a line of memory, of so many tiles at a time.
constexpr int kSums = 16;
constexpr int kTiles = 32;

struct TileSums {
  double of[kTiles][kSums];
};

/// sums [shards, count]. A thread adds the parts of a sum of a tile; then one thread for each sum
/// adds the tiles, whose loads were under way together.
__global__ void __launch_bounds__(kTiles* kSums)
    add_tiles_kernel(const double* partials, rules::Grid grid, int per_tile, std::int64_t count,
                     unsigned blocks_per_shard, double* sums) {
  auto& shared = shared_memory<TileSums>();
  const int shard = static_cast<int>(blockIdx.x / blocks_per_shard);
  const int column = static_cast<int>(threadIdx.x) % kSums;
  const int line = static_cast<int>(threadIdx.x) / kSums;
  const int lines = static_cast<int>(blockDim.x) / kSums;
  const std::int64_t k = std::int64_t{blockIdx.x % blocks_per_shard} * kSums + column;
  const std::int64_t end = grid.first_tile(shard + 1);
  double total = 0;
  for (std::int64_t first = grid.first_tile(shard); first < end; first += lines) {
    const int here = end - first < lines ? static_cast<int>(end - first) : lines;
    if (line < here && k < count) {
      const double* const part = partials + (first + line) * per_tile * count + k;
      double sum = part[0];
#pragma unroll 4
      for (int index = 1; index < per_tile; ++index) sum += part[index * count];
      shared.of[line][column] = sum;
    }
    __syncthreads();
    if (line == 0 && k < count) {
#pragma unroll 8
      for (int tile = 0; tile < here; ++tile) total += shared.of[tile][column];
    }
    __syncthreads();
  }
  if (line == 0 && k < count) sums[shard * count + k] = total;
}

/// Of a sum that each of the shards has, `count` apart.
__device__ double add_in_order(const double* shards, int shard_count, std::int64_t count) {
  double sum = 0;
#pragma unroll 8
  for (int shard = 0; shard < shard_count; ++shard) sum += shards[shard * count];
  return sum;
}

__global__ void __launch_bounds__(kThreads)
    add_shards_kernel(const double* shards, int shard_count, std::int64_t count, double* total) {
  const std::int64_t k = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (k >= count) return;
  total[k] += add_in_order(shards + k, shard_count, count);
}

__global__ void __launch_bounds__(kThreads)
    scale_kernel(Plan plan, double* norms, rules::Decision decision) {
  const Block team;
  team.for_each(plan.n, [=](int i) { norms[i] = rules::finite_sum_or_infinity(norms[i]); });
  rules::scale_rows(team, plan, norms, decision);
}

/// A thread for each entry of D [lines, n].
__global__ void __launch_bounds__(kThreads)
    spread_kernel(const double* pairs, int shards, int lines, int n, double* distances) {
  const int item = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (item >= lines * n) return;
  const int i = item / n;
  const int j = item % n;
  const int low = i < j ? i : j;
  const int high = i < j ? j : i;
  if (i == j) {
    distances[item] = 0;
    return;
  }
  const double* const pair = pairs + rules::pair_index(low, high, lines);
  distances[item] =
      rules::finite_sum_or_infinity(add_in_order(pair, shards, rules::pair_count(lines)));
}

std::int64_t blocks_for(std::int64_t items) { return (items + kThreads - 1) / kThreads; }

}  // namespace

// -------------------------------------------------------------------------------------------------
// launchers

void add_tiles(const double* partials, const rules::Grid& grid, int per_tile, std::int64_t count,
               double* sums, cudaStream_t stream) {
  const std::int64_t tiles = (grid.tiles + grid.n - 1) / grid.n;  // of the longest shard
  const auto lines =
      static_cast<unsigned>(std::clamp<std::int64_t>((tiles + 1) / 2 * 2, 2, kTiles));
  const std::int64_t blocks = (count + kSums - 1) / kSums;
  launch("add_tiles", add_tiles_kernel,
         {.blocks = blocks * grid.n, .threads = lines * kSums, .shared = sizeof(TileSums)}, stream,
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

void spread(const double* pairs, int shards, int lines, int n, double* distances,
            cudaStream_t stream) {
  launch("spread", spread_kernel,
         {.blocks = blocks_for(std::int64_t{lines} * n), .threads = kThreads}, stream, pairs,
         shards, lines, n, distances);
}

}  // namespace byzccl::kernels
