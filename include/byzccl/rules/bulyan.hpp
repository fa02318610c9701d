// SPDX-License-Identifier: MIT
// bulyan (RULES section 3): Krum again and again on the rows that are left, theta = n - 2 f times.
// The combiner then trims the selected rows by column.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

BYZCCL_HD inline std::size_t bulyan_bytes(int n) {
  return (sizeof(double) + 1) * static_cast<std::size_t>(n);
}

/// Row k of W is 1 at the winner of round k. scores: those of the first round.
template <class Team>
BYZCCL_HD void select_bulyan(Team team, const Plan& plan, const double* D,
                             const std::uint8_t* neighbors, const Decision& decision,
                             void* scratch) {
  const int n = plan.n;
  double* scores = static_cast<double*>(scratch);
  std::uint8_t* gone = reinterpret_cast<std::uint8_t*>(scores + n);
  team.for_each(n, [=](int i) { gone[i] = decision.broken[i]; });
  for (int k = 0; k < plan.rows; ++k) {
    const int left = n - k;  // broken rows count
    const int q = left - plan.f - 2 > 1 ? left - plan.f - 2 : 1;
    team.for_each(n, [=](int i) {
      const std::size_t line = static_cast<std::size_t>(i) * n;
      scores[i] = gone[i] ? kInfinity : sum_nearest(D + line, neighbors + line, gone, n, q);
      if (k == 0) decision.scores[i] = scores[i];
    });
    team.once([=] {
      const int winner = lowest(scores, gone, n);
      decision.weights[static_cast<std::size_t>(k) * n + winner] = 1;
      gone[winner] = 1;
    });
  }
}

}  // namespace byzccl::rules
