// SPDX-License-Identifier: MIT
// Windows of sorted columns.
//
//   rows  W x [rows, columns]   each element read once
//   out   [columns]             T
//
// A thread takes V words W of a column or two each. Up to 64 rows it sorts them in registers, by a
// network whose comparators are known at compile time, and takes there what lies at places that are
// alike for all columns. Other windows find their places in shared memory, where a thread's words
// lie in a bank of their own. Above 64 rows they are sorted there too. No thread reads another's
// columns: there are no barriers but the one for the table of rows.

#pragma once

#include <byzccl/rules/columns.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <utility>

#include "kernels/column_block.cuh"
#include "kernels/column_rows.cuh"
#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {

/// Which windows a kernel is for.
enum class ColumnUse {
  kMiddle,  ///< a median: comparators that it does not need are left out
  kWindow,  ///< any window
};

template <int N, class W, std::size_t... Is>
__device__ void sort_registers(W (&v)[N], std::index_sequence<Is...>) {
  (compare_exchange(v[rules::kNetwork<N>[Is].low], v[rules::kNetwork<N>[Is].high]), ...);
}

/// Whether columns of a word have more than f values that were replaced.
template <class W>
__device__ unsigned more_than(int f, unsigned replaced) {
  unsigned columns = 0;
#pragma unroll
  for (int c = 0; c < W::kColumns; ++c) {
    columns |= static_cast<unsigned>(static_cast<int>(replaced >> 16 * c & 0xffffu) > f) << c;
  }
  return columns;
}

/// Makes words comparable: the thread's columns that become NaN, a bit each. Rarely more than a
/// look at each word.
template <class W, int V, int N>
__device__ unsigned replace_bad(const Window& window, W (&words)[V][N]) {
  FiniteCheck<W> check[V];
  bool passes = true;
#pragma unroll
  for (int v = 0; v < V; ++v) {
#pragma unroll
    for (int i = 0; i < N; ++i) check[v].add(words[v][i]);
    passes = passes && check[v].passes();
  }
  unsigned nan = 0;
  if (!passes) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
      unsigned replaced = 0;
#pragma unroll
      for (int i = 0; i < N; ++i) {
        if (i < window.rows) replaced += words[v][i].replace_bad();
      }
      nan |= more_than<W>(window.f, replaced) << v * W::kColumns;
    }
  }
  return nan;
}

/// Fills the places beyond the rows with infinities, the first `below` of them negative.
template <class W, int V, int N>
__device__ void fill_up(int rows, int below, W (&words)[V][N]) {
  if (rows == N) return;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if (i < rows) continue;
#pragma unroll
    for (int v = 0; v < V; ++v) words[v][i] = W::infinity(i - rows < below);
  }
}

/// The mean of some places, as rules::mean_of, without an index that is not known at compile time.
template <class C, int N, class W>
__device__ C mean_in_registers(const rules::Places& places, const W (&sorted)[N], int column) {
  C sum = -C(0);  // adds nothing, to -0 either
  const std::uint64_t kept = ~std::uint64_t{0} >> (64 - places.count) << places.first;
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if ((kept >> i & 1) != 0) sum += sorted[i][column];  // one instruction asks, not two
  }
  return sum / static_cast<C>(places.count);
}

/// The values of the columns of a sorted word.
template <ColumnUse use, int N, class W, class C>
__device__ void values_of(const Window& window, const W (&sorted)[N], W* shared,
                          C (&value)[W::kColumns]) {
  if constexpr (use == ColumnUse::kMiddle) {
#pragma unroll
    for (int c = 0; c < W::kColumns; ++c) {
      const SortedColumn column{sorted, c};
      // The middle of the rows is that of N, or one less.
      value[c] = window.rows % 2 == 0
                     ? rules::window_mean(Window{WindowKind::kMedian, N}, column)
                     : rules::window_mean(Window{WindowKind::kMedian, N - 1}, column);
    }
  } else if (window.kind == WindowKind::kTrimmed) {
#pragma unroll
    for (int c = 0; c < W::kColumns; ++c) {
      value[c] = mean_in_registers<C>(rules::trimmed(window), sorted, c);
    }
  } else {
    const Strided<W> words{shared, ColumnBlock<W, N>::kThreads};
#pragma unroll
    for (int i = 0; i < N; ++i) words[i] = sorted[i];
#pragma unroll
    for (int c = 0; c < W::kColumns; ++c) {
      value[c] = rules::window_mean(window, SortedColumn{words, c});
    }
  }
}

