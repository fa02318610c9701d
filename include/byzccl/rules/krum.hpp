// SPDX-License-Identifier: MIT
// krum and multi_krum (RULES section 3): the m unbroken rows whose q nearest unbroken others are
// nearest in sum. Krum is m = 1.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

/// scores: the sum of the q smallest D_ij over unbroken j != i.
template <class Team>
BYZCCL_HD void select_krum(Team team, const Plan& plan, const double* D,
                           const std::uint8_t* neighbors, const Decision& decision) {
  const int n = plan.n;
  const int q = plan.q;
  const int m = plan.m;
  team.for_each(n, [=](int i) {
    const std::size_t line = static_cast<std::size_t>(i) * n;
    decision.scores[i] = decision.broken[i]
                             ? kInfinity
                             : sum_nearest(D + line, neighbors + line, decision.broken, n, q);
  });
  team.for_each(n, [=](int i) {
    const bool selected = !decision.broken[i] && place(decision.scores, decision.broken, n, i) < m;
    decision.weights[i] = selected ? 1 : 0;
  });
  team.once([=] { decision.outcome->divisor = m; });
}

}  // namespace byzccl::rules
