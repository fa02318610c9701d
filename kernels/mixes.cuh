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
/// each times its weight; then times `scale`. Without vectors y is absent: +inf.
struct Mix {
  double divisor = 0;
  double scale = 1;
  std::int32_t count = 0;          ///< vectors of non-zero weight
  std::int32_t copies = 0;         ///< y is vector[0] as it is, bit for bit
  double weight[kMaxRows];         ///< [count]
  std::uint16_t vector[kMaxRows];  ///< [count] ascending; the previous output comes last
};

/// V columns of y from element `column` of the vectors on; `rows.x` are the vectors, a null one
/// zeros.
template <class T, int V, class Table>
__device__ void form(const Table& rows, const Mix& mix, std::int64_t column, std::int64_t count,
                     Compute<T> (&y)[V]) {
  using C = Compute<T>;
  const bool plain = mix.divisor > 0 || mix.copies;
#pragma unroll
  for (int v = 0; v < V; ++v) y[v] = std::numeric_limits<C>::infinity();
  for (int k = 0; k < mix.count; ++k) {
    const T* row = static_cast<const T*>(rows.x[mix.vector[k]]);
    const C weight = static_cast<C>(mix.weight[k]);
    const auto pack = load<T, V>(row == nullptr ? row : row + column, count);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const C x = to_compute(pack.value[v]);
      if (k == 0) {
        y[v] = plain ? x : weight * x;
      } else {
        y[v] = plain ? y[v] + x : fused(weight, x, y[v]);
      }
    }
  }
  if (mix.count == 0) return;
  const C divisor = static_cast<C>(mix.divisor);
  const C scale = static_cast<C>(mix.scale);
#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (mix.divisor > 1) y[v] = y[v] / divisor;
    if (mix.scale != 1) y[v] = y[v] * scale;
  }
}

}  // namespace byzccl::kernels
