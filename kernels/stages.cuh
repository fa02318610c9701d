// SPDX-License-Identifier: MIT
// Columns of many rows on their way into shared memory, a few stages ahead of the sums.

#pragma once

#include "kernels/cells.hpp"
#include "kernels/copy_async.cuh"
#include "kernels/elements.cuh"
#include "kernels/rows.hpp"
#include "kernels/warp_sums.cuh"

namespace byzccl::kernels {

/// Columns of a block's rows in shared memory: the stage that is summed, and those that come.
template <class T>
struct Stages {
  using C = Compute<T>;
  static constexpr int kCount = 3;
  static constexpr int kRows = 4 * kGroup<C>;
  static constexpr int kTurns = sizeof(C) == 8 ? 1 : 2;  ///< columns of a lane
  static constexpr int kColumns = kTurns * kWarp;
  using Wide = Pack<T, kWidest<T>>;
  static constexpr int kWides = kColumns / kWidest<T>;  ///< of a row

  Wide x[kCount][kRows][kWides];

  /// The elements of a row.
  __device__ const T* elements(int stage, int row) const {
    return reinterpret_cast<const T*>(x[stage][row]);
  }
};

/// Brings the rows of a chunk into the stages. A thread has the same place in every so many rows.
template <class T>
struct StageFiller {
  using S = Stages<T>;
  const RowTable<kMaxRows>& rows;
  const Cells& cells;
  const Chunk& chunk;
  bool aligned;  ///< each row but the last is there, and all are aligned for 16 bytes at once
  int count;     ///< rows of the chunk, without a null one
  std::int64_t strip_begin;
  int width;  ///< of the strip
  int place = static_cast<int>(threadIdx.x) % S::kWides;
  int first = static_cast<int>(threadIdx.x) / S::kWides;
  int step = static_cast<int>(blockDim.x) / S::kWides;

  __device__ const T* row(int staged) const {
    return static_cast<const T*>(rows.x[cells.row(chunk, staged)]) + strip_begin +
           place * kWidest<T>;
  }

  /// Columns of the strip from `begin` on into stage `stage`, as many as it has; zeros after the
  /// strip's end. They have come when the copies are awaited and the block has met.
  __device__ void fill(S& stages, int stage, int begin) const {
    if (aligned && begin + S::kColumns <= width) {
#pragma unroll 4
      for (int staged = first; staged < count; staged += step) {
        copy_async(stages.x[stage][staged][place], row(staged) + begin);
      }
    } else if (begin < width) {
      for (int staged = first; staged < count; staged += step) {
        stages.x[stage][staged][place] =
            load<T, kWidest<T>>(row(staged) + begin, width - begin - place * kWidest<T>);
      }
    }
    commit_copies();
  }

  /// A null row is the zero vector, in every stage.
  __device__ void clear_null_row(S& stages) const {
    for (int staged = first; staged < cells.rows(chunk); staged += step) {
      for (int stage = 0; stage < S::kCount && staged >= count; ++stage) {
        stages.x[stage][staged][place] = {};
      }
    }
  }
};

}  // namespace byzccl::kernels
