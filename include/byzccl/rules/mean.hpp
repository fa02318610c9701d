// SPDX-License-Identifier: MIT
// mean (RULES section 3): every row, whatever it holds; D is not read.

#pragma once

#include <byzccl/rules/decision.hpp>

namespace byzccl::rules {

template <class Team>
BYZCCL_HD void select_mean(Team team, const Plan& plan, const Decision& decision) {
  const int n = plan.n;
  team.for_each(n, [=](int i) {
    decision.weights[i] = 1;
    decision.reach[i] = 0;
    decision.scores[i] = 0;
    decision.broken[i] = 0;
    decision.flagged[i] = 0;
  });
  team.once([=] { decision.outcome->divisor = n; });
}

}  // namespace byzccl::rules
