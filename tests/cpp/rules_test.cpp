// SPDX-License-Identifier: MIT
// Every rule of the table against the reference, over n, f, d, element type and family of inputs.

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <iostream>
#include <map>
#include <set>

#include "support/catch.hpp"
#include "support/vectors_run.hpp"

namespace {

using byzccl::DType;
using byzccl::Report;
using byzccl::Rule;
using byzccl::RuleKind;
using byzccl::testing::Answer;
using byzccl::testing::Drawn;
using byzccl::testing::Family;
using byzccl::testing::Matrix;
using byzccl::testing::Random;

constexpr double kLeastMargin = 1e-4;
constexpr std::array kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64};
constexpr std::array kColumns{0, 1, 2, 7, 31, 33, 255, 1023, 1025};

// The bounds of RULES, written once more.
bool is_legal(RuleKind kind, int n, int f) {
  switch (kind) {
    case RuleKind::kMean:
      return true;
    case RuleKind::kKrum:
    case RuleKind::kMultiKrum:
      return n >= 2 * f + 3;
    case RuleKind::kBulyan:
    case RuleKind::kMultiBulyan:
      return n >= 4 * f + 3;
    case RuleKind::kSmea:  // more sets are legal, but the reference walks them all
      return n >= 2 * f + 1 && (f == 0 || byzccl::testing::combinations(n, f) * n * n * n < 4e6);
    default:
      return n >= 2 * f + 1;
  }
}

bool may_leave_f_out(RuleKind kind) {
  return kind == RuleKind::kGeometricMedian || kind == RuleKind::kMedian ||
         kind == RuleKind::kCenteredClipping;
}

std::int64_t between(std::int64_t low, std::int64_t high, Random& random) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

// The rule with parameters drawn within their bounds, half of those that may be left out given.
Rule draw_rule(RuleKind kind, int n, int f, Random& random) {
  Rule rule{.kind = kind};
  const bool given = random() % 2 == 0;
  if (kind != RuleKind::kMean && !(may_leave_f_out(kind) && f == (n - 1) / 2)) rule.f = f;
  if (kind == RuleKind::kCenteredClipping)
    rule.tau = std::ldexp(1.0, static_cast<int>(random() % 8));
  if (!given) return rule;
  if (kind == RuleKind::kMultiKrum) rule.m = between(1, n - f, random);
  if (kind == RuleKind::kKrum || (kind == RuleKind::kMultiKrum && random() % 2 == 0)) {
    rule.neighbors = between(1, n - f - 1, random);
  }
  if (kind == RuleKind::kGeometricMedian) rule.iterations = between(1, 40, random);
  if (kind == RuleKind::kCenteredClipping) rule.iterations = between(1, 4, random);
  if (kind == RuleKind::kGuardedMean) rule.threshold = random() % 2 == 0 ? 1.5 : 3;
  return rule;
}

