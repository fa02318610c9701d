// SPDX-License-Identifier: MIT
// Orders of values, ties to the lower index. Places are counted rather than sorted: the counts are
// independent, so that a block takes them in parallel, and every order comes out the same.

#pragma once

#include <byzccl/rules/exact.hpp>
#include <byzccl/rules/team.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// How many values come before values[i]; those of `left_out` rows do not count. Both are loaded,
/// whichever counts, so that no load waits for another.
BYZCCL_HD inline int place(const double* values, const std::uint8_t* left_out, int n, int i) {
  int before = 0;
  for (int j = 0; j < i; ++j) before += !left_out[j] & (values[j] <= values[i]);
  for (int j = i + 1; j < n; ++j) before += !left_out[j] & (values[j] < values[i]);
  return before;
}

/// The row of lowest value that is not left out; -1 if all are.
BYZCCL_HD inline int lowest(const double* values, const std::uint8_t* left_out, int n) {
  int best = -1;
  for (int i = 0; i < n; ++i) {
    if (!left_out[i] && (best < 0 || values[i] < values[best])) best = i;
  }
  return best;
}

/// Bytes of the neighbour lists; an index fits a byte as n <= kMaxVectors = 256.
BYZCCL_HD inline std::size_t neighbor_bytes(int n) {
  return (static_cast<std::size_t>(n) * n + 7) / 8 * 8;
}

/// neighbors [n, n]: the first n - 1 entries of line i are the other rows, nearest first.
template <class Team>
BYZCCL_HD void sort_neighbors(Team team, int n, const double* D, std::uint8_t* neighbors) {
  team.for_each(n * n, [=](int item) {
    const int i = item / n;
    const int j = item % n;
    if (i == j) return;
    const double* line = D + static_cast<std::size_t>(i) * n;
    int before = 0;
    for (int k = 0; k < j; ++k) before += line[k] <= line[j];
    for (int k = j + 1; k < n; ++k) before += line[k] < line[j];
    // Row i itself was counted where it compares as others do.
    before -= i < j ? line[i] <= line[j] : line[i] < line[j];
    neighbors[static_cast<std::size_t>(i) * n + before] = static_cast<std::uint8_t>(j);
  });
}

/// Sum of the `count` smallest values of a line of D over the rows that are not left out, or of all
/// of them if there are fewer, in ascending order.
BYZCCL_HD inline double sum_nearest(const double* line, const std::uint8_t* nearest_first,
                                    const std::uint8_t* left_out, int n, int count) {
  // What is loaded does not depend on what counts: a device has the loads of a batch under way
  // together, where one after the other each would wait for the last.
  constexpr int kBatch = 8;
  double sum = 0;
  for (int first = 0; first < n - 1 && count > 0; first += kBatch) {
    double value[kBatch];
    bool counts[kBatch];
    for (int k = 0; k < kBatch; ++k) {
      const bool there = first + k < n - 1;
      const int j = nearest_first[there ? first + k : first];
      value[k] = line[j];
      counts[k] = there & !left_out[j];
    }
    for (int k = 0; k < kBatch; ++k) {
      if (!counts[k] || count == 0) continue;
      sum = exact_add(sum, value[k]);
      --count;
    }
  }
  return sum;
}

}  // namespace byzccl::rules
