// SPDX-License-Identifier: MIT
// One row of y = W x as the kernels that form it read it.

#pragma once

#include <byzccl/rule.hpp>
#include <cstdint>
#include <limits>

#include "kernels/elements.cuh"
#include "kernels/rows.hpp"

namespace byzccl::kernels {

/// y = the sum of the vectors, divided once by `divisor` where that is above 1, else the sum of
/// each times its weight; then times `scale`. Without vectors y is zero, which is a vote like any
/// other; a row that is no vote is absent: +inf.
struct Mix {
  double divisor = 0;
  double scale = 1;
  std::int32_t count = 0;          ///< vectors of non-zero weight
  std::int32_t copies = 0;         ///< y is vector[0] as it is, bit for bit
  std::int32_t absent = 0;         ///< then it has no vectors
  double weight[kMaxRows];         ///< [count]
  std::uint16_t vector[kMaxRows];  ///< [count] ascending; the previous output comes last
};

/// V columns of y from element `column` of the vectors on; `rows.x` are the vectors, a null one
/// zeros. aligned: they are there, and V columns of each lie at one access.
template <class T, int V, class Table>
__device__ void form(const Table& rows, const Mix& mix, std::int64_t column, std::int64_t count,
                     bool aligned, Compute<T> (&y)[V]) {
  using C = Compute<T>;
  constexpr int kTogether = 4;  // loads under way; where vectors are fewer, again of the last one
  const bool plain = mix.divisor > 0 || mix.copies;
  const bool whole = aligned && count >= V;
  const int vectors = mix.count;
  // -0 changes no sum, a first -0 either.
  const C none = mix.absent ? std::numeric_limits<C>::infinity() : C(0);
#pragma unroll
  for (int v = 0; v < V; ++v) y[v] = vectors > 0 ? -C(0) : none;
  for (int k = 0; k < vectors; k += kTogether) {
    const auto vector = [&](int j) {
      return static_cast<const T*>(rows.x[mix.vector[k + j < vectors ? k + j : vectors - 1]]);
    };
    Pack<T, V> packs[kTogether];
    if (whole) {  // asked once: else each load waits for the last
#pragma unroll
      for (int j = 0; j < kTogether; ++j) packs[j] = load_whole<Pack<T, V>>(vector(j) + column);
    } else {
#pragma unroll
      for (int j = 0; j < kTogether; ++j) {
        const T* const x = vector(j);
        packs[j] = load<T, V>(x == nullptr ? x : x + column, count);
      }
    }
#pragma unroll
    for (int j = 0; j < kTogether; ++j) {
      if (k + j >= vectors) break;
      const C weight = plain ? C(1) : static_cast<C>(mix.weight[k + j]);
#pragma unroll
      for (int v = 0; v < V; ++v) y[v] = fused(weight, to_compute(packs[j].value[v]), y[v]);
    }
  }
  const C divisor = static_cast<C>(mix.divisor);
  const C scale = static_cast<C>(mix.scale);
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (mix.divisor > 1) y[v] = y[v] / divisor;
    if (mix.scale != 1) y[v] = y[v] * scale;
  }
}

}  // namespace byzccl::kernels
