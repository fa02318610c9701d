// SPDX-License-Identifier: MIT
// Sums of squared differences of many rows.
//
//   rows      n rows of T           each element read once, unless the cells need several chunks
//   partials  [strips, pairs]       float64: what each strip adds to each pair
//
// A block takes a strip, or one chunk of its pairs, and stages columns of all rows in shared
// memory. A thread keeps the 64 sums of a cell in registers: 16 values read for 64 pairs. After at
// most 256 terms the sums of the threads that share a cell are added in order, in float64, and go
// to the partials, which stay in the second-level cache.

#pragma once

#include "kernels/elements.cuh"
#include "kernels/rows.hpp"
#include "kernels/shared_memory.cuh"
#include "kernels/strips.hpp"

namespace byzccl::kernels {

/// Threads of a block that 64 sums each leave registers for.
template <class C>
inline constexpr int kTiledThreads = sizeof(C) == 8 ? 256 : 512;

/// Terms that one thread adds up before it hands them over.
inline constexpr int kRun = 256;

/// Columns of the staged rows. Within a column the first halves of all groups come before the
/// second halves, so that neighbouring groups lie in neighbouring banks.
template <class C>
struct Stage {
  static constexpr int kValues = 33280 / static_cast<int>(sizeof(C));
  C values[kValues];

