// SPDX-License-Identifier: MIT
// multi_bulyan (RULES section 3): t = n - 2 f - 2 rounds of Multi-Krum whose neighbours are chosen
// once, each over one row less. The combiner then trims the means by column.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

BYZCCL_HD inline std::size_t multi_bulyan_bytes(int n) {
  return (sizeof(double) + 1) * static_cast<std::size_t>(n);
}

/// Sum of a line of D over those of the `count` nearest unbroken rows that are still there, in
/// ascending order.
BYZCCL_HD inline double sum_remaining(const double* line, const std::uint8_t* nearest_first,
                                      const std::uint8_t* broken, const std::uint8_t* gone, int n,
                                      int count) {
  double sum = 0;
  for (int k = 0; k < n - 1 && count > 0; ++k) {
    const int j = nearest_first[k];
    if (broken[j]) continue;
    if (!gone[j]) sum = exact_add(sum, line[j]);
    --count;
  }
  return sum;
}

/// Row k of W has ones at the rows of round k, whose sum is divided once by their number, as every
/// mean of a set. scores: those of the first round.
template <class Team>
BYZCCL_HD void select_multi_bulyan(Team team, const Plan& plan, const double* D,
                                   const std::uint8_t* neighbors, const Decision& decision,
                                   void* scratch) {
  const int n = plan.n;
  const int q = plan.q;
  double* scores = static_cast<double*>(scratch);
  std::uint8_t* gone = reinterpret_cast<std::uint8_t*>(scores + n);
  team.for_each(n, [=](int i) { gone[i] = decision.broken[i]; });
  for (int k = 0; k < plan.rows; ++k) {
    const int count = q - k;
    team.for_each(n, [=](int i) {
      const std::size_t line = static_cast<std::size_t>(i) * n;
      scores[i] = gone[i] ? kInfinity
                          : sum_remaining(D + line, neighbors + line, decision.broken, gone, n, q);
      if (k == 0) decision.scores[i] = scores[i];
    });
    double* row = decision.weights + static_cast<std::size_t>(k) * n;
    team.for_each(n, [=](int i) {
      const bool selected = !gone[i] && place(scores, gone, n, i) < count;
      row[i] = selected ? 1 : 0;
    });
    team.once([=] { gone[lowest(scores, gone, n)] = 1; });
  }
  team.once([=] { decision.outcome->divisor = q; });
}

}  // namespace byzccl::rules
