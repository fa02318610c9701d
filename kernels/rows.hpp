// SPDX-License-Identifier: MIT
// Pointers to rows, passed to kernels by value.

#pragma once

#include <byzccl/rule.hpp>
#include <span>

namespace byzccl::kernels {

/// Rows of one pass: the vectors and, after them, the zero vector or the previous output.
inline constexpr int kMaxRows = kMaxVectors + 1;

template <int N>
struct RowTable {
  const void* x[N];
};

/// The rows beyond x are null.
template <int N>
RowTable<N> row_table(std::span<const void* const> x) {
  RowTable<N> table{};
  for (std::size_t i = 0; i < x.size(); ++i) table.x[i] = x[i];
  return table;
}

}  // namespace byzccl::kernels
