// SPDX-License-Identifier: MIT
#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/grid.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

#include "csrc/cpu/digest.hpp"
#include "csrc/cpu/formed_rows.hpp"
#include "csrc/local_plan.hpp"
#include "csrc/report.hpp"
#include "csrc/steps.hpp"

namespace byzccl {
namespace {

// Seconds since the last call, or since it was made.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

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

Report explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller) {
  const Plan plan = local_plan(x, d, dtype, rule, caller);
  Rows rows{x, d, dtype};
  if (plan.needs_previous && caller.previous != nullptr &&
      cpu::digest(caller.previous, d, dtype).finite) {
    rows.previous = caller.previous;
  }
  const auto steps = make_cpu_steps();
  std::vector<double> memory(rules::decision_bytes(plan) / sizeof(double) + 1);
  const rules::Decision decision = rules::decision_at(plan, memory.data());
  *decision.outcome = {};
  Report report;
  report.algorithm = "local";
  report.d = d;
  Stopwatch stopwatch;
  const Shards shards(d, plan.ranks);
  const std::size_t n = static_cast<std::size_t>(plan.n);
  std::vector<double> norms(plan.needs_norms ? n : 0);
  std::vector<double> distances;
  if (plan.needs_norms) {
    cpu::formed_norms(plan, rows, shards.grid.tile, shards.ends, norms.data());
    steps->scale(plan, norms.data(), decision);
  }
  if (plan.needs_distances) {
    std::vector<double> pairs(static_cast<std::size_t>(rules::pair_count(plan.lines)));
    cpu::formed_distances(plan, plan.needs_norms ? decision.scales : nullptr, rows,
                          shards.grid.tile, shards.ends, pairs.data());
    distances.resize(static_cast<std::size_t>(plan.lines) * n);
    steps->spread(pairs.data(), 1, plan.lines, plan.n, distances.data());
    // The norm of a scaled row is known by definition.
    if (plan.has_norm_line() && plan.needs_norms) {
      std::copy(norms.begin(), norms.end(), distances.end() - plan.n);
    }
  }
  if (plan.needs_norms || plan.needs_distances) {
    report.phases.push_back({"distances", stopwatch.lap()});
  }
  if (plan.rows > 0) {
    steps->select(plan, distances.data(), decision);
    report.phases.push_back({"select", stopwatch.lap()});
  }
  if (out != nullptr && d > 0) {
    steps->combine(plan, decision, rows, out);
    report.phases.push_back({"combine", stopwatch.lap()});
  }
  describe(rule, plan, distances.data(), decision, report);
  return report;
}

void aggregate(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller) {
  check_output(out, d);
  explain(x, d, dtype, rule, out, caller);
}

std::string kind() { return std::string(make_cpu_steps()->kind()); }

}  // namespace byzccl
