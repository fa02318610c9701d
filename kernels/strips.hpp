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

/// The strips of `columns` columns in tiles of `tile`, a multiple of 1024: strips of at most 8192
/// columns, or 4096 above 16 rows, whose columns cost more.
BYZCCL_HD inline Strips strips(std::int64_t columns, std::int64_t tile, int n) {
  const std::int64_t units = tile / 1024;
  const std::int64_t most = n <= 16 ? 8 : 4;
  const std::int64_t per_tile = (units + most - 1) / most;
  return {columns, tile, (units + per_tile - 1) / per_tile * 1024, static_cast<int>(per_tile)};
}

/// How a block of the tiled kernel works on the pairs of n rows. Rows are taken in groups of
/// kGroup. A thread keeps the sums of all pairs of two groups, a cell; `slices` threads share a
/// cell, each with every slices-th column. Cells that one block cannot hold go to further blocks,
/// `chunks` of them for each strip.
struct Cells {
  static constexpr int kGroup = 8;
  static constexpr int kPairs = kGroup * kGroup;

  int n = 0;
  int groups = 0;
  int count = 0;  ///< cells in all
  int chunks = 1;
  int per_block = 0;
  int slices = 1;
  int threads = 0;  ///< of a block; a multiple of 32

  /// The cell of a thread in chunk `chunk`; -1 if it has none.
  BYZCCL_HD int cell(int chunk, int thread) const {
    const int cell = chunk * per_block + thread % per_block;
    return thread / per_block < slices && cell < count ? cell : -1;
  }
};

/// Two groups, first <= second.
struct GroupPair {
  int first = 0;
  int second = 0;
};

/// Cell `cell` of `groups` groups, counted row by row with the diagonal: (0,0) (0,1) .. (1,1) ..
BYZCCL_HD inline GroupPair group_pair(int cell, int groups) {
  int first = 0;
  while (cell >= groups - first) {
    cell -= groups - first;
    ++first;
  }
  return {first, first + cell};
}

/// @param most_threads  what the registers of a multiprocessor allow a block
BYZCCL_HD inline Cells cells(int n, int most_threads) {
  constexpr int kThreads = 256;  // where few cells leave the choice
  Cells cells;
  cells.n = n;
  cells.groups = (n + Cells::kGroup - 1) / Cells::kGroup;
  cells.count = cells.groups * (cells.groups + 1) / 2;
  cells.chunks = (cells.count + most_threads - 1) / most_threads;
  cells.per_block = (cells.count + cells.chunks - 1) / cells.chunks;
  cells.slices = cells.per_block < kThreads ? kThreads / cells.per_block : 1;
  cells.threads = (cells.per_block * cells.slices + 31) / 32 * 32;
  return cells;
}

}  // namespace byzccl::kernels
