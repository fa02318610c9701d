// SPDX-License-Identifier: MIT
#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/grid.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

#include "csrc/cpu/pairwise_distances.hpp"
#include "csrc/report.hpp"
#include "csrc/steps.hpp"

namespace byzccl {
namespace {

void check(std::span<const void* const> x, std::int64_t d) {
  BYZCCL_CHECK(d >= 0, "aggregate needs d >= 0, got d = ", d);
  if (d == 0) return;
  for (std::size_t i = 0; i < x.size(); ++i) {
    BYZCCL_CHECK(x[i] != nullptr, "aggregate got a null pointer for vector ", i, ", d = ", d);
  }
}

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

// All shards of one add: what Steps::pairwise_distances and add_shards give shard by shard.
std::vector<double> add_distances(const Plan& plan, const Rows& rows) {
  const int n = plan.n;
  const rules::Grid grid = rules::grid(rows.columns, n);
  std::vector<const void*> points(rows.x.begin(), rows.x.end());
  points.resize(static_cast<std::size_t>(plan.lines), nullptr);
  std::vector<std::int64_t> ends;
  for (int k = 1; k <= n; ++k) ends.push_back(grid.first_tile(k));
  std::vector<double> pairs(static_cast<std::size_t>(rules::pair_count(plan.lines)));
  cpu::pairwise_distances({points, rows.columns, rows.dtype}, grid.tile, ends, pairs.data());
  return pairs;
}

}  // namespace

Report explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller) {
  Plan plan = byzccl::plan(rule, static_cast<int>(x.size()), dtype);
  check(x, d);
  BYZCCL_CHECK(!plan.needs_own || (caller.own >= 0 && caller.own < plan.n), to_text(rule),
               " needs the caller's own vector, 0 <= own < n, got own = ", caller.own,
               ", n = ", plan.n);
  plan.own = caller.own;
  const Rows rows{x, d, dtype};
  const auto steps = make_cpu_steps();
  std::vector<double> memory(rules::decision_bytes(plan) / sizeof(double) + 1);
  const rules::Decision decision = rules::decision_at(plan, memory.data());
  *decision.outcome = {};
  Report report;
  report.algorithm = "local";
  report.d = d;
  Stopwatch stopwatch;
  std::vector<double> distances;
  if (plan.needs_distances) {
    const std::vector<double> pairs = add_distances(plan, rows);
    distances.resize(static_cast<std::size_t>(plan.lines) * x.size());
    steps->spread(pairs.data(), plan.lines, plan.n, distances.data());
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
  BYZCCL_CHECK(out != nullptr || d == 0, "aggregate got a null pointer for the output, d = ", d);
  explain(x, d, dtype, rule, out, caller);
}

}  // namespace byzccl
