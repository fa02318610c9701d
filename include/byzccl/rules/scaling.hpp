// SPDX-License-Identifier: MIT
// clip and arc (RULES section 5): by what each row is scaled, from the norms.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>

namespace byzccl::rules {

/// Rows whose norm is larger, of equals those of lower index.
BYZCCL_HD inline int longer_rows(const double* norms, int n, int i) {
  int longer = 0;
  for (int j = 0; j < n; ++j) longer += norms[j] > norms[i] || (j < i && norms[j] == norms[i]);
  return longer;
}

/// decision.scales [n], -1 for a row of infinite norm, which becomes absent. norms [n], squared,
/// become those of the scaled rows: a row that is scaled has its new norm by definition.
template <class Team>
BYZCCL_HD void scale_rows(Team team, const Plan& plan, double* norms, const Decision& decision) {
  const int n = plan.n;
  const bool clips = plan.tau > 0;
  const int longest = plan.longest;
  // The target, squared, has a place until select() sets the outcome anew.
  team.once([=] { decision.outcome->typical_reach = exact_mul(plan.tau, plan.tau); });
  team.for_each(n, [=](int i) {
    const int longer = clips ? 0 : longer_rows(norms, n, i);
    if (!clips && longer == longest) decision.outcome->typical_reach = norms[i];
    decision.scales[i] = clips || longer < longest;  // whether it may be scaled
  });
  const double target = decision.outcome->typical_reach;
  const double length = clips ? plan.tau : exact_sqrt(target);
  team.for_each(n, [=](int i) {
    const double norm = exact_sqrt(norms[i]);
    const bool scaled = decision.scales[i] != 0 && norm > length;
    decision.scales[i] = norms[i] == kInfinity ? -1 : scaled ? exact_div(length, norm) : 1;
    if (scaled && norms[i] < kInfinity) norms[i] = target;
  });
}

}  // namespace byzccl::rules
