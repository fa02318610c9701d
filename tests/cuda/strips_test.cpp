// SPDX-License-Identifier: MIT
// How the distance kernels cut columns and pairs, for every n: each column once, each pair once,
// within the limits of a block.

#include "kernels/strips.hpp"

#include <algorithm>
#include <array>
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
  CHECK(strips(1 << 20, 8192, 64).width == 4096);
}

TEST_CASE("the strips of a shard fill the device where its tiles are small") {
  for (const auto& [n, least] : {std::pair{2, 5}, {8, 5}, {9, 3}, {32, 3}}) {
    for (std::int64_t units = 1; units <= 64; ++units) {
      const Strips cut = strips(units * 1024, units * 1024, n);
      CAPTURE(n, units, cut.width);
      CHECK(cut.count() >= std::min<std::int64_t>(units, least));
    }
  }
}

TEST_CASE("a thread of the register kernel adds up at most 256 terms") {
  CHECK(8192 / kStripThreads <= 256);
}

template <class C>
void check_cells(int n) {
  const Cells cut = cells(n, kGroup<C>);
  CAPTURE(n, sizeof(C));
  CHECK(cut.warps * kWarp <= kTiledThreads);
  std::vector<int> seen(static_cast<std::size_t>(rules::pair_count(n)));
  int most = 0;
  for (int index = 0; index < cut.chunks; ++index) {
    const Chunk chunk = cut.chunk(index);
    const int count = cut.count(chunk);
    most = std::max(most, count);
    CHECK(cut.rows(chunk) <= Stages<C>::kRows);
    for (int staged = 0; staged < 2 * cut.panel; ++staged) {
      CHECK((cut.row(chunk, staged) < n) == (staged < cut.rows(chunk)));
    }
    CHECK(cut.cell(chunk, count).first < 0);
    for (int warp = 0; warp < count; ++warp) {
      const Cell cell = cut.cell(chunk, warp);
      bool has_pair = false;
      const int pairs = cell.is_triangle() ? rules::pair_count(cut.group) : cut.group * kOctet;
      CHECK(pairs <= kCellPairs<C>);
      for (int k = 0; k < pairs; ++k) {
        const PairInCell pair = pair_in_cell(cell, cut.group, k);
        const int i = cut.row(chunk, cell.first) + pair.first;
        const int j = cut.row(chunk, cell.second) + pair.second;
        CHECK(pair.first < cut.group);
        CHECK(i < j);
        if (j >= n) continue;
        // Where the kernel keeps it.
        CHECK(k == (cell.is_triangle() ? rules::pair_index(pair.first, pair.second, cut.group)
                                       : pair.first * kOctet + pair.second));
        ++seen[static_cast<std::size_t>(rules::pair_index(i, j, n))];
        has_pair = true;
      }
      for (int k = pairs; k < kCellPairs<C>; ++k) {
        CHECK(pair_in_cell(cell, cut.group, k).first >= cut.group);
      }
      CHECK(has_pair);
    }
  }
  CHECK(most == cut.warps);
  CHECK(std::count(seen.begin(), seen.end(), 1) == rules::pair_count(n));
}

TEST_CASE("cells cover every pair once, for every n") {
  for (int n = 2; n <= kMaxVectors + 1; ++n) {
    check_cells<float>(n);
    check_cells<double>(n);
  }
  // No block has idle warps where its rows are whole groups.
  for (const auto& [n, chunks, warps] :
       {std::array{32, 1, 4}, {48, 3, 3}, {64, 2, 8}, {96, 3, 12}, {256, 32, 8}}) {
    CAPTURE(n);
    CHECK(cells(n, kGroup<float>).chunks == chunks);
    CHECK(cells(n, kGroup<float>).warps == warps);
  }
}

TEST_CASE("what a block of the distance kernels shares fits, and its lanes add up few terms") {
  CHECK(sizeof(Stages<float>) <= kMostShared);
  CHECK(sizeof(Stages<BFloat16>) <= kMostShared);
  CHECK(sizeof(Stages<double>) <= kMostShared);
  CHECK(sizeof(StripShared<float, 120>) <= kMostShared);
  CHECK(sizeof(StripShared<double, 28>) <= kMostShared);
  // Rows of the stage are whole accesses, and all threads of a block have the same place in them.
  CHECK(kWarp % Stages<float>::kWides == 0);
  CHECK(kWarp % Stages<BFloat16>::kWides == 0);
  CHECK(kWarp % Stages<double>::kWides == 0);
  CHECK(1024 % Stages<float>::kColumns == 0);
  CHECK(4096 / kWarp <= 256);
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
