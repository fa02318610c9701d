// SPDX-License-Identifier: MIT
// The rows of a combine by columns, from memory into registers.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/decision.hpp>
#include <type_traits>

#include "kernels/column_words.cuh"
#include "kernels/flag.cuh"
#include "kernels/mixes.cuh"
#include "kernels/rows.hpp"

namespace byzccl::kernels {

/// What a combine reads besides the rows as they were sent.
struct ColumnJob {
  Window window;
  std::int64_t first_column = 0;  ///< of the vectors and of out
  std::int64_t columns = 0;
  const Mix* mixes = nullptr;    ///< null: the rows are the vectors
  const void* formed = nullptr;  ///< [rows, stride] of the compute type, at first_column
  std::int64_t stride = 0;
  rules::Outcome* outcome = nullptr;
  bool is_aligned = false;  ///< the rows are the vectors, and a thread's words lie at one access
};

/// Rows that are not the vectors as they are: a matrix says what each is.
struct RowsFound {
  const void* row[kMaxVectors];         ///< null: absent
  std::uint8_t is_formed[kMaxVectors];  ///< the row is of the compute type
  unsigned long long odd;  ///< rows that are absent, of another type than the first, or unaligned
};

template <class T, class W, int V>
struct ColumnRows {
  using C = Compute<T>;
  static constexpr int kColumns = V * W::kColumns;  ///< of a thread

  const RowTable<kMaxRows>& vectors;
  const ColumnJob& job;
  RowsFound& found;

  /// Fills `found` where there is a matrix. All threads of the block.
  __device__ void find() const {
    if (job.mixes == nullptr) return;
    if (threadIdx.x == 0) found.odd = 0;
    __syncthreads();
    const bool first_is_formed = !job.mixes[0].copies;
    for (int i = static_cast<int>(threadIdx.x); i < job.window.rows;
         i += static_cast<int>(blockDim.x)) {
      const Mix& mix = job.mixes[i];
      const bool formed = !mix.copies;
      const void* x =
          formed ? static_cast<const void*>(static_cast<const C*>(job.formed) + i * job.stride)
                 : vector(mix.vector[0]);
      if (mix.count == 0) x = nullptr;
      found.row[i] = x;
      found.is_formed[i] = formed;
      const bool aligned =
          formed ? is_aligned<Pack<C, kColumns>>(x) : is_aligned<Pack<T, kColumns>>(x);
      const bool same_type = std::is_same_v<T, C> || formed == first_is_formed;
      if (x == nullptr || !aligned || !same_type) {
        DeviceCounter(found.odd).fetch_add(1, ::cuda::memory_order_relaxed);
      }
    }
    __syncthreads();
  }

  /// The words of N rows from `column` on, fit to be sorted; those of rows that there are not are
  /// infinite. What is alike for all rows is decided before: else each load waits for the last.
  template <int N>
  __device__ void load(std::int64_t column, std::int64_t count, W (&words)[V][N]) const {
    const bool whole = count >= kColumns;
    if (whole && job.is_aligned) {
      return load_aligned<T>([&](int i) { return vector(i); }, column, words);
    }
    if constexpr (W::kColumns == 1) {  // others are the vectors
      if (whole && job.mixes != nullptr && found.odd == 0) {
        if (!std::is_same_v<T, C> && !found.is_formed[0]) {
          return load_aligned<T>([&](int i) { return found.row[i]; }, column, words);
        }
        return load_aligned<C>([&](int i) { return found.row[i]; }, column, words);
      }
    }
#pragma unroll
    for (int i = 0; i < N; ++i) {
      W loaded[V];
#pragma unroll
      for (int v = 0; v < V; ++v) loaded[v] = W::infinity();
      if (i < job.window.rows) load_row(i, column, count, loaded);
#pragma unroll
      for (int v = 0; v < V; ++v) words[v][i] = loaded[v];
    }
  }

  /// V words of row i, of any kind.
  __device__ void load_row(int i, std::int64_t column, std::int64_t count, W (&to)[V]) const {
    if (job.mixes == nullptr) {
      make_words(kernels::load<T, kColumns>(vector(i) + column, count), true, to);
    } else if (found.row[i] == nullptr) {
#pragma unroll
      for (int v = 0; v < V; ++v) to[v] = W::infinity();
    } else if (!found.is_formed[i]) {
      const T* const x = static_cast<const T*>(found.row[i]);
      make_words(kernels::load<T, kColumns>(x + column, count), true, to);
    } else if constexpr (W::kColumns == 1) {
      const C* const x = static_cast<const C*>(found.row[i]);
      make_words(kernels::load<C, kColumns>(x + column, count), true, to);
    }
  }

 private:
  __device__ const T* vector(int i) const {
    return static_cast<const T*>(vectors.x[i]) + job.first_column;
  }

  /// Of elements X. All loads are under way before the first is used, so there is one for each
  /// place: where rows are fewer, again of the first row.
  template <class X, int N, class Row>
  __device__ void load_aligned(const Row& row, std::int64_t column, W (&words)[V][N]) const {
    const int rows = job.window.rows;
    Pack<X, kColumns> elements[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const X* const x = static_cast<const X*>(row(i < rows ? i : 0));
      elements[i] = load_whole<Pack<X, kColumns>>(x + column);
    }
#if defined(__CUDA_ARCH__)
    // Without it the assembler uses each row before it loads the next, to save registers; above 32
    // rows there are none to spare.
    if constexpr (N <= 32) __syncwarp(__activemask());
#endif
#pragma unroll
    for (int i = 0; i < N; ++i) {
      W loaded[V];
      make_words(elements[i], i < rows, loaded);
#pragma unroll
      for (int v = 0; v < V; ++v) words[v][i] = loaded[v];
    }
  }
};

}  // namespace byzccl::kernels
