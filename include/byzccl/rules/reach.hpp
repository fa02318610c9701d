// SPDX-License-Identifier: MIT
// Which rows may take part (RULES section 1): reach, broken rows, and failing closed.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

/// A row is broken if its reach is over kFarOut M: 10,000 times farther out than n - f rows are
/// from each other.
inline constexpr double kFarOut = 1e8;

/// Every row is broken, nothing is selected, and the combiner writes NaN.
template <class Team>
BYZCCL_HD void fail_closed(Team team, const Plan& plan, const Decision& decision, Failure failure) {
  const int n = plan.n;
  team.for_each(n, [=](int i) {
    decision.broken[i] = 1;
    decision.flagged[i] = 1;
    decision.scores[i] = kInfinity;
  });
  team.for_each(plan.rows * plan.ranks, [=](int k) { decision.weights[k] = 0; });
  team.once([=] {
    decision.outcome->failure = failure;
    decision.outcome->divisor = 0;
  });
}

/// Sets reach, M, broken, flagged (= broken) and scores (= reach, +inf for broken rows). False if M
/// is infinite.
///
/// reach r_i = the (n-f-1)-th smallest of D_ij, j != i, an entry above plan.infinite_above counting
/// as infinite; 0 if n-f-1 = 0. M = the (n-f)-th smallest of the r_i.
template <class Team>
BYZCCL_HD bool find_broken(Team team, const Plan& plan, const double* D,
                           const std::uint8_t* neighbors, const Decision& decision) {
  const int n = plan.n;
  const int others = n - plan.f - 1;
  const double infinite_above = plan.infinite_above;
  team.for_each(n, [=](int i) {
    const std::size_t line = static_cast<std::size_t>(i) * n;
    const double reach = others == 0 ? 0.0 : D[line + neighbors[line + others - 1]];
    decision.reach[i] = reach <= infinite_above ? reach : kInfinity;
    decision.broken[i] = 0;
  });
  team.for_each(n, [=](int i) {
    if (place(decision.reach, decision.broken, n, i) == others) {
      decision.outcome->typical_reach = decision.reach[i];
    }
  });
  const double M = decision.outcome->typical_reach;
  team.for_each(n, [=](int i) {
    const double reach = decision.reach[i];
    const bool broken = reach == kInfinity || reach > exact_mul(kFarOut, M);
    decision.broken[i] = broken;
    decision.flagged[i] = broken;
    decision.scores[i] = broken ? kInfinity : reach;
  });
  return M < kInfinity;
}

}  // namespace byzccl::rules
