// SPDX-License-Identifier: MIT
// Fills the part of a report that a decision knows: the same for local aggregates and collectives.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/rules/decision.hpp>

namespace byzccl {

/// Fills rule, n, failed, failure, typical_reach, weights, previous_weight, scores, reach,
/// distances, broken, flagged and nan_columns; reads d and leaves the rest as it is. All pointers
/// lead to host memory.
///
/// The net share of a vector is w over the number of ones of its row where the divisor is above 0,
/// else w; with several rows of W it is the mean over the rows. A decision that failed closed gives
/// every vector share 0.
///
/// @param distances  D [n, n]; not read unless the plan needs distances
/// @param decision   only its outcome is read if the plan has no selector (plan.rows = 0)
void describe(const Rule& rule, const Plan& plan, const double* distances,
              const rules::Decision& decision, Report& report);

}  // namespace byzccl
