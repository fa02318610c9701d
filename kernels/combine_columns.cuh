// SPDX-License-Identifier: MIT
// Windows of sorted columns.
//
//   rows  W x [rows, columns]   each element read once
//   out   [columns]             T
//
// A thread takes V columns. Up to 64 rows it sorts them in registers, by a network whose
// comparators are known at compile time; the sorted columns then lie in shared memory, a column a
// bank, where rules::window_mean finds its places. Above 64 rows they are sorted there too. No
// thread reads another's columns: there are no barriers but the one for the table of rows.

#pragma once

#include <byzccl/rules/columns.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <utility>

#include "kernels/flag.cuh"
#include "kernels/mixes.cuh"
#include "kernels/rows.hpp"
#include "kernels/shared_memory.cuh"

namespace byzccl::kernels {

/// How a block shares columns when its network has N places; N = 0: any number, in shared memory.
template <class C, int N>
struct ColumnBlock {
  static constexpr int kValues = 32768 / static_cast<int>(sizeof(C));  ///< kept of sorted columns
  static constexpr int kRegisters = 256 / static_cast<int>(sizeof(C));
  /// Columns of a thread: as many as 64 values in registers allow, of at most 16 bytes.
  static constexpr int kColumns = N == 0 || N > 32 ? 1 : N > 16 ? kRegisters / 32 : kRegisters / 16;
  static constexpr int kThreads = N == 0 ? 32 : N * kColumns * 128 <= kValues ? 128 : 64;

  /// Columns of the block; above 64 rows they depend on how many fit.
  BYZCCL_HD static constexpr int width(int rows) {
    if (N > 0) return kThreads * kColumns;
    return kValues / rows < kThreads ? kValues / rows : kThreads;
  }
};

template <class C, int N>
struct ColumnShared {
  C values[ColumnBlock<C, N>::kValues];  ///< [rows, width]
  const void* row[kMaxVectors];          ///< null: absent
  std::uint8_t is_formed[kMaxVectors];   ///< the row is of type C
};

/// One column of the values in shared memory.
template <class C>
struct Strided {
  C* first;
  int stride;
  __device__ C& operator[](int i) const { return first[i * stride]; }
};

template <class C>
__device__ void compare_exchange(C& low, C& high) {
  const C a = low;
  const C b = high;
  low = b < a ? b : a;
  high = b < a ? a : b;
}

template <int N, class C, std::size_t... Is>
__device__ void sort_registers(C (&v)[N], std::index_sequence<Is...>) {
  (compare_exchange(v[rules::kNetwork<N>[Is].low], v[rules::kNetwork<N>[Is].high]), ...);
}

template <class C>
__device__ C finite_or_infinity(C x) {
  constexpr C kMost = std::numeric_limits<C>::max();
  return x >= -kMost && x <= kMost ? x : std::numeric_limits<C>::infinity();
}

/// V values of row `row` from `column` on, fit to be sorted.
template <class T, int V, class Shared>
__device__ void load_values(const Shared& shared, int row, std::int64_t column, std::int64_t count,
                            Compute<T> (&to)[V]) {
  using C = Compute<T>;
  const void* x = shared.row[row];
  if (shared.is_formed[row]) {
    const auto pack = load<C, V>(static_cast<const C*>(x) + column, count);
#pragma unroll
    for (int v = 0; v < V; ++v) to[v] = finite_or_infinity(pack.value[v]);
  } else {
    const T* from = static_cast<const T*>(x);
    const auto pack = load<T, V>(from == nullptr ? from : from + column, count);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      to[v] = from == nullptr ? std::numeric_limits<C>::infinity()
                              : finite_or_infinity(to_compute(pack.value[v]));
    }
  }
}

/// What a combine reads besides the rows as they were sent.
struct ColumnJob {
  Window window;
  std::int64_t first_column = 0;  ///< of the vectors and of out
  std::int64_t columns = 0;
  const Mix* mixes = nullptr;    ///< null: the rows are the vectors
  const void* formed = nullptr;  ///< [rows, stride] of the compute type, at first_column
  std::int64_t stride = 0;
  rules::Outcome* outcome = nullptr;
};

