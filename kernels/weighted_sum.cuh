// SPDX-License-Identifier: MIT
// y = W x, from the lists of vectors that W gives weight: only selected rows are read, in rank
// order.

#pragma once

#include <byzccl/rules/decision.hpp>

#include "kernels/mixes.cuh"
#include "kernels/rows.hpp"

namespace byzccl::kernels {

inline constexpr int kSumThreads = 256;

/// Columns of a thread: as many of what is stored as an access takes.
template <class Stored>
inline constexpr int kSumColumns = kWidest<Stored>;

/// Columns that a block takes at a time.
template <class Stored>
inline constexpr std::int64_t kSumWidth = std::int64_t{kSumThreads} * kSumColumns<Stored>;

/// out [columns] = the first row of W, or NaN if the decision failed closed or W has no row. A
/// thread reads its columns of all rows before it writes them, so `out` may be one of the rows.
/// aligned: as form() has it, of the rows' first columns.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    weighted_sum_kernel(const __grid_constant__ RowTable<kMaxRows> rows, std::int64_t columns,
                        bool aligned, const Mix* mixes, const rules::Outcome* outcome, T* out) {
  using C = Compute<T>;
  constexpr int V = kSumColumns<T>;
  const Mix& mix = mixes[0];
  const bool none = outcome->failure != rules::Failure::kNone || mix.absent;
  for (std::int64_t column = blockIdx.x * kSumWidth<T> + threadIdx.x * V; column < columns;
       column += gridDim.x * kSumWidth<T>) {
    const std::int64_t count = columns - column;
    Pack<T, V> result;
    if (!none && mix.copies) {
      const T* row = static_cast<const T*>(rows.x[mix.vector[0]]);
      result = load<T, V>(row == nullptr ? row : row + column, count);
    } else {
      C y[V];
      if (none) {
#pragma unroll
        for (int v = 0; v < V; ++v) y[v] = std::numeric_limits<C>::quiet_NaN();
      } else {
        form<T, V>(rows, mix, column, count, aligned, y);
      }
#pragma unroll
      for (int v = 0; v < V; ++v) result.value[v] = narrow<T>(y[v]);
    }
    store<T, V>(result, out + column, count);
  }
}

/// y [row_count, stride] = the rows that are more than one vector as it is, or all of them if
/// `every`. blocks_per_row blocks share a row. aligned: as form() has it, from first_column on.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    form_rows_kernel(const __grid_constant__ RowTable<kMaxRows> rows, std::int64_t first_column,
                     std::int64_t columns, bool aligned, const Mix* mixes, bool every,
                     unsigned blocks_per_row, std::int64_t stride, Compute<T>* y) {
  using C = Compute<T>;
  constexpr int V = kSumColumns<C>;
  const unsigned row = blockIdx.x / blocks_per_row;
  const Mix& mix = mixes[row];
  if (!every && (mix.copies || mix.absent)) return;
  for (std::int64_t column = blockIdx.x % blocks_per_row * kSumWidth<C> + threadIdx.x * V;
       column < columns; column += blocks_per_row * kSumWidth<C>) {
    Pack<C, V> result;
    form<T, V>(rows, mix, first_column + column, columns - column, aligned, result.value);
    store<C, V>(result, y + row * stride + column, columns - column);
  }
}

}  // namespace byzccl::kernels
