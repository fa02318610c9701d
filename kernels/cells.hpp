// SPDX-License-Identifier: MIT
// How the tiled distance kernel shares the pairs of n rows: host and device compute it alike, and
// the host tests it for every n.
//
// Rows are taken in groups, and a warp keeps the sums of one cell: the pairs within a group, or
// those of a group with eight rows of another. A block has the rows of two panels, of one or two
// groups each, and takes pairs within them, across, or both.

#pragma once

#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/team.hpp>

namespace byzccl::kernels {

/// Rows of a cell's second side; its first has a group.
inline constexpr int kOctet = 8;

/// Rows of a group: as many as leave registers for the sums of 8 times as many pairs.
template <class C>
inline constexpr int kGroup = sizeof(C) == 8 ? 8 : 16;

/// Where a cell's sides begin among the rows of its block.
struct Cell {
  int first = -1;   ///< -1: no cell
  int second = -1;  ///< the same as first: the pairs within a group
  BYZCCL_HD bool is_triangle() const { return first == second; }
};

/// What a block takes.
struct Chunk {
  int lower = 0;  ///< first row of its first panel
  int upper = 0;  ///< of its second
  bool within_lower = false;
  bool within_upper = false;
  bool across = false;
};

struct Cells {
  int n = 0;
  int group = 1;
  int panel = 1;   ///< rows of a panel
  int chunks = 1;  ///< blocks that share the pairs of a strip
  int warps = 0;   ///< of a block: as many as its cells, where it has most

  BYZCCL_HD int panels() const { return (n + panel - 1) / panel; }

  /// Row `staged` of the block's, counted through its panels; n or above: there is none.
  BYZCCL_HD int row(const Chunk& chunk, int staged) const {
    return staged < panel ? chunk.lower + staged : chunk.upper + staged - panel;
  }

  /// Rows of a chunk. Those of its first panel are all there if any of the second is.
  BYZCCL_HD int rows(const Chunk& chunk) const { return after(chunk.lower) + after(chunk.upper); }

  /// Of three panels each with itself and with one other. Otherwise panels two by two within
  /// themselves, and then every two across.
  BYZCCL_HD Chunk chunk(int index) const {
    if (panels() == 3) {
      if (index == 2) return {0, 2 * panel, false, true, true};
      return {index * panel, (index + 1) * panel, true, false, true};
    }
    const int doubles = (panels() + 1) / 2;
    if (index < doubles) {
      return {2 * index * panel, (2 * index + 1) * panel, true, true, false};
    }
    int second = 1;
    int rest = index - doubles;
    while (rest >= second) rest -= second++;
    return {rest * panel, second * panel, false, false, true};
  }

  /// Calls f(cell) for each cell of a chunk that has a pair.
  template <class F>
  BYZCCL_HD void visit(const Chunk& chunk, F&& f) const {
    const auto sides = [&](int first, int second) {
      for (int octet = 0; octet < group; octet += kOctet) {
        if (row(chunk, second + octet) < n) f(Cell{first, second + octet});
      }
    };
    const auto within = [&](int begin) {
      for (int side = begin; side < begin + panel; side += group) {
        if (row(chunk, side) + 1 < n) f(Cell{side, side});
        if (side > begin) sides(begin, side);
      }
    };
    if (chunk.within_lower) within(0);
    if (chunk.within_upper) within(panel);
    for (int first = 0; chunk.across && first < panel; first += group) {
      for (int second = panel; second < 2 * panel; second += group) sides(first, second);
    }
  }

  BYZCCL_HD int count(const Chunk& chunk) const {
    int cells = 0;
    visit(chunk, [&](const Cell&) { ++cells; });
    return cells;
  }

  BYZCCL_HD Cell cell(const Chunk& chunk, int index) const {
    Cell found;
    visit(chunk, [&](const Cell& cell) {
      if (index-- == 0) found = cell;
    });
    return found;
  }

 private:
  /// Rows of the panel that begins with `row`.
  BYZCCL_HD int after(int row) const {
    const int rest = n - row;
    return rest <= 0 ? 0 : rest < panel ? rest : panel;
  }
};

/// @param group  rows of a group: kGroup
BYZCCL_HD inline Cells cells(int n, int group) {
  Cells cells;
  cells.n = n;
  cells.group = group;
  // Three groups would be two panels that differ, and so would their blocks.
  cells.panel = (n + group - 1) / group == 3 ? group : 2 * group;
  const int panels = cells.panels();
  cells.chunks = panels == 3 ? 3 : (panels + 1) / 2 + panels * (panels - 1) / 2;
  for (int index = 0; index < cells.chunks; ++index) {
    const int count = cells.count(cells.chunk(index));
    cells.warps = count > cells.warps ? count : cells.warps;
  }
  return cells;
}

}  // namespace byzccl::kernels
