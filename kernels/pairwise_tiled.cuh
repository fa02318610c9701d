// SPDX-License-Identifier: MIT
// Sums of squared differences of many rows.
//
//   rows      n rows of T           each element read once, or once by each block of a strip
//   partials  [strips, pairs]       float64: what each strip adds to each pair
//
// A block takes a strip, or one chunk of its pairs. Its rows come into shared memory as they lie,
// a few stages of columns ahead of the sums. A warp keeps the sums of its cell in registers, each
// lane those of its own columns, at most 128 of them, and adds them up by a tree of shuffles.

#pragma once

#include "kernels/cells.hpp"
#include "kernels/shared_memory.cuh"
#include "kernels/stages.cuh"
#include "kernels/strips.hpp"
#include "kernels/warp_sums.cuh"

namespace byzccl::kernels {

/// Most threads of a block, and of a multiprocessor, whose registers they fill.
inline constexpr int kTiledThreads = 12 * kWarp;

/// Sums of a lane: of a group with eight rows, which are more than those within a group.
template <class C>
inline constexpr int kCellPairs = kGroup<C> * kOctet;

/// sums [group, group] += one column of a group, the part above the diagonal, as pair_index counts
/// it.
template <class T, class C>
__device__ void add_triangle(const T* rows, C* sums) {
  constexpr int N = kGroup<C>;
  C x[N];
#pragma unroll
  for (int i = 0; i < N; ++i) x[i] = to_compute(rows[i * Stages<T>::kColumns]);
#pragma unroll
  for (int i = 0; i < N; ++i) {
#pragma unroll
    for (int j = i + 1; j < N; ++j) {
      const C difference = x[i] - x[j];
      C& sum = sums[rules::pair_index(i, j, N)];
      sum = fused(difference, difference, sum);
    }
  }
}

/// sums [group, octet] += one column.
template <class T, class C>
__device__ void add_rectangle(const T* group, const T* octet, C* sums) {
  C b[kOctet];
#pragma unroll
  for (int j = 0; j < kOctet; ++j) b[j] = to_compute(octet[j * Stages<T>::kColumns]);
#pragma unroll
  for (int i = 0; i < kGroup<C>; ++i) {
    const C a = to_compute(group[i * Stages<T>::kColumns]);
#pragma unroll
    for (int j = 0; j < kOctet; ++j) {
      const C difference = a - b[j];
      C& sum = sums[i * kOctet + j];
      sum = fused(difference, difference, sum);
    }
  }
}

/// Rows of a pair, counted from its cell's sides.
struct PairInCell {
  int first = 0;
  int second = 0;
};

/// The pair whose sum is the k-th of a lane. Above the last pair within a group, first is `group`.
BYZCCL_HD inline PairInCell pair_in_cell(const Cell& cell, int group, int k) {
  if (!cell.is_triangle()) return {k / kOctet, k % kOctet};
  int first = 0;
  while (first < group && k >= group - 1 - first) k -= group - 1 - first++;
  return {first, first + 1 + k};
}

template <class T>
__global__ void __launch_bounds__(kTiledThreads)
    pairwise_tiled(const __grid_constant__ RowTable<kMaxRows> rows, bool aligned,
                   const __grid_constant__ Cells cells, Strips strips, double* partials) {
  using C = Compute<T>;
  using S = Stages<T>;
  auto& stages = shared_memory<S>();
  const std::int64_t strip = blockIdx.x / static_cast<unsigned>(cells.chunks);
  const Chunk chunk =
      cells.chunk(static_cast<int>(blockIdx.x % static_cast<unsigned>(cells.chunks)));
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const Cell cell = cells.cell(chunk, static_cast<int>(threadIdx.x) / kWarp);
  const ColumnRange columns = strips.at(strip);
  const int all = cells.rows(chunk);
  const bool has_null = rows.x[cells.row(chunk, all - 1)] == nullptr;
  const StageFiller<T> filler{rows,
                              cells,
                              chunk,
                              aligned,
                              all - has_null,
                              columns.begin,
                              static_cast<int>(columns.end - columns.begin)};

  C sums[lane_groups(kCellPairs<C>) * kWarp];
#pragma unroll
  for (C& sum : sums) sum = 0;
  filler.clear_null_row(stages);
  for (int stage = 0; stage < S::kCount - 1; ++stage) {
    filler.fill(stages, stage, stage * S::kColumns);
  }
  int stage = 0;
  for (int column = 0; column < filler.width; column += S::kColumns) {
    await_copies<S::kCount - 2>();
    __syncthreads();  // this stage is there, and the one that is filled next has been read
    const int next = stage == 0 ? S::kCount - 1 : stage - 1;
    filler.fill(stages, next, column + (S::kCount - 1) * S::kColumns);
    if (cell.first >= 0) {
      const T* const first = stages.elements(stage, cell.first) + lane;
      const T* const second = stages.elements(stage, cell.second) + lane;
      if (cell.is_triangle()) {
#pragma unroll
        for (int turn = 0; turn < S::kTurns; ++turn) add_triangle(first + turn * kWarp, sums);
      } else {
#pragma unroll
        for (int turn = 0; turn < S::kTurns; ++turn) {
          add_rectangle(first + turn * kWarp, second + turn * kWarp, sums);
        }
      }
    }
    stage = stage == S::kCount - 1 ? 0 : stage + 1;
  }

  double* const out = partials + strip * rules::pair_count(cells.n);
#pragma unroll
  for (int group = 0; group < lane_groups(kCellPairs<C>); ++group) {
    C part[kWarp];
#pragma unroll
    for (int k = 0; k < kWarp; ++k) part[k] = sums[group * kWarp + k];
    const double sum = static_cast<double>(sum_over_warp<kWarp / 2>(part));
    if (cell.first < 0) continue;
    const int k = group * kWarp + lane;
    const PairInCell pair = pair_in_cell(cell, cells.group, k);
    if (pair.first >= cells.group) continue;
    const int i = cells.row(chunk, cell.first) + pair.first;
    const int j = cells.row(chunk, cell.second) + pair.second;
    if (j < cells.n) out[rules::pair_index(i, j, cells.n)] = sum;
  }
}

}  // namespace byzccl::kernels
