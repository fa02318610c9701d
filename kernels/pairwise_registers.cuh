// SPDX-License-Identifier: MIT
// Sums of squared differences of few rows.
//
//   rows      N rows of T           each element read once
//   partials  [strips, pairs]       float64: what each strip adds to each pair
//
// A block takes a strip. A thread keeps the sums of all pairs in registers while its columns pass,
// at most 64 of them, in float32 (float64 for float64 rows); warps add theirs by a tree of
// shuffles, and the block adds its warps in order, in float64. Which columns a thread takes does
// not depend on how the rows are aligned, so neither do the bits.

#pragma once

#include "kernels/elements.cuh"
#include "kernels/rows.hpp"
#include "kernels/strips.hpp"
#include "kernels/warp_sums.cuh"

namespace byzccl::kernels {

/// Columns of one access: 16 bytes, or 8 where so many rows wait in the registers beside their
/// sums.
template <class T, int N>
inline constexpr int kRowColumns =
    (sizeof(T) == 2 && N > 8) || (sizeof(T) == 4 && N > 14) ? kWidest<T> / 2 : kWidest<T>;

/// Blocks that a multiprocessor is to hold: as many as there are registers for the sums, the rows
/// and 44 more. While one of them starts, or adds up its sums, the others keep memory busy.
template <class T, int N>
constexpr int strip_blocks() {
  constexpr int kSums = rules::pair_count(N) * static_cast<int>(sizeof(Compute<T>)) / 4;
  constexpr int kRows = N * kRowColumns<T, N> * static_cast<int>(sizeof(T)) / 4;
  constexpr int kWidened = sizeof(T) == 2 ? 2 * N : 0;
  return 65536 / kStripThreads / (kSums + kRows + kWidened + 44);
}

/// out [pairs] over the columns of one strip. A null row is the zero vector. `aligned`: each row
/// but the last is there, and all are aligned for kRowColumns elements at once.
template <class T, int N>
__device__ void strip_pairs(const void* const (&rows)[N], bool aligned, ColumnRange columns,
                            double* out) {
  using C = Compute<T>;
  constexpr int kColumns = kRowColumns<T, N>;
  constexpr int kPairs = rules::pair_count(N);
  C sums[kPairs];
#pragma unroll
  for (int p = 0; p < kPairs; ++p) sums[p] = 0;
  for (std::int64_t column = columns.begin + threadIdx.x * kColumns; column < columns.end;
       column += kStripThreads * kColumns) {
    const std::int64_t count = columns.end - column;
    Pack<T, kColumns> x[N];
    if (aligned && count >= kColumns) {  // asked once: for each row it took as long as its pairs
#pragma unroll
      for (int i = 0; i < N; ++i) {
        const T* row = static_cast<const T*>(rows[i]);
        x[i] = i == N - 1 && row == nullptr ? Pack<T, kColumns>{}
                                            : load_whole<Pack<T, kColumns>>(row + column);
      }
    } else {
#pragma unroll
      for (int i = 0; i < N; ++i) {
        const T* row = static_cast<const T*>(rows[i]);
        x[i] = load<T, kColumns>(row == nullptr ? row : row + column, count);
      }
    }
#pragma unroll
    for (int v = 0; v < kColumns; ++v) {
#pragma unroll
      for (int i = 0; i < N; ++i) {
#pragma unroll
        for (int j = i + 1; j < N; ++j) {
          const C difference = to_compute(x[i].value[v]) - to_compute(x[j].value[v]);
          C& sum = sums[rules::pair_index(i, j, N)];
          sum = fused(difference, difference, sum);
        }
      }
    }
  }
  sum_over_block<C, kPairs>(sums, out);
}

template <class T, int N>
__global__ void __launch_bounds__(kStripThreads, (strip_blocks<T, N>()))
    pairwise_registers(const __grid_constant__ RowTable<N> rows, bool aligned, Strips strips,
                       double* partials) {
  const std::int64_t strip = blockIdx.x;
  strip_pairs<T, N>(rows.x, aligned, strips.at(strip), partials + strip * rules::pair_count(N));
}

/// Squared norms: partials [strips, n], a block for each strip of each row.
template <class T>
__global__ void __launch_bounds__(kStripThreads)
    row_norms(const __grid_constant__ RowTable<kMaxRows> rows, int n, bool aligned, Strips strips,
              double* partials) {
  const std::int64_t strip = blockIdx.x / static_cast<unsigned>(n);
  const void* const pair[2] = {rows.x[blockIdx.x % static_cast<unsigned>(n)], nullptr};
  strip_pairs<T, 2>(pair, aligned, strips.at(strip), partials + blockIdx.x);
}

}  // namespace byzccl::kernels
