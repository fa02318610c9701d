// SPDX-License-Identifier: MIT
// Which distance kernel takes how many rows.

#pragma once

#include <byzccl/error.hpp>
#include <utility>

#include "kernels/launch_kernel.cuh"
#include "kernels/pairwise_launch.hpp"
#include "kernels/pairwise_registers.cuh"
#include "kernels/pairwise_tiled.cuh"

namespace byzccl::kernels {

/// As are_aligned(), where the last row may be the zero vector.
template <class P>
bool are_aligned_but_zero(std::span<const void* const> x) {
  return are_aligned<P>(x.back() == nullptr ? x.first(x.size() - 1) : x);
}

template <class T, int N>
void launch_registers(const Vectors& rows, const Strips& strips, double* partials,
                      cudaStream_t stream) {
  launch("pairwise_registers", pairwise_registers<T, N>,
         {.blocks = strips.count(),
          .threads = kStripThreads,
          .shared = sizeof(StripShared<Compute<T>, rules::pair_count(N)>)},
         stream, row_table<N>(rows.x), are_aligned_but_zero<Pack<T, kRowColumns<T, N>>>(rows.x),
         strips, partials);
}

template <class T>
void launch_pairs(const Vectors& rows, const Strips& strips, double* partials,
                  cudaStream_t stream) {
  using C = Compute<T>;
  const int n = static_cast<int>(rows.x.size());
  const bool in_registers = [&]<int... Is>(std::integer_sequence<int, Is...>) {
    return ((n == Is + 2 && (launch_registers<T, Is + 2>(rows, strips, partials, stream), true)) ||
            ...);
  }(std::make_integer_sequence<int, kRegisterRows<C> - 1>());
  if (in_registers) return;
  const Cells cells = kernels::cells(n, kGroup<C>);
  launch("pairwise_tiled", pairwise_tiled<T>,
         {.blocks = strips.count() * cells.chunks,
          .threads = static_cast<unsigned>(cells.warps * kWarp),
          .shared = sizeof(Stages<T>)},
         stream, row_table<kMaxRows>(rows.x), are_aligned_but_zero<Pack<T, kWidest<T>>>(rows.x),
         cells, strips, partials);
}

template <class T>
void launch_norms(const Vectors& rows, const Strips& strips, double* partials,
                  cudaStream_t stream) {
  const int n = static_cast<int>(rows.x.size());
  launch("row_norms", row_norms<T>,
         {.blocks = strips.count() * n,
          .threads = kStripThreads,
          .shared = sizeof(StripShared<Compute<T>, 1>)},
         stream, row_table<kMaxRows>(rows.x), n, are_aligned<Pack<T, kRowColumns<T, 2>>>(rows.x),
         strips, partials);
}

}  // namespace byzccl::kernels
