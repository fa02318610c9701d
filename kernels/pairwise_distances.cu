// SPDX-License-Identifier: MIT
// The distance passes: strips to partial sums, partial sums to one sum a shard.

#include "kernels/launch.hpp"
#include "kernels/pairwise_launch.hpp"

namespace byzccl::kernels {
namespace {

/// The grid of `columns` columns in `shards` shards.
rules::Grid grid_of(std::int64_t columns, std::int64_t tile, int shards) {
  return {shards, columns, tile, (columns + tile - 1) / tile};
}

}  // namespace

std::size_t distance_scratch_bytes(int rows, std::int64_t columns, std::int64_t tile) {
  const std::int64_t pairs = rows > 1 ? rules::pair_count(rows) : 1;
  return static_cast<std::size_t>(strips(columns, tile, rows).count() * pairs) * sizeof(double);
}

void pairwise_distances(const Vectors& rows, std::int64_t tile, int shards, double* sums,
                        void* scratch, cudaStream_t stream) {
  const int n = static_cast<int>(rows.x.size());
  if (n < 2) return;
  const Strips cut = strips(rows.columns, tile, n);
  double* partials = static_cast<double*>(scratch);
  if (rows.columns > 0) {
    with_dtype(rows.dtype, [&]<class T>(Type<T>) { launch_pairs<T>(rows, cut, partials, stream); });
  }
  add_tiles(partials, grid_of(rows.columns, tile, shards), cut.per_tile, rules::pair_count(n), sums,
            stream);
}

std::size_t norm_scratch_bytes(int rows, std::int64_t columns, std::int64_t tile) {
  return static_cast<std::size_t>(strips(columns, tile, 2).count() * rows) * sizeof(double);
}

void norms(const Vectors& rows, std::int64_t tile, int shards, double* sums, void* scratch,
           cudaStream_t stream) {
  const Strips cut = strips(rows.columns, tile, 2);
  double* partials = static_cast<double*>(scratch);
  if (rows.columns > 0) {
    with_dtype(rows.dtype, [&]<class T>(Type<T>) { launch_norms<T>(rows, cut, partials, stream); });
  }
  add_tiles(partials, grid_of(rows.columns, tile, shards), cut.per_tile,
            static_cast<std::int64_t>(rows.x.size()), sums, stream);
}

}  // namespace byzccl::kernels
