// SPDX-License-Identifier: MIT
// monna (RULES section 3): mean of the caller's own row and the n - f - 1 unbroken rows nearest to
// it.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>

namespace byzccl::rules {

/// The own row takes part even if it is broken; if its reach is infinite W has no row, and the
/// combiner writes NaN. scores: the distance to the own row; +inf for broken rows.
template <class Team>
BYZCCL_HD void select_monna(Team team, const Plan& plan, const double* D,
                            const std::uint8_t* neighbors, const Decision& decision) {
  const int n = plan.n;
  const int own = plan.own;
  const int m = plan.m;
  const std::size_t line = static_cast<std::size_t>(own) * n;
  team.for_each(n,
                [=](int i) { decision.scores[i] = decision.broken[i] ? kInfinity : D[line + i]; });
  team.once([=] {
    if (decision.reach[own] == kInfinity) {
      decision.outcome->rows = 0;
      return;
    }
    decision.weights[own] = 1;
    int left = m - 1;
    for (int k = 0; k < n - 1 && left > 0; ++k) {
      const int i = neighbors[line + k];
      if (decision.broken[i]) continue;
      decision.weights[i] = 1;
      --left;
    }
    decision.outcome->divisor = m;
  });
}

}  // namespace byzccl::rules