/// The values of a thread's columns from `column` on, and as bits those that become NaN instead.
/// shared: the thread's places.
template <ColumnUse use, int N, class T, class W, int V, class C>
__device__ unsigned combine(const ColumnRows<T, W, V, N>& x, std::int64_t column,
                            std::int64_t count, W* shared, C (&value)[V][W::kColumns]) {
  const Window& window = x.job.window;
  unsigned nan = 0;
  if constexpr (N > 0) {
    W words[V][N];
    x.load(column, count, shared, ColumnBlock<W, N>::kThreads, words);
    nan = replace_bad(window, words);
    fill_up(window.rows, use == ColumnUse::kMiddle ? (N - window.rows) / 2 : 0, words);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      sort_registers(words[v], std::make_index_sequence<rules::kNetwork<N>.size()>());
      values_of<use>(window, words[v], shared, value[v]);
    }
  } else {
    const Strided<W> words{shared, ColumnBlock<W, N>::words(window.rows)};
    unsigned replaced = 0;
    for (int i = 0; i < window.rows; ++i) {
      W word = x.word(i, column, count);
      replaced += word.replace_bad();
      words[i] = word;
    }
    nan = more_than<W>(window.f, replaced);
    rules::visit_network(window.rows,
                         [&](int low, int high) { compare_exchange(words[low], words[high]); });
    value[0][0] = rules::window_mean(window, SortedColumn{words, 0});
  }
  return nan;
}

/// out [columns]; adds the columns that become NaN to the outcome.
template <class T, class W, int N, ColumnUse use>
__global__ void __launch_bounds__(ColumnBlock<W, N>::kThreads, ColumnBlock<W, N>::kBlocks)
    combine_columns_kernel(const __grid_constant__ RowTable<kMaxRows> vectors,
                           const __grid_constant__ ColumnJob job, T* out) {
  using C = Compute<T>;
  using Block = ColumnBlock<W, N>;
  constexpr int V = Block::kWords;
  constexpr int kColumns = V * W::kColumns;
  auto& shared = shared_memory<ColumnShared<W, N>>();
  const bool failed = job.mixes != nullptr && job.outcome->failure != rules::Failure::kNone;
  const ColumnRows<T, W, V, N> x{vectors, job, shared.found};
  if (!failed) x.find();
  const int width = Block::width(job.window.rows);
  const int offset = static_cast<int>(threadIdx.x) * kColumns;
  int nan_columns = 0;
  for (std::int64_t column = std::int64_t{blockIdx.x} * width + offset;
       column < job.columns && offset < width; column += std::int64_t{gridDim.x} * width) {
    const std::int64_t count = job.columns - column;
    C value[V][W::kColumns] = {};
    const unsigned nan =
        failed ? ~0u : combine<use, N>(x, column, count, shared.words + threadIdx.x, value);
    Pack<T, kColumns> result;
#pragma unroll
    for (int k = 0; k < kColumns; ++k) {
      result.value[k] = narrow<T>((nan >> k & 1) != 0 ? std::numeric_limits<C>::quiet_NaN()
                                                      : value[k / W::kColumns][k % W::kColumns]);
    }
    if (nan != 0 && !failed) {
#pragma unroll 1
      for (int k = 0; k < kColumns && k < count; ++k) nan_columns += static_cast<int>(nan >> k & 1);
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
