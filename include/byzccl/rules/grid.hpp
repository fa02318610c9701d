// SPDX-License-Identifier: MIT
// The grid on which distances are summed (RULES section 1): tiles of columns, and the shard of
// tiles that each rank owns. Shards, chunks and thread blocks are cut along it and nowhere else,
// so that D has the same bits whatever the algorithm.

#pragma once

#include <byzccl/rules/exact.hpp>
#include <byzccl/rules/team.hpp>
#include <cstdint>

namespace byzccl::rules {

/// The tiles and shards of one add of d columns among n vectors.
struct Grid {
  int n = 1;
  std::int64_t d = 0;
  std::int64_t tile = 1;   ///< columns of a tile; the last tile has what remains
  std::int64_t tiles = 0;  ///< T = ceil(d / tile)

  /// First tile of shard k, 0 <= k <= n; shard k ends where shard k + 1 begins.
  BYZCCL_HD std::int64_t first_tile(int k) const { return k * tiles / n; }
  /// First column of shard k, 0 <= k <= n.
  BYZCCL_HD std::int64_t first_column(int k) const {
    const std::int64_t column = first_tile(k) * tile;
    return column < d ? column : d;
  }
  /// Columns of shard k; may be 0.
  BYZCCL_HD std::int64_t columns(int k) const { return first_column(k + 1) - first_column(k); }
};

/// The grid for d >= 0 columns and n >= 1 vectors: with u = ceil(n / 32) a tile has
/// 1024 u clamp(ceil(d / (65536 n u)), 1, 64) columns, so that a shard has about 64 tiles.
BYZCCL_HD inline Grid grid(std::int64_t d, int n) {
  const std::int64_t u = (n + 31) / 32;
  const std::int64_t per_tile = 65536 * u * n;
  std::int64_t factor = (d + per_tile - 1) / per_tile;
  factor = factor < 1 ? 1 : factor > 64 ? 64 : factor;
  const std::int64_t tile = 1024 * u * factor;
  return {n, d, tile, (d + tile - 1) / tile};
}

/// A sum of squares as it decides: what is not finite, or below 0 as no such sum is, is +inf.
BYZCCL_HD inline double finite_sum_or_infinity(double sum) {
  return sum >= 0 && sum < kInfinity ? sum : kInfinity;
}

/// Pairs (i, j) with i < j among n vectors.
BYZCCL_HD constexpr int pair_count(int n) { return n * (n - 1) / 2; }

/// Position of pair (i, j), i < j, counted row by row: (0,1) (0,2) .. (0,n-1) (1,2) ..
BYZCCL_HD constexpr int pair_index(int i, int j, int n) {
  return i * (2 * n - i - 1) / 2 + (j - i - 1);
}

}  // namespace byzccl::rules
