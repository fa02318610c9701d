// SPDX-License-Identifier: MIT
// The least that each step must read, write and compute (docs/design.md section 4).

#pragma once

#include <byzccl/rule.hpp>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "benchmarks/rates.hpp"

namespace byzccl::bench {

/// What one pass over the vectors needs.
struct Need {
  double bytes = 0;
  double distance_operations = 0;  ///< float32 differences and fused squares
  double comparator_operations = 0;
};

/// All pairs of `lines` rows, of which n are vectors: n d s bytes read, two operations a pair and
/// column.
Need distances_need(int n, int lines, std::int64_t d, DType dtype);

/// n vectors read, two operations an element.
Need norms_need(int n, std::int64_t d, DType dtype);

/// `read` vectors in, one out. The additions are not counted.
Need sum_need(int read, std::int64_t d, DType dtype);

/// `read` vectors in, one out; columns of `rows` values pass the comparators of the library's
/// network. What the window costs is not counted, nor forming the rows.
Need columns_need(int read, int rows, std::int64_t d, DType dtype);

/// The passes of a whole rule; its W gives weight to `selected` vectors. Deciding among n x n
/// numbers is not counted.
std::vector<Need> rule_needs(const Plan& plan, int selected, std::int64_t d, DType dtype);

struct Floor {
  double seconds = 0;
  std::string_view binds;  ///< "memory" or "arithmetic": the side that is longer
};

/// The passes come one after the other. bytes_per_second: of reading, also taken for writing.
Floor floor_of(std::span<const Need> passes, const Rates& rates, double bytes_per_second);

}  // namespace byzccl::bench
