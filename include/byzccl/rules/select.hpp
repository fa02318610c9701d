// SPDX-License-Identifier: MIT
// The second step: D [lines, n] -> W [rows, n]. The one switch over selectors.

#pragma once

#include <byzccl/rules/bulyan.hpp>
#include <byzccl/rules/caf.hpp>
#include <byzccl/rules/centered_clipping.hpp>
#include <byzccl/rules/cge.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/faba.hpp>
#include <byzccl/rules/geometric_median.hpp>
#include <byzccl/rules/guarded_mean.hpp>
#include <byzccl/rules/krum.hpp>
#include <byzccl/rules/mda.hpp>
#include <byzccl/rules/mean.hpp>
#include <byzccl/rules/monna.hpp>
#include <byzccl/rules/multi_bulyan.hpp>
#include <byzccl/rules/order.hpp>
#include <byzccl/rules/reach.hpp>
#include <byzccl/rules/select_steps.hpp>
#include <byzccl/rules/smea.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// Whether the rule itself reads D, whatever steps come before it.
BYZCCL_HD constexpr bool reads_distances(RuleKind kind) {
  switch (kind) {
    case RuleKind::kMean:
    case RuleKind::kMedian:
    case RuleKind::kTrimmedMean:
    case RuleKind::kMeamed:
    case RuleKind::kPhocas:
      return false;
    default:
      return true;
  }
}

/// Bytes that select() needs besides the decision; may be 0.
BYZCCL_HD inline std::size_t select_scratch_bytes(const Plan& plan) {
  if (!reads_distances(plan.kind)) return steps_bytes(plan);
  const std::size_t bytes = steps_bytes(plan) + neighbor_bytes(plan.n);
  switch (plan.kind) {
    case RuleKind::kMda:
      return bytes + mda_bytes(plan.n);
    case RuleKind::kBulyan:
      return bytes + bulyan_bytes(plan.n);
    case RuleKind::kMultiBulyan:
      return bytes + multi_bulyan_bytes(plan.n);
    case RuleKind::kFaba:
      return bytes + faba_bytes(plan.n);
    case RuleKind::kSmea:
      return bytes + smea_bytes(plan.n, plan.m);
    case RuleKind::kCaf:
      return bytes + caf_bytes(plan.n);
    case RuleKind::kGeometricMedian:
      return bytes + geometric_median_bytes(plan.n);
    case RuleKind::kCenteredClipping:
      return bytes + centered_clipping_bytes(plan.n);
    default:
      return bytes;
  }
}

/// Fills `decision` by a rule that reads D, as if no steps came before it.
template <class Team>
BYZCCL_HD void select_by_distance(Team team, const Plan& plan, const double* D,
                                  const Decision& decision, void* scratch) {
  const int rows = plan.rows;
  team.for_each(rows * plan.n, [=](int k) { decision.weights[k] = 0; });
  team.once([=] {
    *decision.outcome = {};
    decision.outcome->rows = rows;
  });
  std::uint8_t* neighbors = static_cast<std::uint8_t*>(scratch);
  void* own = neighbors + neighbor_bytes(plan.n);
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
      select_mda(team, plan, D, decision, own);
      break;
    case RuleKind::kBulyan:
      select_bulyan(team, plan, D, neighbors, decision, own);
      break;
    case RuleKind::kMultiBulyan:
      select_multi_bulyan(team, plan, D, neighbors, decision, own);
      break;
    case RuleKind::kGeometricMedian:
      select_geometric_median(team, plan, D, decision, own);
      break;
    case RuleKind::kCge:
      select_cge(team, plan, D, decision);
      break;
    case RuleKind::kMonna:
      select_monna(team, plan, D, neighbors, decision);
      break;
    case RuleKind::kSmea:
      select_smea(team, plan, D, decision, own);
      break;
    case RuleKind::kCaf:
      select_caf(team, plan, D, decision, own);
      break;
    case RuleKind::kFaba:
      select_faba(team, plan, D, decision, own);
      break;
    case RuleKind::kCenteredClipping:
      select_centered_clipping(team, plan, D, decision, own);
      break;
    case RuleKind::kMean:
    case RuleKind::kMedian:
    case RuleKind::kTrimmedMean:
    case RuleKind::kMeamed:
    case RuleKind::kPhocas:
      break;
  }
}

/// Fills `decision` by the plan's rule; plan.rows > 0.
///
/// All in float64, in orders that n alone fixes: same D, same decision on every kind of device.
/// Of a rule that says "mean of a set", W is 0 or 1 and outcome->divisor the size of the (first)
/// set; so it is where each row of W is a mean of whole buckets of one size. Otherwise divisor is 0
/// and W holds the weights, or one row of W a selected row. The first outcome->rows rows of W are
/// there: one without weights is a row of zeros. The others are absent.
///
/// @param D        [lines, n] squared distances: the first n lines are symmetric with a zero
///                 diagonal; line n, if the plan asks for it, has the squared norms, or distances
///                 to the previous output; +inf where not finite; not read unless
///                 plan.needs_distances
/// @param scratch  select_scratch_bytes(plan) bytes, 8-byte aligned
template <class Team>
BYZCCL_HD void select(Team team, const Plan& plan, const double* D, const Decision& decision,
                      void* scratch) {
  if (plan.has_steps()) {
    void* own = static_cast<std::uint8_t*>(scratch) + steps_bytes(plan);
    const auto rule = [=](const Plan& inner, const double* distances, const Decision& given) {
      select_by_distance(team, inner, distances, given, own);
    };
    select_behind_steps(team, plan, reads_distances(plan.kind), D, decision, scratch, rule);
    return;
  }
  if (reads_distances(plan.kind)) {
    select_by_distance(team, plan, D, decision, scratch);
    return;
  }
  team.once([=] {
    *decision.outcome = {};
    decision.outcome->rows = plan.rows;
  });
  select_mean(team, plan, decision);
}

}  // namespace byzccl::rules
