// SPDX-License-Identifier: MIT
#include "csrc/local_decision.hpp"

#include <algorithm>
#include <byzccl/rules/grid.hpp>
#include <cstddef>

#include "csrc/cpu/formed_rows.hpp"

namespace byzccl {
namespace {

// The columns of all shards of one add: what the passes of Steps and add_shards cover shard by
// shard.
struct Shards {
  rules::Grid grid;
  std::vector<std::int64_t> ends;

  Shards(std::int64_t d, int n) : grid(rules::grid(d, n)) {
    for (int k = 1; k <= n; ++k) ends.push_back(grid.first_tile(k));
  }
};

}  // namespace

LocalDecision decide(const Plan& plan, const Rows& rows, Steps& steps, std::vector<Phase>& phases) {
  LocalDecision decided;
  decided.memory.resize(rules::decision_bytes(plan) / sizeof(double) + 1);
  const rules::Decision decision = rules::decision_at(plan, decided.memory.data());
  decided.decision = decision;
  *decision.outcome = {};
  Stopwatch stopwatch;
  const Shards shards(rows.columns, plan.ranks);
  const std::size_t n = static_cast<std::size_t>(plan.n);
  std::vector<double> norms(plan.needs_norms ? n : 0);
  std::vector<double>& distances = decided.distances;
  if (plan.needs_norms) {
    cpu::formed_norms(plan, rows, shards.grid.tile, shards.ends, norms.data());
    steps.scale(plan, norms.data(), decision);
  }
  if (plan.needs_distances) {
    std::vector<double> pairs(static_cast<std::size_t>(rules::pair_count(plan.lines)));
    cpu::formed_distances(plan, plan.needs_norms ? decision.scales : nullptr, rows,
                          shards.grid.tile, shards.ends, pairs.data());
    distances.resize(static_cast<std::size_t>(plan.lines) * n);
    steps.spread(pairs.data(), 1, plan.lines, plan.n, distances.data());
    // The norm of a scaled row is known by definition.
    if (plan.has_norm_line() && plan.needs_norms) {
      std::copy(norms.begin(), norms.end(), distances.end() - plan.n);
    }
  }
  if (plan.needs_norms || plan.needs_distances) phases.push_back({"distances", stopwatch.lap()});
  if (plan.rows > 0) {
    steps.select(plan, distances.data(), decision);
    phases.push_back({"select", stopwatch.lap()});
  }
  return decided;
}

}  // namespace byzccl
