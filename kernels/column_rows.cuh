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

/// The rows of a network of N places; N = 0: of any number.
template <class T, class W, int V, int N>
struct ColumnRows {
  using C = Compute<T>;
  static constexpr int kColumns = V * W::kColumns;  ///< of a thread

  /// The vectors; where they are the rows, and fewer than N, a row again for each place left.
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
                 : static_cast<const T*>(vectors.x[mix.vector[0]]) + job.first_column;
      if (mix.absent) x = nullptr;
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

  /// The words from `column` on, as they come; those of absent rows are infinite, and those beyond
  /// the rows anything. What is alike for all rows is decided before: else each load waits for the
  /// last. `places` are N places of the thread's own, `stride` apart.
  __device__ void load(std::int64_t column, std::int64_t count, W* places, int stride,
                       W (&words)[V][N]) const {
    if (count >= kColumns) {
      const auto vector = [&](int i) { return vectors.x[i]; };
      const std::int64_t first = job.first_column + column;
      if (job.is_aligned) return load_together<T, true>(vector, first, words);
      if (job.mixes == nullptr) return load_together<T, false>(vector, first, words);
      if constexpr (W::kColumns == 1) {  // others are the vectors
        const auto row = [&](int i) { return found.row[i < job.window.rows ? i : 0]; };
        if (found.odd == 0 && (std::is_same_v<T, C> || found.is_formed[0])) {
          return load_together<C, true>(row, column, words);
        }
        if (found.odd == 0) return load_together<T, true>(row, column, words);
      }
    }
#pragma unroll
    for (int v = 0; v < V; ++v) {
#pragma unroll 1  // rare, so short
      for (int i = 0; i < N; ++i) {
        places[i * stride] =
            i < job.window.rows ? word(i, column + v * W::kColumns, count - v * W::kColumns) : W{};
      }
#pragma unroll
      for (int i = 0; i < N; ++i) words[v][i] = places[i * stride];
    }
  }

  /// A word of row i, of any kind; zeros from `count` columns on.
  __device__ W word(int i, std::int64_t column, std::int64_t count) const {
    W words[1] = {W::infinity()};
    if (job.mixes == nullptr) {
      const T* const x = static_cast<const T*>(vectors.x[i]) + job.first_column;
      make_words(kernels::load<T, W::kColumns>(x + column, count), words);
    } else if constexpr (W::kColumns == 1) {
      if (found.row[i] == nullptr) return words[0];
      if (found.is_formed[i]) {
        make_words(kernels::load<C, 1>(static_cast<const C*>(found.row[i]) + column, count), words);
      } else {
        make_words(kernels::load<T, 1>(static_cast<const T*>(found.row[i]) + column, count), words);
      }
    }
    return words[0];
  }

 private:
  /// Of elements X: all columns at one access, or one word after the other, element by element. All
  /// loads are under way before the first is used, so there is one for each place: where rows are
  /// fewer, `row` gives one of them again.
  template <class X, bool whole, class Row>
  __device__ void load_together(const Row& row, std::int64_t column, W (&words)[V][N]) const {
    constexpr int kTogether = whole ? V : 1;  // words
    constexpr int kElements = kTogether * W::kColumns;
#pragma unroll
    for (int first = 0; first < V; first += kTogether) {
      Pack<X, kElements> elements[N];
#pragma unroll
      for (int i = 0; i < N; ++i) {
        const X* const x = static_cast<const X*>(row(i)) + column + first * W::kColumns;
        if constexpr (whole) {
          elements[i] = load_whole<Pack<X, kElements>>(x);
        } else {
#pragma unroll
          for (int k = 0; k < kElements; ++k) elements[i].value[k] = load_whole<X>(x + k);
        }
      }
#if defined(__CUDA_ARCH__)
      // Without it the assembler uses each row before it loads the next, to save registers. Above
      // 32 rows there are none to spare, nor are there for the addresses of 32 rows' next elements.
      if constexpr (N <= (whole ? 32 : 16)) __syncwarp(__activemask());
#endif
#pragma unroll
      for (int i = 0; i < N; ++i) {
        W loaded[kTogether];
        make_words(elements[i], loaded);
#pragma unroll
        for (int v = 0; v < kTogether; ++v) words[first + v][i] = loaded[v];
      }
    }
  }
};

}  // namespace byzccl::kernels
