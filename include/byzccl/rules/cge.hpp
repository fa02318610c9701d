// SPDX-License-Identifier: MIT
// cge (RULES section 3): mean of the n - f unbroken rows of smallest norm.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

/// scores: the squared norms, which are line n of D; +inf for broken rows.
template <class Team>
BYZCCL_HD void select_cge(Team team, const Plan& plan, const double* D, const Decision& decision) {
  const int n = plan.n;
  const int m = plan.m;
  const double* norms = D + static_cast<std::size_t>(n) * n;
  team.for_each(n, [=](int i) {
    const bool selected = !decision.broken[i] && place(norms, decision.broken, n, i) < m;
    decision.weights[i] = selected ? 1 : 0;
    decision.scores[i] = decision.broken[i] ? kInfinity : norms[i];
  });
  team.once([=] { decision.outcome->divisor = m; });
}

}  // namespace byzccl::rules
