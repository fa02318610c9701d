// SPDX-License-Identifier: MIT
// faba (RULES section 3): broken rows leave, then one at a time the row farthest from the mean of
// those left, until n - f stay. Which one that is the row sums of D tell.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>

namespace byzccl::rules {

BYZCCL_HD inline std::size_t faba_bytes(int n) {
  return sizeof(double) * (1 + static_cast<std::size_t>(n));
}

/// scores: the sum of D_ij over the unbroken rows, before any of them leaves.
template <class Team>
BYZCCL_HD void select_faba(Team team, const Plan& plan, const double* D, const Decision& decision,
                           void* scratch) {
  const int n = plan.n;
  const int m = plan.m;
  double* left = static_cast<double*>(scratch);
  double* sums = left + 1;
  double* stays = decision.weights;
  team.for_each(n, [=](int i) { stays[i] = decision.broken[i] ? 0 : 1; });
  team.once([=] {
    *left = 0;
    for (int i = 0; i < n; ++i) *left += stays[i];
  });
  for (bool first = true; first || *left > m; first = false) {
    team.for_each(n, [=](int i) {
      double sum = 0;
      for (int j = 0; j < n; ++j) {
        if (stays[j] != 0) sum = exact_add(sum, D[static_cast<std::size_t>(i) * n + j]);
      }
      sums[i] = sum;
      if (first) decision.scores[i] = decision.broken[i] ? kInfinity : sum;
    });
    team.once([=] {
      if (*left == m) return;
      int farthest = -1;
      for (int i = 0; i < n; ++i) {
        if (stays[i] != 0 && (farthest < 0 || sums[i] >= sums[farthest])) farthest = i;
      }
      stays[farthest] = 0;
      --*left;
    });
  }
  team.once([=] { decision.outcome->divisor = m; });
}

}  // namespace byzccl::rules
