// SPDX-License-Identifier: MIT
// How the blocks of a combine by columns share columns, and what they keep in shared memory.

#pragma once

#include <byzccl/rules/team.hpp>

#include "kernels/column_rows.cuh"

namespace byzccl::kernels {

/// How a block shares columns when its network has N places; N = 0: any number, in shared memory.
template <class W, int N>
struct ColumnBlock {
  static constexpr int kPlaces = 32768 / static_cast<int>(sizeof(W));  ///< of sorted words, at most
  static constexpr int kRegisters = 256 / static_cast<int>(sizeof(W));
  /// Words of a thread: as many as 64 registers allow, of at most 16 bytes; of two columns half as
  /// many, whose elements take a register each where they are loaded one by one.
  static constexpr int kWide = W::kColumns == 1 ? 16 : 8;
  static constexpr int kWords = N == 0 || N > 2 * kWide ? 1 : kRegisters / (N > kWide ? 32 : 16);
  static constexpr int kThreads = N == 0 ? 32 : N * 128 <= kPlaces ? 128 : 64;
  /// At least, of a multiprocessor: a thread has up to 128 registers, or 168.
  static constexpr int kBlocks = (N > 32 ? 384 : 512) / kThreads;

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
  using Block = ColumnBlock<W, N>;
  W words[N == 0 ? Block::kPlaces : N * Block::kThreads];  ///< [rows, threads]
  RowsFound found;
};

/// One place a row of the words in shared memory.
template <class W>
struct Strided {
  W* first;
  int stride;
  __device__ W& operator[](int i) const { return first[i * stride]; }
};

/// One column of words at hand, or of Strided ones.
template <class Words>
struct SortedColumn {
  const Words& words;
  int column;  ///< of a word
  __device__ auto operator[](int i) const { return words[i][column]; }
};

}  // namespace byzccl::kernels
