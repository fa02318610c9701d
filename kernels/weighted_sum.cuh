// SPDX-License-Identifier: MIT
// y = W x, from the lists of vectors that W gives weight: only selected rows are read, in rank
// order.

#pragma once

#include <byzccl/rules/decision.hpp>

#include "kernels/mixes.cuh"
#include "kernels/rows.hpp"

namespace byzccl::kernels {

inline constexpr int kSumThreads = 256;

/// Columns that a block takes at a time.
template <class T>
inline constexpr std::int64_t kSumColumns = std::int64_t{kSumThreads} * kWidest<T>;

/// out [columns] = the first row of W, or NaN if the decision failed closed or the row is absent. A
/// thread reads its columns of all rows before it writes them, so `out` may be one of the rows.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    weighted_sum_kernel(const __grid_constant__ RowTable<kMaxRows> rows, std::int64_t columns,
                        const Mix* mixes, const rules::Outcome* outcome, T* out) {
  using C = Compute<T>;
  constexpr int V = kWidest<T>;
  const Mix& mix = mixes[0];
  const bool none = outcome->failure != rules::Failure::kNone || mix.count == 0;
  for (std::int64_t column = blockIdx.x * kSumColumns<T> + threadIdx.x * V; column < columns;
       column += gridDim.x * kSumColumns<T>) {
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
        form<T, V>(rows, mix, column, count, y);
      }
#pragma unroll
      for (int v = 0; v < V; ++v) result.value[v] = narrow<T>(y[v]);
    }
    store<T, V>(result, out + column, count);
  }
}

/// y [row_count, stride] = the rows that are more than one vector as it is, or all of them if
/// `every`. blocks_per_row blocks share a row.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    form_rows_kernel(const __grid_constant__ RowTable<kMaxRows> rows, std::int64_t first_column,
                     std::int64_t columns, const Mix* mixes, bool every, unsigned blocks_per_row,
                     std::int64_t stride, Compute<T>* y) {
  constexpr int V = kWidest<T>;
  const unsigned row = blockIdx.x / blocks_per_row;
  const Mix& mix = mixes[row];
  if (!every && (mix.copies || mix.count == 0)) return;
  for (std::int64_t column = blockIdx.x % blocks_per_row * kSumColumns<T> + threadIdx.x * V;
       column < columns; column += blocks_per_row * kSumColumns<T>) {
    Pack<Compute<T>, V> result;
    form<T, V>(rows, mix, first_column + column, columns - column, result.value);
    store<Compute<T>, V>(result, y + row * stride + column, columns - column);
  }
}

}  // namespace byzccl::kernels
