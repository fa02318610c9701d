// SPDX-License-Identifier: MIT
#include "csrc/report.hpp"

#include <cstddef>
#include <numeric>

namespace byzccl {
namespace {

std::string_view to_text(rules::Failure failure) {
  switch (failure) {
    case rules::Failure::kNone:
      break;
    case rules::Failure::kTooManyBroken:
      return "fewer than n - f vectors lie within finite reach of each other";
  }
  return "";
}

std::vector<double> net_shares(const Plan& plan, const rules::Decision& decision) {
  const std::size_t n = static_cast<std::size_t>(plan.ranks);
  std::vector<double> shares(n, 0.0);
  const rules::Outcome& outcome = *decision.outcome;
  if (outcome.failure != rules::Failure::kNone || outcome.rows == 0) return shares;
  for (std::size_t row = 0; row < static_cast<std::size_t>(outcome.rows); ++row) {
    const double* weights = decision.weights + row * n;
    const double count = outcome.divisor > 0 ? std::accumulate(weights, weights + n, 0.0) : 1;
    for (std::size_t i = 0; i < n; ++i) shares[i] += weights[i] / count;
  }
  for (double& share : shares) share /= outcome.rows;
  return shares;
}

std::vector<int> indices_of(const std::uint8_t* marks, int n) {
  std::vector<int> indices;
  for (int i = 0; i < n; ++i) {
    if (marks[i] != 0) indices.push_back(i);
  }
  return indices;
}

}  // namespace

void describe(const Rule& rule, const Plan& plan, const double* distances,
              const rules::Decision& decision, Report& report) {
  const rules::Outcome& outcome = *decision.outcome;
  report.rule = to_text(rule);
  report.n = plan.ranks;
  report.failed = outcome.failure != rules::Failure::kNone;
  report.failure = to_text(outcome.failure);
  report.nan_columns = outcome.nan_columns;
  if (plan.combiner == Combiner::kWeightedSum && outcome.rows == 0 && !report.failed) {
    report.nan_columns = report.d;  // nothing is there that could be added
  }
  if (plan.rows > 0) report.weights = net_shares(plan, decision);
  report.previous_weight = outcome.previous_weight;
  if (!plan.needs_distances) return;
  report.typical_reach = outcome.typical_reach;
  const std::size_t n = static_cast<std::size_t>(plan.n);
  report.scores.assign(decision.scores, decision.scores + n);
  report.reach.assign(decision.reach, decision.reach + n);
  report.distances.assign(distances, distances + n * n);
  report.broken = indices_of(decision.broken, plan.n);
  report.flagged = indices_of(decision.flagged, plan.n);
}

}  // namespace byzccl
