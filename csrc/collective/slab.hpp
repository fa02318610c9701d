// SPDX-License-Identifier: MIT
// What a ring passes round at a time.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rules/grid.hpp>
#include <cstdint>

namespace byzccl::collective {

/// Shards are put together up to these bytes of a vector: n - 1 messages that wait for each other
/// go round for each slab.
inline constexpr std::int64_t kSlabBytes = std::int64_t{4} << 20;

/// The shard behind the slab that begins with shard `first`. A slab is whole shards, so that its
/// share of the distances can be added up while the next slab travels.
inline int slab_end(const rules::Grid& grid, DType dtype, int first) {
  const std::int64_t element = static_cast<std::int64_t>(size_of(dtype));
  int end = first + 1;
  while (end < grid.n &&
         (grid.first_column(end) - grid.first_column(first)) * element < kSlabBytes) {
    ++end;
  }
  return end;
}

}  // namespace byzccl::collective
