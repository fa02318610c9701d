// SPDX-License-Identifier: MIT
// Windows of sorted columns.
//
//   rows  W x [rows, columns]   each element read once
//   out   [columns]             T
//
// A thread takes V words W of a column or two each. Up to 64 rows it sorts them in registers, by a
// network whose comparators are known at compile time; the sorted words then lie in shared memory,
// each in a bank of its own, where rules::window_mean finds its places. Above 64 rows they are
// sorted there too. No thread reads another's columns: there are no barriers but the one for the
// table of rows.

#pragma once

#include <byzccl/rules/columns.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <utility>

#include "kernels/column_rows.cuh"
#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {

/// How a block shares columns when its network has N places; N = 0: any number, in shared memory.
template <class W, int N>
struct ColumnBlock {
  static constexpr int kPlaces = 32768 / static_cast<int>(sizeof(W));  ///< of sorted words
  static constexpr int kRegisters = 256 / static_cast<int>(sizeof(W));
  /// Words of a thread: as many as 64 registers allow, of at most 16 bytes.
  static constexpr int kWords = N == 0 || N > 32                  ? 1
                                : N > (W::kColumns == 1 ? 16 : 8) ? kRegisters / 32
                                                                  : kRegisters / 16;
  static constexpr int kThreads = N == 0 ? 32 : N * kWords * 128 <= kPlaces ? 128 : 64;
  static constexpr int kBlocks = N > 32 ? 2 : 3;  ///< at least, of a multiprocessor

  /// Words of a row; above 64 rows they depend on how many fit.
  BYZCCL_HD static constexpr int words(int rows) {
    if (N > 0) return kThreads * kWords;
    return kPlaces / rows < kThreads ? kPlaces / rows : kThreads;
  }
  /// Columns of the block.
  BYZCCL_HD static constexpr int width(int rows) { return words(rows) * W::kColumns; }
};

template <class W, int N>
struct ColumnShared {
  W words[ColumnBlock<W, N>::kPlaces];  ///< [rows, words of a row]
  RowsFound found;
};

/// One place a row of the words in shared memory.
template <class W>
struct Strided {
  W* first;
  int stride;
  __device__ W& operator[](int i) const { return first[i * stride]; }
};

/// One column of them.
template <class W>
struct SortedColumn {
  Strided<W> words;
  int column;  ///< of a word
  __device__ auto operator[](int i) const { return words[i][column]; }
};

template <int N, class W, std::size_t... Is>
__device__ void sort_registers(W (&v)[N], std::index_sequence<Is...>) {
  (compare_exchange(v[rules::kNetwork<N>[Is].low], v[rules::kNetwork<N>[Is].high]), ...);
}

/// Sorts V words into shared memory, kThreads apart.
template <int N, class T, class W, int V>
__device__ void sort_columns(const ColumnRows<T, W, V>& x, std::int64_t column, std::int64_t count,
                             W* shared) {
  using Block = ColumnBlock<W, N>;
  const int rows = x.job.window.rows;
  const int stride = Block::words(rows);
  W* const at = shared + threadIdx.x;
  if constexpr (N > 0) {
    W words[V][N];
    x.load(column, count, words);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      sort_registers(words[v], std::make_index_sequence<rules::kNetwork<N>.size()>());
#pragma unroll
      for (int i = 0; i < N; ++i) at[i * stride + v * Block::kThreads] = words[v][i];
    }
  } else {
    const Strided<W> words{at, stride};
    for (int i = 0; i < rows; ++i) {
      W loaded[1] = {W::infinity()};
      x.load_row(i, column, count, loaded);
      words[i] = loaded[0];
    }
    rules::visit_network(rows,
                         [&](int low, int high) { compare_exchange(words[low], words[high]); });
  }
}

/// out [columns]; adds the columns that become NaN to the outcome.
template <class T, class W, int N>
__global__ void __launch_bounds__(ColumnBlock<W, N>::kThreads, ColumnBlock<W, N>::kBlocks)
    combine_columns_kernel(const __grid_constant__ RowTable<kMaxRows> vectors,
                           const __grid_constant__ ColumnJob job, T* out) {
  using C = Compute<T>;
  using Block = ColumnBlock<W, N>;
  constexpr int V = Block::kWords;
  auto& shared = shared_memory<ColumnShared<W, N>>();
  const bool failed = job.mixes != nullptr &&
                      (job.outcome->failure != rules::Failure::kNone || job.outcome->rows == 0);
  const ColumnRows<T, W, V> x{vectors, job, shared.found};
  if (!failed) x.find();
  const int width = Block::width(job.window.rows);
  const int stride = Block::words(job.window.rows);
  const int offset = static_cast<int>(threadIdx.x) * V * W::kColumns;
  int nan_columns = 0;
  for (std::int64_t column = std::int64_t{blockIdx.x} * width + offset;
       column < job.columns && offset < width; column += std::int64_t{gridDim.x} * width) {
    const std::int64_t count = job.columns - column;
    if (!failed) sort_columns<N>(x, column, count, shared.words);
    Pack<T, V * W::kColumns> result;
#pragma unroll
    for (int v = 0; v < V * W::kColumns; ++v) {
      const int word = static_cast<int>(threadIdx.x) + v / W::kColumns * Block::kThreads;
      const SortedColumn<W> sorted{{shared.words + word, stride}, v % W::kColumns};
      const bool bad = failed || !(sorted[rules::last_good_place(job.window)] <
                                   std::numeric_limits<C>::infinity());
      result.value[v] = narrow<T>(bad ? std::numeric_limits<C>::quiet_NaN()
                                      : rules::window_mean(job.window, sorted));
      nan_columns += bad && !failed && v < count;
    }
    store(result, out + job.first_column + column, count);
  }
#pragma unroll
  for (int half = 16; half > 0; half /= 2) nan_columns += __shfl_xor_sync(~0u, nan_columns, half);
  if (threadIdx.x % 32 == 0 && nan_columns > 0) {
    static_assert(sizeof(unsigned long long) == sizeof(job.outcome->nan_columns));
    DeviceCounter(reinterpret_cast<unsigned long long&>(job.outcome->nan_columns))
        .fetch_add(static_cast<unsigned long long>(nan_columns), ::cuda::memory_order_relaxed);
  }
}

}  // namespace byzccl::kernels