  /// Values from one column to the next: of all groups, and an access more, which spreads the
  /// columns over the banks.
  BYZCCL_HD static constexpr int stride(int groups) { return groups * Cells::kGroup + 4; }
  /// Columns that fit: a multiple of 8, whole accesses of every type.
  BYZCCL_HD static constexpr int columns(int groups) { return kValues / stride(groups) / 8 * 8; }
  /// Where `row` lies in a column.
  BYZCCL_HD static constexpr int place(int row, int groups) {
    constexpr int kHalf = Cells::kGroup / 2;
    const int in_group = row % Cells::kGroup;
    return (in_group / kHalf * groups + row / Cells::kGroup) * kHalf + in_group % kHalf;
  }
};

template <class C>
union TiledShared {
  Stage<C> stage;
  C sums[Cells::kGroup][kTiledThreads<C>];  ///< one row of every thread's cell
};

/// Fills `count` columns of the stage, from `column` on.
template <class T>
__device__ void fill_stage(const RowTable<kMaxRows>& rows, const Cells& cells, std::int64_t column,
                           int count, Stage<Compute<T>>& stage) {
  constexpr int kColumns = kWidest<T>;
  const int packs = (count + kColumns - 1) / kColumns;
  const int stride = Stage<Compute<T>>::stride(cells.groups);
  const int items = cells.n * packs;
  constexpr int kAtOnce = sizeof(T) == 2 ? 2 : 4;  // loads of a thread that are under way together
  for (int begin = static_cast<int>(threadIdx.x); begin < items; begin += kAtOnce * cells.threads) {
    Pack<T, kColumns> loaded[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int item = begin + k * cells.threads;
      if (item >= items) continue;
      const int first = item % packs * kColumns;
      const T* x = static_cast<const T*>(rows.x[item / packs]);
      loaded[k] =
          load<T, kColumns>(x == nullptr ? x : x + column + first, std::int64_t{count} - first);
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int item = begin + k * cells.threads;
      if (item >= items) continue;
      const int first = item % packs * kColumns;
      Compute<T>* to = stage.values + Stage<Compute<T>>::place(item / packs, cells.groups);
#pragma unroll
      for (int v = 0; v < kColumns; ++v) {
        if (first + v < count) to[(first + v) * stride] = to_compute(loaded[k].value[v]);
      }
    }
  }
}

/// The 8 staged values of a group.
template <class C>
__device__ void load_group(const C* column, int group, int groups, C (&to)[Cells::kGroup]) {
  constexpr int kHalf = Cells::kGroup / 2;
  const auto* low = reinterpret_cast<const Pack<C, 16 / sizeof(C)>*>(column + group * kHalf);
  const auto* high =
      reinterpret_cast<const Pack<C, 16 / sizeof(C)>*>(column + (groups + group) * kHalf);
  constexpr int kPack = 16 / static_cast<int>(sizeof(C));
#pragma unroll
  for (int k = 0; k < kHalf; ++k) {
    to[k] = low[k / kPack].value[k % kPack];
    to[kHalf + k] = high[k / kPack].value[k % kPack];
  }
}

/// Adds every thread's sums, which become 0, to out [pairs], slices in ascending order.
template <class C>
__device__ void hand_over(const Cells& cells, int chunk, bool first, C (&sums)[Cells::kPairs],
                          double* out) {
  auto& shared = shared_memory<TiledShared<C>>();
#pragma unroll
  for (int row = 0; row < Cells::kGroup; ++row) {
    __syncthreads();
#pragma unroll
    for (int k = 0; k < Cells::kGroup; ++k) {
      shared.sums[k][threadIdx.x] = sums[row * Cells::kGroup + k];
      sums[row * Cells::kGroup + k] = 0;
    }
    __syncthreads();
    const int items = cells.per_block * Cells::kGroup;
    for (int item = static_cast<int>(threadIdx.x); item < items; item += cells.threads) {
      const int owner = item % cells.per_block;
      const int k = item / cells.per_block;
      const int cell = cells.cell(chunk, owner);
      if (cell < 0) continue;
      const GroupPair groups = group_pair(cell, cells.groups);
      const int i = groups.first * Cells::kGroup + row;
      const int j = groups.second * Cells::kGroup + k;
      if (i >= j || j >= cells.n) continue;
      double sum = 0;
      for (int slice = 0; slice < cells.slices; ++slice) {
        sum += static_cast<double>(shared.sums[k][slice * cells.per_block + owner]);
      }
      double& total = out[rules::pair_index(i, j, cells.n)];
      total = first ? sum : total + sum;
    }
  }
  __syncthreads();
}

template <class T>
__global__ void __launch_bounds__(kTiledThreads<Compute<T>>)
    pairwise_tiled(const __grid_constant__ RowTable<kMaxRows> rows, Cells cells, Strips strips,
                   double* partials) {
  using C = Compute<T>;
  auto& stage = shared_memory<TiledShared<C>>().stage;
  const std::int64_t strip = blockIdx.x / static_cast<unsigned>(cells.chunks);
  const int chunk = static_cast<int>(blockIdx.x % static_cast<unsigned>(cells.chunks));
  double* const out = partials + strip * rules::pair_count(cells.n);
  const int cell = cells.cell(chunk, static_cast<int>(threadIdx.x));
  const int slice = static_cast<int>(threadIdx.x) / cells.per_block;
  const GroupPair groups = group_pair(cell < 0 ? 0 : cell, cells.groups);
  const int stride = Stage<C>::stride(cells.groups);
  const int staged = Stage<C>::columns(cells.groups);
  const int terms = (staged + cells.slices - 1) / cells.slices;  // of a thread and a stage

  C sums[Cells::kPairs];
#pragma unroll
  for (int p = 0; p < Cells::kPairs; ++p) sums[p] = 0;
  int run = 0;
  bool first = true;
  const ColumnRange columns = strips.at(strip);
  for (std::int64_t column = columns.begin; column < columns.end; column += staged) {
    if (run + terms > kRun) {
      hand_over(cells, chunk, first, sums, out);
      first = false;
      run = 0;
    }
    run += terms;
    const int count = static_cast<int>(Strips::smaller(staged, columns.end - column));
    fill_stage<T>(rows, cells, column, count, stage);
    __syncthreads();
    for (int c = cell < 0 ? count : slice; c < count; c += cells.slices) {
      C a[Cells::kGroup];
      C b[Cells::kGroup];
      load_group(stage.values + c * stride, groups.first, cells.groups, a);
      load_group(stage.values + c * stride, groups.second, cells.groups, b);
#pragma unroll
      for (int i = 0; i < Cells::kGroup; ++i) {
#pragma unroll
        for (int j = 0; j < Cells::kGroup; ++j) {
          const C difference = a[i] - b[j];
          C& sum = sums[i * Cells::kGroup + j];
          sum = fused(difference, difference, sum);
        }
      }
    }
    __syncthreads();
  }
  hand_over(cells, chunk, first, sums, out);
}

}  // namespace byzccl::kernels
