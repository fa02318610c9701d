// SPDX-License-Identifier: MIT
// What all ranks of an exchange must call alike, and which columns each of them wants.

#pragma once

#include <algorithm>
#include <byzccl/rule.hpp>
#include <byzccl/rules/grid.hpp>
#include <cstdint>
#include <string>

namespace byzccl::collective {

enum class Operation : std::uint8_t { kAllReduce, kReduce, kReduceScatter };

struct Call {
  Rule rule;
  std::string rule_text;  ///< canonical
  Operation operation = Operation::kAllReduce;
  int root = 0;  ///< of a reduce
};

/// "all_reduce", "reduce(root=1)" or "reduce_scatter".
std::string to_text(Operation operation, int root);

/// Columns [begin, end) of an add.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

inline Range intersect(Range a, Range b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// The columns that rank k owns.
inline Range shard(const rules::Grid& grid, int k) {
  return {grid.first_column(k), grid.first_column(k + 1)};
}

/// The columns of the result that `rank` gets.
inline Range wanted(const Call& call, const rules::Grid& grid, int rank) {
  switch (call.operation) {
    case Operation::kReduce:
      return {0, rank == call.root ? grid.d : 0};
    case Operation::kReduceScatter:
      return {grid.d / grid.n * rank, grid.d / grid.n * (rank + 1)};
    case Operation::kAllReduce:
      break;
  }
  return {0, grid.d};
}

/// One add: the caller's vector x [d], and where its wanted columns go.
struct Bucket {
  const void* x = nullptr;
  void* out = nullptr;  ///< may be the wanted columns of x; otherwise it overlaps no part of x
  std::int64_t d = 0;
  DType dtype = DType::kFloat32;
  const void* previous = nullptr;  ///< [d] the previous output, for rules that need it; or null
};

}  // namespace byzccl::collective
