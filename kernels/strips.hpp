// SPDX-License-Identifier: MIT
// How the distance kernels cut columns and pairs: host and device compute it alike, and the host
// tests it for every n. Together with the kernels it fixes the order of every sum from the tile, n
// and the type alone.

#pragma once

#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/team.hpp>
#include <cstdint>

namespace byzccl::kernels {

/// Most rows whose pairs all fit the registers of one thread: 120 sums in float32, 28 in float64.
template <class C>
inline constexpr int kRegisterRows = sizeof(C) == 8 ? 8 : 16;

/// Consecutive columns.
struct ColumnRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Every tile is cut into `per_tile` strips of `width` columns, one block each, so that one shard,
/// of about 64 tiles, fills the machine.
struct Strips {
  std::int64_t columns = 0;
  std::int64_t tile = 1;
  std::int64_t width = 1;
  int per_tile = 1;

  BYZCCL_HD std::int64_t tiles() const { return (columns + tile - 1) / tile; }
  BYZCCL_HD std::int64_t count() const { return tiles() * per_tile; }
  /// Columns of strip `index`, counted tile by tile; may be none.
  BYZCCL_HD ColumnRange at(std::int64_t index) const {
    const std::int64_t tile_begin = index / per_tile * tile;
    const std::int64_t tile_end = smaller(tile_begin + tile, columns);
    const std::int64_t begin = smaller(tile_begin + index % per_tile * width, tile_end);
    return {begin, smaller(begin + width, tile_end)};
  }
  BYZCCL_HD static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
};

/// The strips of `columns` columns in tiles of `tile`, a multiple of 1024: of at most 8192 columns,
/// or 4096 above 16 rows, whose columns cost more; and so many to a tile that the strips of a shard
/// are as many as the blocks that run at a time.
BYZCCL_HD inline Strips strips(std::int64_t columns, std::int64_t tile, int n) {
  const std::int64_t units = tile / 1024;
  const std::int64_t most = n <= 16 ? 8 : 4;
  const std::int64_t least_count = n <= 8 ? 8 : n <= 32 ? 4 : 1;
  const std::int64_t widest = Strips::smaller(most, (units + least_count - 1) / least_count);
  const std::int64_t per_tile = (units + widest - 1) / widest;
  return {columns, tile, (units + per_tile - 1) / per_tile * 1024, static_cast<int>(per_tile)};
}

}  // namespace byzccl::kernels