double size_of_honest_row(const Matrix& x) {
  std::vector<double> sizes;
  for (const auto& row : x) {
    double size = 0;
    for (const double value : row) {
      if (std::isfinite(value)) size = std::max(size, std::fabs(value));
    }
    sizes.push_back(size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes[(sizes.size() - 1) / 2];
}

bool is_close(double a, double b, double tolerance) {
  return a == b || std::fabs(a - b) <= tolerance * std::max(std::fabs(a), std::fabs(b));
}

void check_report(const byzccl::testing::Result& result, const Answer& want, DType dtype) {
  const Report& report = result.report;
  CHECK(report.failed == want.failed);
  CHECK(report.failure.empty() == !want.failed);
  CHECK(report.broken == want.broken);
  CHECK(report.flagged == want.flagged);
  if (!want.failed) CHECK(report.nan_columns == want.nan_columns);
  if (want.selected) CHECK(result.selected() == *want.selected);
  if (!want.has_distances) return;
  const double tolerance = dtype == DType::kFloat64 ? 1e-12 : 2e-5;
  const double largest = dtype == DType::kFloat64 ? DBL_MAX : static_cast<double>(FLT_MAX);
  CHECK(is_close(report.typical_reach, want.typical_reach, tolerance));
  const std::size_t n = want.reach.size();
  REQUIRE(report.distances.size() == n * n);
  REQUIRE(report.reach.size() == n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_close(report.reach[i], want.reach[i], tolerance)) {
      CAPTURE(i);
      CHECK(report.reach[i] == want.reach[i]);
    }
    for (std::size_t j = 0; j < n; ++j) {
      const double got = report.distances[i * n + j];
      const double expected = want.distances[i][j];
      const bool beyond = got > largest / 9 && expected > largest / 9;  // where float32 overflows
      if (beyond || is_close(got, expected, tolerance)) continue;
      CAPTURE(i, j);
      CHECK(got == expected);
    }
  }
}

// Returns how many columns were too close to call.
std::size_t check_output(const std::vector<double>& out, const Answer& want, const Matrix& x,
                         DType dtype, bool exact) {
  const double relative = dtype == DType::kFloat64 ? 1e-9 : 2e-5;
  const double honest = size_of_honest_row(x);
  REQUIRE(out.size() == want.out.size());
  std::size_t close = 0;
  for (std::size_t c = 0; c < out.size(); ++c) {
    if (!exact && !want.column_margin.empty() && want.column_margin[c] < 1e-5) {
      ++close;
      continue;
    }
    const double value = byzccl::testing::quantise(want.out[c], dtype);
    const double tolerance = relative * std::max(want.magnitude[c], honest) + want.slack +
                             byzccl::testing::half_ulp(want.out[c], dtype);
    const bool same = std::isnan(value)
                          ? std::isnan(out[c])
                          : out[c] == value || std::fabs(out[c] - want.out[c]) <= tolerance;
    if (same) continue;
    CAPTURE(c, tolerance, out[c]);
    CHECK(out[c] == value);
  }
  return close;
}

struct Tally {
  std::map<std::string, int> redrawn;  ///< by rule
  std::map<std::string, int> cases;
  std::size_t columns = 0;
  std::size_t close_columns = 0;
};

void run_case(const Rule& rule, int n, int f, int d, DType dtype, Family family, Random& random,
              Tally& tally) {
  const std::string text = to_text(rule);
  const std::string rule_name = text.substr(0, text.find('('));
  for (int attempt = 0;; ++attempt) {
    if (attempt == 8) family = Family::kTies;  // exact, so it is never redrawn
    const Drawn drawn = byzccl::testing::draw(family, n, f, d, dtype, random);
    const int own = static_cast<int>(random() % static_cast<unsigned>(n));
    // Often a row of the same kind: near the others, or as bad as one can be.
    Matrix previous;
    if (rule.kind == RuleKind::kCenteredClipping && random() % 3 > 0) {
      previous.push_back(byzccl::testing::draw(family, n, f, d, dtype, random).x[random() % n]);
    }
    const byzccl::testing::Packed packed(previous, dtype);
    const void* const v = previous.empty() ? nullptr : packed.rows()[0];
    const Answer want = byzccl::testing::reference(
        rule, drawn.x, dtype, own, 0, previous.empty() ? std::vector<double>{} : previous[0]);
    if ((!drawn.exact || want.never_exact) && want.margin < kLeastMargin) {
      ++tally.redrawn[rule_name];
      continue;
    }
    ++tally.cases[rule_name];
    CAPTURE(text, n, d, own, to_text(dtype), name(family), want.margin);
    const byzccl::testing::Result got =
        byzccl::testing::run(rule, drawn.x, dtype, {.own = own, .previous = v});
    check_report(got, want, dtype);
    tally.columns += got.out.size();
    tally.close_columns +=
        check_output(got.out, want, drawn.x, dtype, drawn.exact && !want.mixed_columns);
    return;
  }
}

}  // namespace

TEST_CASE("Every rule agrees with the reference") {
  Random random(20240607);
  Tally tally;
  std::vector<int> counts{33, 64, 200};
  for (int n = 1; n <= 20; ++n) counts.push_back(n);
  std::size_t k = 0;
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    std::set<std::pair<int, int>> met;  // family and d
    for (const int n : counts) {
      for (const DType dtype : kTypes) {
        for (int repeat = 0; repeat < (n <= 20 ? 8 : 2); ++repeat, ++k) {
          int largest = 0;
          while (largest < 8 && is_legal(info.kind, n, largest + 1)) ++largest;
          if (!is_legal(info.kind, n, largest)) continue;
          const int f = static_cast<int>(between(0, largest, random));
          const int d = kColumns[k % kColumns.size()];
          const auto family = static_cast<Family>(k / 8 % byzccl::testing::kFamilies);
          met.insert({static_cast<int>(family), d});
          const Rule rule = draw_rule(info.kind, n, f, random);
          run_case(rule, n, static_cast<int>(rule.f.value_or((n - 1) / 2)), d, dtype, family,
                   random, tally);
        }
      }
    }
    CAPTURE(info.name);
    CHECK(met.size() > 90);
  }
  int cases = 0;
  int redrawn = 0;
  for (const auto& [rule, count] : tally.cases) {
    std::cout << rule << ": " << count << " cases, " << tally.redrawn[rule] << " redrawn\n";
    cases += count;
    redrawn += tally.redrawn[rule];
  }
  std::cout << "columns too close to call: " << tally.close_columns << " of " << tally.columns
            << '\n';
  CHECK(3 * redrawn <= cases + redrawn);
  CHECK(50 * tally.close_columns <= tally.columns);
  CHECK(tally.cases.size() == byzccl::rule_table().size());
}
