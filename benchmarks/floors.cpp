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
