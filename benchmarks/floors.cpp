// SPDX-License-Identifier: MIT
#include "benchmarks/floors.hpp"

#include <algorithm>
#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/sorting_network.hpp>

namespace byzccl::bench {
namespace {

double bytes_of(int rows, std::int64_t d, DType dtype) {
  return static_cast<double>(rows) * static_cast<double>(d) * static_cast<double>(size_of(dtype));
}

}  // namespace

Need distances_need(int n, int lines, std::int64_t d, DType dtype) {
  return {.bytes = bytes_of(n, d, dtype),
          .distance_operations = 2.0 * rules::pair_count(lines) * static_cast<double>(d)};
}

Need norms_need(int n, std::int64_t d, DType dtype) {
  return {.bytes = bytes_of(n, d, dtype), .distance_operations = 2.0 * n * static_cast<double>(d)};
}

Need sum_need(int read, std::int64_t d, DType dtype) {
  return {.bytes = bytes_of(read + 1, d, dtype)};
}

Need columns_need(int read, int rows, std::int64_t d, DType dtype) {
  return {.bytes = bytes_of(read + 1, d, dtype),
          .comparator_operations =
              2.0 * static_cast<double>(rules::network_size(rows)) * static_cast<double>(d)};
}

std::vector<Need> rule_needs(const Plan& plan, int selected, std::int64_t d, DType dtype) {
  const int n = plan.ranks;
  const int read = plan.rows == 0 ? n : selected;
  std::vector<Need> passes;
  if (plan.needs_norms) passes.push_back(norms_need(n, d, dtype));
  if (plan.needs_distances) passes.push_back(distances_need(n, plan.lines, d, dtype));
  passes.push_back(plan.combiner == Combiner::kColumns
                       ? columns_need(read, plan.window.rows, d, dtype)
                       : sum_need(read, d, dtype));
  return passes;
}

Floor floor_of(std::span<const Need> passes, const Rates& rates, double bytes_per_second) {
  Floor floor;
  double longest = -1;
  for (const Need& need : passes) {
    const double memory = need.bytes / bytes_per_second;
    const double arithmetic =
        need.distance_operations / rates.subtract_fma + need.comparator_operations / rates.min_max;
    const double seconds = std::max(memory, arithmetic);
    floor.seconds += seconds;
    if (seconds > longest) floor.binds = memory >= arithmetic ? "memory" : "arithmetic";
    longest = std::max(longest, seconds);
  }
  return floor;
}

}  // namespace byzccl::bench
