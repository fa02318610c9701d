// SPDX-License-Identifier: MIT
// From a rule and n to a plan: bounds checked, defaults resolved (RULES sections 3 to 5).

#include <algorithm>
#include <byzccl/error.hpp>
#include <cfloat>
#include <limits>
#include <string>

#include "csrc/rule_table.hpp"

namespace byzccl {
namespace {

/// Most multiplications of an iterative rule, about: some seconds of one core.
constexpr std::int64_t kMostIterationWork = std::int64_t{1} << 30;
/// What an iteration costs beside its loops over n rows, as so many rows more.
constexpr std::int64_t kIterationRows = 32;
/// Most cubes of smea: a matrix of m rows takes tens of m^3 multiplications to diagonalise.
constexpr std::int64_t kMostSmeaWork = 1'200'000'000;

/// Above this a float64 distance counts as infinite in a reach. Unbroken rows, each within it of
/// n - f rows, are at most 4 times as far from each other, so sums over 256 of them stay finite.
constexpr double kMostReach = DBL_MAX / (8 * kMaxVectors);
/// The same where some input is not float64, whose distances may overflow in float32.
constexpr double kMostReach32 = static_cast<double>(FLT_MAX) / 8;

/// C(n, f) for 2 f <= n, or some number above `most` if it is.
std::int64_t count_sets(int n, std::int64_t f, std::int64_t most) {
  std::int64_t sets = 1;
  // Each product is a binomial times k; C(256, 128) is never reached, as `most` ends the loop.
  for (std::int64_t k = 1; k <= f && sets <= most; ++k) sets = sets * (n - f + k) / k;
  return sets;
}

/// "n = 4", and behind bucketing what n was before.
std::string count_of(const Plan& plan) {
  if (plan.bucket == 0) return concat("n = ", plan.n);
  return concat("n = ", plan.n, " (n = ", plan.ranks, " before bucketing)");
}

/// f if given, else floor((n - 1) / 2), once the bound of a rule or step on n holds.
int tolerated(std::string_view name, std::string_view bound_text, std::optional<std::int64_t> given,
              const Plan& plan) {
  const std::int64_t f = given.value_or((plan.n - 1) / 2);
  const Bound& bound = bound_of(bound_text);
  // f <= most_f <= 256 first: it keeps the product small.
  BYZCCL_CHECK(
      f <= bound.most_f && plan.n >= bound.per_f * f + bound.extra &&
          (bound.most_sets == 0 || count_sets(plan.n, f, bound.most_sets) <= bound.most_sets),
      name, " needs ", bound.text, ", got ", count_of(plan), ", f = ", f);
  return static_cast<int>(f);
}

/// A step's f is the rule's unless given.
int tolerated(const Rule& rule, const Step& step, const Plan& plan) {
  const StepInfo& row = row_of(step.kind);
  return tolerated(row.name, row.bound, step.f ? step.f : rule.f, plan);
}

/// The steps, in their order: each is checked with the rows that it is given.
void plan_steps(const Rule& rule, Plan& plan) {
  if (rule.bucketing) {
    const std::int64_t s = *rule.bucketing->s;
    BYZCCL_CHECK(s <= plan.ranks, "bucketing needs 1 <= s <= n, got s = ", s, ", n = ", plan.ranks);
    plan.bucket = static_cast<int>(s);
    plan.seed = rule.bucketing->seed.value_or(0);
    plan.n = (plan.ranks + plan.bucket - 1) / plan.bucket;
  }
  if (rule.scaling) {
    plan.needs_norms = true;
    if (rule.scaling->kind == StepKind::kClip) {
      plan.tau = *rule.scaling->tau;
    } else {
      const int f = tolerated(rule, *rule.scaling, plan);
      plan.longest = 2 * f * (plan.n - f) / plan.n;
    }
  }
  if (rule.nnm) plan.nnm_f = tolerated(rule, *rule.nnm, plan);
}

/// An integer parameter or its default; `most` is the upper end of its bound.
int resolve(const RuleInfo& row, std::string_view name, std::optional<std::int64_t> given,
            int fallback, int most, const Plan& plan) {
  if (!given) return fallback;
  for (const ParameterInfo& info : row.parameters) {
    BYZCCL_CHECK(info.name != name || *given <= most, row.name, " needs ", info.bound, ", got ",
                 name, " = ", *given, ", ", count_of(plan), ", f = ", plan.f);
  }
  return static_cast<int>(*given);
}

/// smea walks all sets, and an attacker can see to it that each is diagonalised.
void check_smea_work(const RuleInfo& row, const Plan& plan) {
  const std::int64_t sets = count_sets(plan.n, plan.f, bound_of(row.bound).most_sets);
  const std::int64_t m = plan.n - plan.f;
  BYZCCL_CHECK(sets * m * m * m <= kMostSmeaWork, row.name,
               " needs C(n, f) (n - f)^3 <= ", kMostSmeaWork, ", got C(n, f) = ", sets, ", ",
               count_of(plan), ", f = ", plan.f);
}

/// Each iteration measures the distances of all rows to a mix of them.
void check_iteration_work(const RuleInfo& row, const Plan& plan) {
  const std::int64_t rows = plan.n + kIterationRows;
  BYZCCL_CHECK(plan.iterations <= kMostIterationWork / (rows * rows), row.name,
               " needs iterations (n + ", kIterationRows, ")^2 <= ", kMostIterationWork,
               ", got iterations = ", plan.iterations, ", ", count_of(plan), ", f = ", plan.f);
}

WindowKind window_of(RuleKind kind) {
  switch (kind) {
    case RuleKind::kMeamed:
      return WindowKind::kNearestMedian;
    case RuleKind::kPhocas:
      return WindowKind::kNearestTrimmed;
    case RuleKind::kTrimmedMean:
      return WindowKind::kTrimmed;
    default:
      return WindowKind::kMedian;
  }
}

}  // namespace

Plan plan(const Rule& rule, int n, DType dtype) {
  check_parameters(rule);
  const RuleInfo& row = row_of(rule.kind);
  BYZCCL_CHECK(n >= 1 && n <= kMaxVectors, row.name, " needs 1 <= n <= ", kMaxVectors,
               ", got n = ", n);
  Plan plan;
  plan.kind = rule.kind;
  plan.ranks = n;
  plan.n = n;
  plan_steps(rule, plan);
  n = plan.n;
  plan.f = row.parameters.empty() ? 0 : tolerated(row.name, row.bound, rule.f, plan);
  plan.infinite_above = dtype == DType::kFloat64 ? kMostReach : kMostReach32;
  plan.needs_distances = true;
  plan.rows = 1;
  plan.lines = n;
  plan.needs_previous = row.needs_previous;
  const int f = plan.f;
  switch (rule.kind) {
    case RuleKind::kMean:
      plan.needs_distances = false;
      plan.m = n;
      break;
    case RuleKind::kKrum:
    case RuleKind::kMultiKrum:
      plan.q = resolve(row, "neighbors", rule.neighbors, n - f - 2, n - f - 1, plan);
      plan.m = rule.kind == RuleKind::kKrum ? 1 : resolve(row, "m", rule.m, n - f - 2, n - f, plan);
      break;
    case RuleKind::kMonna:
      plan.needs_own = true;
      [[fallthrough]];
    case RuleKind::kMda:
    case RuleKind::kFaba:
      plan.m = n - f;
      break;
    case RuleKind::kSmea:
      check_smea_work(row, plan);
      plan.m = n - f;
      break;
    case RuleKind::kCge:
      plan.m = n - f;
      plan.lines = n + 1;
      break;
    case RuleKind::kCaf:
      break;
    case RuleKind::kBulyan:
      plan.rows = n - 2 * f;
      plan.combiner = Combiner::kColumns;
      // Only unbroken rows are selected, and those are finite: whatever f is here, no column is
      // NaN.
      plan.window = {WindowKind::kNearestMedian, plan.rows, f, std::max(1, plan.rows - 2 * f)};
      break;
    case RuleKind::kMultiBulyan:
      plan.q = n - f - 2;
      plan.rows = n - 2 * f - 2;
      plan.combiner = Combiner::kColumns;
      plan.window = {WindowKind::kNearestUpperMedian, plan.rows, f, plan.rows - 2 * f};
      break;
    case RuleKind::kGeometricMedian:
      plan.iterations =
          resolve(row, "iterations", rule.iterations, 32, std::numeric_limits<int>::max(), plan);
      check_iteration_work(row, plan);
      break;
    case RuleKind::kCenteredClipping:
      plan.iterations =
          resolve(row, "iterations", rule.iterations, 1, std::numeric_limits<int>::max(), plan);
      check_iteration_work(row, plan);
      plan.pull = *rule.tau;
      plan.lines = n + 1;
      break;
    case RuleKind::kGuardedMean:
      plan.threshold = rule.threshold.value_or(9);
      break;
    case RuleKind::kMedian:
    case RuleKind::kTrimmedMean:
    case RuleKind::kMeamed:
    case RuleKind::kPhocas:
      plan.needs_distances = false;
      plan.rows = 0;
      plan.combiner = Combiner::kColumns;
      plan.window = {window_of(rule.kind), n, f, n - f};
      break;
  }
  if (plan.has_steps()) {
    plan.needs_distances = plan.needs_distances || plan.nnm_f >= 0;
    if (plan.rows == 0) plan.rows = n;
  }
  return plan;
}

Plan plan(const PreAggregation& steps, int n, DType dtype) {
  BYZCCL_CHECK(n >= 1 && n <= kMaxVectors, "pre_aggregate needs 1 <= n <= ", kMaxVectors,
               ", got n = ", n);
  BYZCCL_CHECK(steps.bucketing || steps.scaling || steps.nnm,
               "pre_aggregate needs a step: bucketing, clip, arc or nnm");
  // A column rule has every row that is there as a row of W, and its default f is always allowed.
  return plan(steps_before(steps, RuleKind::kMedian), n, dtype);
}

}  // namespace byzccl
