// SPDX-License-Identifier: MIT
// guarded_mean (RULES section 3): the plain mean, bit for bit, unless a row lies far out.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>

namespace byzccl::rules {

/// Flags broken rows and those with r_i > threshold M; at most f rows, as n - f reach no farther
/// than M. scores: the reach.
template <class Team>
BYZCCL_HD void select_guarded_mean(Team team, const Plan& plan, const Decision& decision) {
  const int n = plan.n;
  const double most = exact_mul(plan.threshold, decision.outcome->typical_reach);
  team.for_each(n, [=](int i) {
    const bool flagged = decision.broken[i] || decision.reach[i] > most;
    decision.flagged[i] = flagged;
    decision.weights[i] = flagged ? 0 : 1;
  });
  team.once([=] {
    int kept = 0;
    for (int i = 0; i < n; ++i) kept += !decision.flagged[i];
    decision.outcome->divisor = kept;
  });
}

}  // namespace byzccl::rules
