// SPDX-License-Identifier: MIT
// Plans: bounds at their edge, defaults, and what each rule asks of the three steps.

#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>
#include <cfloat>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace byzccl {
namespace {

Plan plan_of(const std::string& text, int n) { return plan(Rule::parse(text), n, DType::kFloat32); }

std::string error_of(const std::string& text, int n) {
  try {
    plan_of(text, n);
    return "no error";
  } catch (const InvalidArgument& error) {
    return error.what();
  }
}

TEST_CASE("each rule is refused just under its bound and accepted at it") {
  for (const RuleInfo& row : rule_table()) {
    for (int f = 0; f <= 5; ++f) {
      Rule rule;
      rule.kind = row.kind;
      if (!row.parameters.empty()) rule.f = f;
      if (row.kind == RuleKind::kCenteredClipping) rule.tau = 1;
      const int least = row.bound == "n >= 1"         ? 1
                        : row.bound == "n >= 2 f + 1" ? 2 * f + 1
                        : row.bound == "n >= 2 f + 3" ? 2 * f + 3
                        : row.bound == "n >= 4 f + 3" ? 4 * f + 3
                                                      : 2 * f + 1;
      CAPTURE(row.name, f);
      CHECK(plan(rule, least, DType::kFloat32).f == (row.parameters.empty() ? 0 : f));
      CHECK_THROWS_AS(plan(rule, least - 1, DType::kFloat32), InvalidArgument);
    }
  }
}

TEST_CASE("a broken bound is named with the numbers") {
  CHECK(error_of("krum(f=2)", 6) == "krum needs n >= 2 f + 3, got n = 6, f = 2");
  CHECK(error_of("bulyan(f=1)", 6) == "bulyan needs n >= 4 f + 3, got n = 6, f = 1");
  CHECK(error_of("median(f=2)", 4) == "median needs n >= 2 f + 1, got n = 4, f = 2");
  CHECK(error_of("mda(f=9223372036854775807)", 256) ==
        "mda needs n >= 2 f + 1 and f <= 31, got n = 256, f = 9223372036854775807");
  CHECK(error_of("multi_krum(f=1,m=7)", 7) ==
        "multi_krum needs 1 <= m <= n - f, got m = 7, n = 7, f = 1");
  CHECK(error_of("krum(f=1,neighbors=6)", 7) ==
        "krum needs 1 <= neighbors <= n - f - 1, got neighbors = 6, n = 7, f = 1");
  CHECK(error_of("smea(f=10)", 32) ==
        "smea needs n >= 2 f + 1 and C(n, f) <= 1000000, got n = 32, f = 10");
  CHECK(error_of("smea(f=11)", 23) ==
        "smea needs n >= 2 f + 1 and C(n, f) <= 1000000, got n = 23, f = 11");
  CHECK(error_of("bucketing(s=2)+krum(f=1)", 8) ==
        "krum needs n >= 2 f + 3, got n = 4 (n = 8 before bucketing), f = 1");
  CHECK(error_of("bucketing(s=3)+nnm+mda(f=1)", 6) ==
        "nnm needs n >= 2 f + 1, got n = 2 (n = 6 before bucketing), f = 1");
  CHECK(error_of("arc(f=4)+mean", 8) == "arc needs n >= 2 f + 1, got n = 8, f = 4");
  CHECK(error_of("bucketing(s=9)+mean", 8) == "bucketing needs 1 <= s <= n, got s = 9, n = 8");
  CHECK(error_of("mean", 0) == "mean needs 1 <= n <= 256, got n = 0");
  CHECK(error_of("mean", 257) == "mean needs 1 <= n <= 256, got n = 257");
  CHECK(error_of("geometric_median(iterations=2147483648)", 3) ==
        "geometric_median needs 1 <= iterations <= 2147483647, got iterations = 2147483648, "
        "n = 3, f = 1");
}

TEST_CASE("work is bounded, not only counts, with the numbers") {
  CHECK(error_of("smea(f=3)", 181) ==
        "smea needs C(n, f) (n - f)^3 <= 1200000000, got C(n, f) = 971970, n = 181, f = 3");
  CHECK(error_of("smea(f=1)", 256) ==
        "smea needs C(n, f) (n - f)^3 <= 1200000000, got C(n, f) = 256, n = 256, f = 1");
  CHECK(error_of("bucketing(s=2)+nnm+smea(f=2)", 256) ==
        "smea needs C(n, f) (n - f)^3 <= 1200000000, got C(n, f) = 8128, n = 128 (n = 256 before "
        "bucketing), f = 2");
  CHECK(plan_of("bucketing(s=4)+smea(f=2)", 256).m == 62);
  CHECK(error_of("mda(f=127)", 256) == "mda needs n >= 2 f + 1 and f <= 31, got n = 256, f = 127");
  CHECK(error_of("bucketing(s=2)+nnm+mda(f=32)", 130) ==
        "mda needs n >= 2 f + 1 and f <= 31, got n = 65 (n = 130 before bucketing), f = 32");
  CHECK(error_of("mda(f=32)", 65) == "mda needs n >= 2 f + 1 and f <= 31, got n = 65, f = 32");
  CHECK(plan_of("mda(f=31)", 63).m == 32);
  CHECK(plan_of("mda(f=31)", 256).m == 225);
  CHECK(error_of("geometric_median(iterations=2147483647)", 1) ==
        "geometric_median needs iterations (n + 32)^2 <= 1073741824, got iterations = 2147483647, "
        "n = 1, f = 0");
  CHECK(error_of("clip(tau=1)+centered_clipping(tau=1,iterations=12946)", 256) ==
        "centered_clipping needs iterations (n + 32)^2 <= 1073741824, got iterations = 12946, "
        "n = 256, f = 127");
  CHECK(plan_of("geometric_median(iterations=12945)", 256).iterations == 12945);
  CHECK(error_of("bucketing(s=2)+geometric_median(iterations=50000)", 256) ==
        "geometric_median needs iterations (n + 32)^2 <= 1073741824, got iterations = 50000, "
        "n = 128 (n = 256 before bucketing), f = 63");
}

TEST_CASE("a rule that was not parsed is checked as one that was") {
  Rule rule;
  rule.kind = RuleKind::kKrum;
  CHECK_THROWS_AS(plan(rule, 7, DType::kFloat32), InvalidArgument);
  rule.f = -1;
  CHECK_THROWS_AS(plan(rule, 7, DType::kFloat32), InvalidArgument);
  rule.f = 1;
  CHECK(plan(rule, 7, DType::kFloat32).q == 4);
  rule.m = 1;
  CHECK_THROWS_AS(plan(rule, 7, DType::kFloat32), InvalidArgument);
}

TEST_CASE("defaults are resolved") {
  CHECK(plan_of("median", 1).f == 0);
  CHECK(plan_of("median", 8).f == 3);
  CHECK(plan_of("geometric_median", 9).f == 4);
  CHECK(plan_of("geometric_median", 9).iterations == 32);
  CHECK(plan_of("geometric_median(iterations=5)", 9).iterations == 5);
  CHECK(plan_of("guarded_mean(f=1)", 9).threshold == 9);
  CHECK(plan_of("krum(f=2)", 9).q == 5);
  CHECK(plan_of("krum(f=2,neighbors=6)", 9).q == 6);
  CHECK(plan_of("krum(f=2)", 9).m == 1);
  CHECK(plan_of("multi_krum(f=2)", 9).m == 5);
  CHECK(plan_of("multi_krum(f=2,m=7)", 9).m == 7);
  CHECK(plan_of("mda(f=2)", 9).m == 7);
  CHECK(plan_of("smea(f=10)", 22).m == 12);
  CHECK(plan_of("multi_bulyan(f=1)", 9).q == 6);
  CHECK(plan_of("krum(f=2)", 9).infinite_above == static_cast<double>(FLT_MAX) / 8);
  CHECK(plan(Rule::parse("krum(f=2)"), 9, DType::kBFloat16).infinite_above ==
        static_cast<double>(FLT_MAX) / 8);
  CHECK(plan(Rule::parse("krum(f=2)"), 9, DType::kFloat64).infinite_above == DBL_MAX / 2048);
}

/// The parameters that must be there, with 1 for each.
std::vector<std::string> required_of(std::span<const ParameterInfo> parameters) {
  std::vector<std::string> arguments;
  for (const ParameterInfo& p : parameters) {
    if (p.required) arguments.push_back(std::string(p.name) + "=1");
  }
  return arguments;
}

std::string text_of(std::string_view name, const std::vector<std::string>& arguments) {
  std::string text(name);
  for (const std::string& a : arguments) text += (&a == arguments.data() ? "(" : ",") + a;
  return text + (arguments.empty() ? "" : ")");
}

/// Everything in a plan that a parameter may set.
std::vector<double> settings_of(const Plan& p) {
  return {static_cast<double>(p.f),
          static_cast<double>(p.q),
          static_cast<double>(p.m),
          static_cast<double>(p.iterations),
          p.threshold,
          static_cast<double>(p.bucket),
          p.tau,
          static_cast<double>(p.seed),
          static_cast<double>(p.longest),
          static_cast<double>(p.nnm_f)};
}

/// `behind` follows the term: the rule behind a step.
void check_parameters_of(std::string_view name, std::span<const ParameterInfo> parameters,
                         const std::string& behind) {
  constexpr int kN = 11;  // with f = 1
  const std::map<std::string_view, std::string> formulas{
      {"n - f - 2", "8"}, {"floor((n - 1) / 2)", "5"}, {"the rule's f", "1"}};
  const std::vector<std::string> required = required_of(parameters);
  const Plan without = plan_of(text_of(name, required) + behind, kN);
  for (const ParameterInfo& p : parameters) {
    CAPTURE(std::string(name), std::string(p.name));
    CHECK(p.required == p.fallback.empty());
    if (p.required) continue;
    const auto formula = formulas.find(p.fallback);
    const std::string value = formula == formulas.end() ? std::string(p.fallback) : formula->second;
    std::vector<std::string> arguments = required;
    arguments.push_back(std::string(p.name) + "=" + value);
    CHECK(settings_of(plan_of(text_of(name, arguments) + behind, kN)) == settings_of(without));
    arguments.back() = std::string(p.name) + "=3.5";
    const std::string fraction = text_of(name, arguments) + behind;
    if (p.real) {
      CHECK_NOTHROW(Rule::parse(fraction));
    } else {
      CHECK_THROWS_AS(Rule::parse(fraction), InvalidArgument);
    }
  }
}

TEST_CASE("the tables state the defaults and the types that are used") {
  for (const RuleInfo& row : rule_table()) check_parameters_of(row.name, row.parameters, "");
  for (const StepInfo& row : step_table()) {
    check_parameters_of(row.name, row.parameters, "+krum(f=1)");
  }
}

TEST_CASE("steps have their own counts and defaults") {
  const Plan p = plan_of("bucketing(s=2,seed=5)+arc+nnm(f=1)+median", 9);
  CHECK(p.ranks == 9);
  CHECK(p.n == 5);
  CHECK(p.f == 2);
  CHECK(p.bucket == 2);
  CHECK(p.seed == 5);
  CHECK(p.needs_norms);
  CHECK(p.longest == 2 * 2 * 3 / 5);
  CHECK(p.nnm_f == 1);
  CHECK(p.needs_distances);
  CHECK(p.rows == 5);
  CHECK(p.window.rows == 5);
  const Plan clipped = plan_of("clip(tau=0.5)+mean", 9);
  CHECK(clipped.tau == 0.5);
  CHECK(clipped.needs_norms);
  CHECK_FALSE(clipped.needs_distances);
  CHECK(plan_of("arc+krum(f=1)", 9).longest == 2 * 8 / 9);
  CHECK_FALSE(plan_of("krum(f=1)", 9).has_steps());
}

TEST_CASE("each rule asks for its steps") {
  for (const RuleInfo& row : rule_table()) {
    Rule rule;
    rule.kind = row.kind;
    if (!row.parameters.empty()) rule.f = 1;
    if (row.kind == RuleKind::kCenteredClipping) rule.tau = 1;
    const Plan p = plan(rule, 9, DType::kFloat32);
    const bool columns = row.kind == RuleKind::kMedian || row.kind == RuleKind::kTrimmedMean ||
                         row.kind == RuleKind::kMeamed || row.kind == RuleKind::kPhocas;
    const bool bulyans = row.kind == RuleKind::kBulyan || row.kind == RuleKind::kMultiBulyan;
    CAPTURE(row.name);
    CHECK(p.kind == row.kind);
    CHECK(p.n == 9);
    CHECK(p.needs_distances == (!columns && row.kind != RuleKind::kMean));
    const int selected = row.kind == RuleKind::kBulyan ? 7 : bulyans ? 5 : 1;
    CHECK(p.rows == (columns ? 0 : selected));
    CHECK((p.combiner == Combiner::kColumns) == (columns || bulyans));
    CHECK(p.lines == (row.kind == RuleKind::kCge || p.needs_previous ? 10 : 9));
    CHECK(p.needs_previous == (row.kind == RuleKind::kCenteredClipping));
    CHECK(p.has_norm_line() == (row.kind == RuleKind::kCge));
    CHECK(p.needs_own == (row.kind == RuleKind::kMonna));
  }
  const Window bulyan = plan_of("bulyan(f=1)", 9).window;
  CHECK(bulyan.kind == WindowKind::kNearestMedian);
  CHECK(bulyan.rows == 7);
  CHECK(bulyan.keep == 5);
  CHECK(plan_of("bulyan(f=0)", 3).window.keep == 3);
  const Window median = plan_of("median", 9).window;
  CHECK(median.kind == WindowKind::kMedian);
  CHECK(median.rows == 9);
  CHECK(median.f == 4);
  const Window trimmed = plan_of("trimmed_mean(f=2)", 9).window;
  CHECK(trimmed.kind == WindowKind::kTrimmed);
  CHECK(trimmed.f == 2);
  const Window meamed = plan_of("meamed(f=2)", 9).window;
  CHECK(meamed.kind == WindowKind::kNearestMedian);
  CHECK(meamed.keep == 7);
  CHECK(plan_of("phocas(f=2)", 9).window.kind == WindowKind::kNearestTrimmed);
  const Window multi = plan_of("multi_bulyan(f=1)", 9).window;
  CHECK(multi.kind == WindowKind::kNearestUpperMedian);
  CHECK(multi.keep == 3);
}

}  // namespace
}  // namespace byzccl
