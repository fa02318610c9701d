// SPDX-License-Identifier: MIT
// The second step: D [n, n] -> W [rows, n]. The one switch over selectors.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/guarded_mean.hpp>
#include <byzccl/rules/krum.hpp>
#include <byzccl/rules/mean.hpp>
#include <byzccl/rules/order.hpp>
#include <byzccl/rules/reach.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// Bytes that select() needs besides the decision; may be 0.
BYZCCL_HD inline std::size_t select_scratch_bytes(const Plan& plan) {
  if (!plan.needs_distances) return 0;
  return neighbor_bytes(plan.n);
}

/// Fills `decision` by the plan's rule; plan.rows > 0.
///
/// All in float64, in orders that n alone fixes: same D, same decision on every kind of device.
/// Of a rule that says "mean of a set", W is 0 or 1 and outcome->divisor the size of the set;
/// otherwise divisor is 0 and W holds the weights, or one row of W a selected row.
///
/// @param D        [n, n] squared distances: symmetric, zero diagonal, +inf where not finite; not
///                 read unless plan.needs_distances
/// @param scratch  select_scratch_bytes(plan) bytes, 8-byte aligned
template <class Team>
BYZCCL_HD void select(Team team, const Plan& plan, const double* D, const Decision& decision,
                      void* scratch) {
  const int rows = plan.rows;
  team.for_each(rows * plan.n, [=](int k) { decision.weights[k] = 0; });
  team.once([=] {
    *decision.outcome = {};
    decision.outcome->rows = rows;
  });
  if (!plan.needs_distances) {
    select_mean(team, plan, decision);
    return;
  }
  std::uint8_t* neighbors = static_cast<std::uint8_t*>(scratch);
  sort_neighbors(team, plan.n, D, neighbors);
  if (!find_broken(team, plan, D, neighbors, decision)) {
    fail_closed(team, plan, decision, Failure::kTooManyBroken);
    return;
  }
  switch (plan.kind) {
    case RuleKind::kKrum:
    case RuleKind::kMultiKrum:
      select_krum(team, plan, D, neighbors, decision);
      break;
    case RuleKind::kGuardedMean:
      select_guarded_mean(team, plan, decision);
      break;
    case RuleKind::kMda:
    case RuleKind::kBulyan:
    case RuleKind::kGeometricMedian:
    case RuleKind::kMean:
    case RuleKind::kMedian:
    case RuleKind::kTrimmedMean:
      break;
  }
}

}  // namespace byzccl::rules