/// Fills the table of rows.
template <class T, class Shared>
__device__ void find_rows(const RowTable<kMaxRows>& vectors, const ColumnJob& job, Shared& shared) {
  for (int i = static_cast<int>(threadIdx.x); i < job.window.rows;
       i += static_cast<int>(blockDim.x)) {
    shared.is_formed[i] = 0;
    if (job.mixes == nullptr) {
      shared.row[i] = static_cast<const T*>(vectors.x[i]) + job.first_column;
    } else if (job.mixes[i].copies) {
      shared.row[i] = static_cast<const T*>(vectors.x[job.mixes[i].vector[0]]) + job.first_column;
    } else if (job.mixes[i].count == 0) {
      shared.row[i] = nullptr;
    } else {
      shared.row[i] = static_cast<const Compute<T>*>(job.formed) + i * job.stride;
      shared.is_formed[i] = 1;
    }
  }
  __syncthreads();
}

/// Sorts V columns into shared memory, from place `at` on, kThreads apart.
template <class T, int N, class Shared>
__device__ void sort_columns(Shared& shared, int rows, std::int64_t column, std::int64_t count) {
  using C = Compute<T>;
  using Block = ColumnBlock<C, N>;
  constexpr int V = Block::kColumns;
  const int width = Block::width(rows);
  C* const at = shared.values + threadIdx.x;
  if constexpr (N > 0) {
    C values[V][N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      C loaded[V];
#pragma unroll
      for (int v = 0; v < V; ++v) loaded[v] = std::numeric_limits<C>::infinity();
      if (i < rows) load_values<T, V>(shared, i, column, count, loaded);
#pragma unroll
      for (int v = 0; v < V; ++v) values[v][i] = loaded[v];
    }
#pragma unroll
    for (int v = 0; v < V; ++v) {
      sort_registers(values[v], std::make_index_sequence<rules::kNetwork<N>.size()>());
#pragma unroll
      for (int i = 0; i < N; ++i) at[i * width + v * Block::kThreads] = values[v][i];
    }
  } else {
    const Strided<C> values{at, width};
    for (int i = 0; i < rows; ++i) {
      C loaded[1];
      load_values<T, 1>(shared, i, column, count, loaded);
      values[i] = loaded[0];
    }
    rules::visit_network(rows,
                         [&](int low, int high) { compare_exchange(values[low], values[high]); });
  }
}

/// out [columns]; adds the columns that become NaN to the outcome.
template <class T, int N>
__global__ void __launch_bounds__(ColumnBlock<Compute<T>, N>::kThreads, 3)
    combine_columns_kernel(const __grid_constant__ RowTable<kMaxRows> vectors,
                           const __grid_constant__ ColumnJob job, T* out) {
  using C = Compute<T>;
  using Block = ColumnBlock<C, N>;
  constexpr int V = Block::kColumns;
  auto& shared = shared_memory<ColumnShared<C, N>>();
  const bool failed = job.mixes != nullptr &&
                      (job.outcome->failure != rules::Failure::kNone || job.outcome->rows == 0);
  if (!failed) find_rows<T>(vectors, job, shared);
  const int width = Block::width(job.window.rows);
  const int offset = static_cast<int>(threadIdx.x) * V;
  int nan_columns = 0;
  for (std::int64_t column = std::int64_t{blockIdx.x} * width + offset;
       column < job.columns && offset < width; column += std::int64_t{gridDim.x} * width) {
    const std::int64_t count = job.columns - column;
    if (!failed) sort_columns<T, N>(shared, job.window.rows, column, count);
    Pack<T, V> result;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const Strided<C> sorted{shared.values + threadIdx.x + v * Block::kThreads, width};
      const bool bad = failed || !(sorted[rules::last_good_place(job.window)] <
                                   std::numeric_limits<C>::infinity());
      result.value[v] = narrow<T>(bad ? std::numeric_limits<C>::quiet_NaN()
                                      : rules::window_mean(job.window, sorted));
      nan_columns += bad && !failed && v < count;
    }
    store<T, V>(result, out + job.first_column + column, count);
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
