// SPDX-License-Identifier: MIT
// How the distance kernels cut columns and pairs, for every n: each column once, each pair once,
// within the limits of a block.

#include "kernels/strips.hpp"

#include <algorithm>
#include <vector>

#include "kernels/combine_columns.cuh"
#include "kernels/pairwise_registers.cuh"
#include "kernels/pairwise_tiled.cuh"
#include "support/catch.hpp"

namespace byzccl::kernels {
namespace {

constexpr std::size_t kMostShared = 48 << 10;  // without asking for more

bool covers(const Strips& cut) {
  std::int64_t next = 0;
  for (std::int64_t strip = 0; strip < cut.count(); ++strip) {
    const ColumnRange span = cut.at(strip);
    if (span.begin == span.end) continue;
    if (span.begin != next || span.end > cut.columns || span.end - span.begin > cut.width) {
      return false;
    }
    // Of one tile, and the tile that its number says.
    const std::int64_t tile = strip / cut.per_tile;
    if (span.begin / cut.tile != tile || (span.end - 1) / cut.tile != tile) return false;
    next = span.end;
  }
  return next == cut.columns;
}

TEST_CASE("strips cover every column once, for every tile of the grid") {
  for (const int n : {1, 2, 16, 17, 32, 33, 64, 65, 256}) {
    const std::int64_t u = (n + 31) / 32;
    for (std::int64_t factor = 1; factor <= 64; ++factor) {
      const std::int64_t tile = 1024 * u * factor;
      for (const std::int64_t d : {std::int64_t{0}, std::int64_t{1}, tile - 1, tile, tile + 1,
                                   5 * tile + 513, std::int64_t{7} << 33}) {
        if (d > (std::int64_t{1} << 32) && tile < 65536) continue;
        const Strips cut = strips(d, tile, n);
        if (d > 1'000'000'000) {  // too many to walk: the last ones
          CHECK(cut.at(cut.count() - 1).end == d);
          continue;
        }
        if (!covers(cut)) FAIL("n = " << n << ", tile = " << tile << ", d = " << d);
      }
      const Strips cut = strips(tile, tile, n);
      CHECK(cut.width % 1024 == 0);
      CHECK(cut.width <= (n <= 16 ? 8192 : 4096));
    }
  }
}

TEST_CASE("no tile follows the one with the last column") {
  CHECK(strips(4 * 65536, 65536, 16).tiles() == 4);
}

TEST_CASE("strips are as wide as they may be") {
  CHECK(strips(1 << 20, 65536, 16).width == 8192);
  CHECK(strips(1 << 20, 65536, 17).width == 4096);
  CHECK(strips(8192, 8192, 16).width == 8192);
}

TEST_CASE("a thread of the register kernel adds up at most 256 terms") {
  CHECK(8192 / kStripThreads <= 256);
}

template <class C>
void check_cells(int n) {
  const Cells cut = cells(n, kTiledThreads<C>);
  CAPTURE(n, sizeof(C));
  CHECK(cut.threads % 32 == 0);
  CHECK(cut.threads <= kTiledThreads<C>);
  CHECK(cut.per_block * cut.slices <= cut.threads);
  std::vector<int> seen(static_cast<std::size_t>(rules::pair_count(n)));
  std::vector<int> owners(static_cast<std::size_t>(cut.count));
  for (int chunk = 0; chunk < cut.chunks; ++chunk) {
    for (int thread = 0; thread < cut.threads; ++thread) {
      const int cell = cut.cell(chunk, thread);
      if (cell >= 0) ++owners[cell];
    }
  }
  for (const int count : owners) CHECK(count == cut.slices);
  for (int cell = 0; cell < cut.count; ++cell) {
    const GroupPair groups = group_pair(cell, cut.groups);
    for (int p = 0; p < Cells::kPairs; ++p) {
      const int i = groups.first * Cells::kGroup + p / Cells::kGroup;
      const int j = groups.second * Cells::kGroup + p % Cells::kGroup;
      if (i < j && j < n) ++seen[rules::pair_index(i, j, n)];
    }
  }
  for (const int count : seen) {
    if (count != 1) FAIL("a pair is seen " << count << " times");
  }
  // The stage: every row has a place of its own, whole columns fit, aligned for wide accesses.
  using Stage = kernels::Stage<C>;
  std::vector<int> taken(static_cast<std::size_t>(Stage::stride(cut.groups)));
  for (int row = 0; row < n; ++row) ++taken[Stage::place(row, cut.groups)];
  CHECK(std::count(taken.begin(), taken.end(), 1) == n);
  CHECK(Stage::columns(cut.groups) >= 8);
  CHECK(Stage::columns(cut.groups) * Stage::stride(cut.groups) <= Stage::kValues);
  CHECK(Stage::stride(cut.groups) * sizeof(C) % 16 == 0);
  CHECK((Stage::columns(cut.groups) + cut.slices - 1) / cut.slices <= kRun);
}

TEST_CASE("cells cover every pair once, for every n") {
  for (int n = 2; n <= kMaxVectors + 1; ++n) {
    check_cells<float>(n);
    check_cells<double>(n);
  }
  CHECK(sizeof(TiledShared<float>) <= kMostShared);
  CHECK(sizeof(TiledShared<double>) <= kMostShared);
  CHECK(sizeof(StripShared<float, 120>) <= kMostShared);
  CHECK(sizeof(StripShared<double, 28>) <= kMostShared);
}

template <class W, int N>
void check_columns() {
  using Block = ColumnBlock<W, N>;
  CAPTURE(N, sizeof(W), W::kColumns);
  CHECK(sizeof(ColumnShared<W, N>) <= kMostShared);
  CHECK(Block::kThreads % 32 == 0);
  for (int rows = N == 0 ? 65 : 1; rows <= (N == 0 ? kMaxVectors : N); ++rows) {
    CHECK(Block::width(rows) >= 1);
    CHECK(Block::width(rows) <= Block::kThreads * Block::kWords * W::kColumns);
    CHECK(Block::words(rows) * (N == 0 ? rows : N) <= Block::kPlaces);
  }
}

template <class W, int... Ns>
void check_networks() {
  (check_columns<W, Ns>(), ...);
}

TEST_CASE("the sorted columns of a block fit its shared memory") {
  check_networks<WideWord<float>, 4, 8, 16, 24, 32, 48, 64, 0>();
  check_networks<WideWord<double>, 4, 8, 16, 24, 32, 48, 64, 0>();
  check_networks<PairWord<BFloat16>, 4, 8, 16, 24, 32, 48, 64>();
}

}  // namespace
}  // namespace byzccl::kernels
