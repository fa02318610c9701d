// SPDX-License-Identifier: MIT
// Distances on the CPU: sums of squared differences along the grid.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "csrc/cpu/mix.hpp"
#include "csrc/steps.hpp"

namespace byzccl::cpu {

/// total [pairs] = over the shards ascending, the sum of (over a shard's tiles ascending, the sum
/// of the tile), float64, pairs in the order of rules::pair_index. Overwrites total.
///
/// Within a tile, float32 differences and squares (float64 for float64) add up in runs of at most
/// 256 terms a lane; the lanes of a run, then the runs, are added in float64. The order depends on
/// the target, on n and on the tile alone. What is not finite stays in the sums.
///
/// @param rows  n vectors, any alignment, null for the zero vector; their first column is the first
/// of a tile
/// @param tile  columns of a tile (rules::Grid)
/// @param ends  for each shard the tile, counted from the rows' first column, before which it ends;
///              ascending, the last is the number of tiles
/// @param mixes  empty, or how each of the n rows is formed; where that is a copy, rows.x has it
void pairwise_distances(const Rows& rows, std::int64_t tile, std::span<const std::int64_t> ends,
                        double* total, std::span<const Mix> mixes = {});

/// The instruction set that runs here, such as "AVX3": it fixes the order of sums within a tile.
std::string_view target_name();

}  // namespace byzccl::cpu
