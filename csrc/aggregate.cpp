// SPDX-License-Identifier: MIT
#include <byzccl/aggregate.hpp>

#include "csrc/cpu/digest.hpp"
#include "csrc/local_decision.hpp"
#include "csrc/local_plan.hpp"
#include "csrc/report.hpp"
#include "csrc/steps.hpp"

namespace byzccl {

Report explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller) {
  const Plan plan = local_plan(x, d, dtype, rule, caller);
  Rows rows{x, d, dtype};
  if (plan.needs_previous && caller.previous != nullptr &&
      cpu::digest(caller.previous, d, dtype).finite) {
    rows.previous = caller.previous;
  }
  const auto steps = make_cpu_steps();
  Report report;
  report.algorithm = "local";
  report.d = d;
  const LocalDecision decided = decide(plan, rows, *steps, report.phases);
  if (out != nullptr && d > 0) {
    Stopwatch stopwatch;
    steps->combine(plan, decided.decision, rows, out);
    report.phases.push_back({"combine", stopwatch.lap()});
  }
  describe(rule, plan, decided.distances.data(), decided.decision, report);
  return report;
}

void aggregate(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller) {
  check_output(out, d);
  explain(x, d, dtype, rule, out, caller);
}

std::string kind() { return std::string(make_cpu_steps()->kind()); }

}  // namespace byzccl
