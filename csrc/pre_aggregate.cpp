// SPDX-License-Identifier: MIT
#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <cstddef>

#include "csrc/cpu/fill.hpp"
#include "csrc/cpu/mix.hpp"
#include "csrc/cpu/weighted_sum.hpp"
#include "csrc/local_decision.hpp"
#include "csrc/local_plan.hpp"

namespace byzccl {
namespace {

/// Whether row i is no vote: its norm is infinite, or nnm found it broken.
bool is_absent(const Plan& plan, const rules::Decision& decision, int i) {
  return (plan.needs_norms && decision.scales[i] < 0) || (plan.nnm_f >= 0 && decision.broken[i]);
}

}  // namespace

void pre_aggregate(std::span<const void* const> x, std::int64_t d, DType dtype,
                   const PreAggregation& steps, std::span<void* const> out, const Caller& caller) {
  Plan plan = byzccl::plan(steps, static_cast<int>(x.size()), dtype);
  check_vectors("pre_aggregate", x, d);
  BYZCCL_CHECK(caller.step >= 0, "step must not be negative, got ", caller.step);
  plan.step = caller.step;
  BYZCCL_CHECK(out.size() == static_cast<std::size_t>(plan.n), "pre_aggregate makes ", plan.n,
               " rows of n = ", plan.ranks, ", got ", out.size(), " outputs");
  for (const void* row : out) {
    BYZCCL_CHECK(row != nullptr || d == 0, "pre_aggregate got a null output, d = ", d);
  }
  if (d == 0) return;
  const Rows rows{x, d, dtype};
  std::vector<Phase> phases;
  const LocalDecision decided = decide(plan, rows, *make_cpu_steps(), phases);
  const rules::Decision& decision = decided.decision;
  const bool failed = decision.outcome->failure != rules::Failure::kNone;
  // The rows of W are those that are there, in their order.
  const double* weights = decision.weights;
  for (int i = 0; i < plan.n; ++i) {
    void* const row = out[static_cast<std::size_t>(i)];
    if (failed || is_absent(plan, decision, i)) {
      cpu::fill_nan(d, dtype, row);
      continue;
    }
    cpu::weighted_sum(cpu::make_mix(rows, weights, decision.outcome->divisor > 0), d, dtype, row);
    weights += plan.ranks;
  }
}

}  // namespace byzccl
