// SPDX-License-Identifier: MIT
// What every rule promises whatever the numbers: bounds, what one bad rank can do, when a rule
// fails closed, permutation; and the worked cases of the rules' definition.

#include <algorithm>
#include <byzccl/error.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "support/catch.hpp"
#include "support/reference_columns.hpp"
#include "support/reference_geometry.hpp"
#include "support/vectors_run.hpp"

namespace {

using byzccl::DType;
using byzccl::Rule;
using byzccl::RuleKind;
using byzccl::testing::draw;
using byzccl::testing::Family;
using byzccl::testing::Matrix;
using byzccl::testing::Random;
using byzccl::testing::run;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr DType kFloat = DType::kFloat32;

Rule with_f(RuleKind kind, int f) {
  Rule rule{.kind = kind};
  if (kind != RuleKind::kMean) rule.f = f;
  if (kind == RuleKind::kCenteredClipping) rule.tau = 2;
  return rule;
}

// The fewest vectors that the rule takes.
int fewest(RuleKind kind, int f) {
  if (kind == RuleKind::kMean) return 1;
  if (kind == RuleKind::kBulyan || kind == RuleKind::kMultiBulyan) return 4 * f + 3;
  return kind == RuleKind::kKrum || kind == RuleKind::kMultiKrum ? 2 * f + 3 : 2 * f + 1;
}

bool uses_distances(RuleKind kind) {
  return kind != RuleKind::kMean && kind != RuleKind::kMedian && kind != RuleKind::kTrimmedMean &&
         kind != RuleKind::kMeamed && kind != RuleKind::kPhocas;
}

// The first vector that is no bad one.
int good_row(const Matrix& x) {
  int i = 0;
  while (!std::all_of(x[i].begin(), x[i].end(), [](double v) { return std::fabs(v) < 10; })) ++i;
  return i;
}

Matrix column(const std::vector<double>& values) {
  Matrix x;
  for (const double value : values) x.push_back({value});
  return x;
}

double value_of(const std::string& rule, const std::vector<double>& values) {
  return run(Rule::parse(rule), column(values), kFloat).out[0];
}

}  // namespace

TEST_CASE("Bounds on n are those of the definitions, and a refusal gives the numbers") {
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    if (info.kind == RuleKind::kMean) continue;
    for (int n = 1; n <= 20; ++n) {
      for (int f = 0; f <= 10; ++f) {
        CAPTURE(info.name, n, f);
        std::string message;
        try {
          plan(with_f(info.kind, f), n, kFloat);
        } catch (const byzccl::InvalidArgument& error) {
          message = error.what();
        }
        CHECK(message.empty() == (n >= fewest(info.kind, f)));
        const std::string numbers = byzccl::concat("got n = ", n, ", f = ", f);
        CHECK((message.empty() || message.find(numbers) != std::string::npos));
      }
    }
  }
}

TEST_CASE("guarded_mean is the mean, bit for bit, where nothing is flagged") {
  Random random(5);
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    for (const int n : {1, 2, 3, 8, 13, 64}) {
      const Matrix x = draw(Family::kGaussian, n, 0, 1025, dtype, random).x;
      const auto guarded = run(with_f(RuleKind::kGuardedMean, (n - 1) / 2), x, dtype);
      CAPTURE(n, to_text(dtype));
      REQUIRE(guarded.report.flagged.empty());
      CHECK(guarded.bytes == run(Rule{}, x, dtype).bytes);
    }
  }
}

TEST_CASE("One rank that sends NaN, infinity or huge values never makes the output so") {
  Random random(6);
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    if (info.kind == RuleKind::kMean) continue;
    for (const Family family : {Family::kNan, Family::kInfinite, Family::kHuge}) {
      for (int f = 1; f <= 3; ++f) {
        for (int n = fewest(info.kind, f); n <= fewest(info.kind, f) + 2; ++n) {
          const Matrix x = draw(family, n, f, 33, kFloat, random).x;
          const auto got = run(with_f(info.kind, f), x, kFloat, {.own = good_row(x)});
          CAPTURE(info.name, name(family), n, f);
          CHECK(!got.report.failed);
          CHECK(std::all_of(got.out.begin(), got.out.end(),
                            [](double v) { return std::fabs(v) < 10; }));
        }
      }
    }
  }
}

TEST_CASE("More than f bad rows: a rule over distances fails closed and says so") {
  Random random(7);
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    if (info.kind == RuleKind::kMean) continue;
    for (int f = 0; f <= 3; ++f) {
      const int n = fewest(info.kind, f) + 1;  // one row has no distances that could fail
      Matrix x = draw(Family::kGaussian, n, f, 7, kFloat, random).x;
      for (int bad = 0; bad <= f; ++bad) x[n - 1 - bad].assign(7, kNan);
      const auto got = run(with_f(info.kind, f), x, kFloat);
      CAPTURE(info.name, n, f);
      CHECK(std::all_of(got.out.begin(), got.out.end(), [](double v) { return std::isnan(v); }));
      if (uses_distances(info.kind)) {
        CHECK(got.report.failed);
        CHECK(!got.report.failure.empty());
        CHECK(static_cast<int>(got.report.broken.size()) == n);
      } else {
        CHECK(got.report.nan_columns == 7);
      }
    }
  }
}

TEST_CASE("A permutation of the ranks permutes the choice and keeps the output") {
  Random random(8);
  // f = 3: below, bulyan's last rounds count one neighbour, and two rows that are nearest to each
  // other then tie whatever their numbers.
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    const int n = fewest(info.kind, 3) + 3;
    const Rule rule = with_f(info.kind, 3);
    Matrix x = draw(Family::kGraded, n, 3, 31, DType::kFloat64, random).x;
    while (byzccl::testing::reference(rule, x, DType::kFloat64).margin < 1e-6) {
      x = draw(Family::kGraded, n, 3, 31, DType::kFloat64, random).x;
    }
    std::vector<int> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    Matrix moved;
    for (const int i : order) moved.push_back(x[i]);
    const auto before = run(rule, x, DType::kFloat64);
    const auto own = std::find(order.begin(), order.end(), 0) - order.begin();
    const auto after = run(rule, moved, DType::kFloat64, {.own = static_cast<int>(own)});
    std::vector<int> selected;
    for (const int i : after.selected()) selected.push_back(order[i]);
    std::sort(selected.begin(), selected.end());
    CAPTURE(info.name, n);
    CHECK(selected == before.selected());
    for (std::size_t c = 0; c < x[0].size(); ++c) {
      CHECK(std::fabs(before.out[c] - after.out[c]) < 1e-9);
    }
  }
}

TEST_CASE("The two references of mda agree") {
  Random random(9);
  for (int round = 0; round < 300; ++round) {
    const int n = 1 + static_cast<int>(random() % 12);
    const int f = static_cast<int>(random() % static_cast<unsigned>((n - 1) / 2 + 1));
    const auto family = static_cast<Family>(random() % byzccl::testing::kFamilies);
    const auto g =
        byzccl::testing::geometry(draw(family, n, f, 1 + round % 3, kFloat, random).x, f, kFloat);
    if (std::isinf(g.typical_reach)) continue;
    const auto walked = smallest_set_by_enumeration(g);
    const auto covered = smallest_set_by_cover(g);
    CAPTURE(n, f, name(family));
    CHECK(walked.rows == covered.rows);
    CHECK(walked.diameter == covered.diameter);
  }
}

TEST_CASE("Worked cases: Krum") {
  const Matrix x{{8, 2}, {8, 5}, {4, 6}, {2, 4}, {9, 2}, {4, 2}, {2, 1}};
  const auto paper = run(Rule::parse("krum(f=2)"), x, kFloat);
  CHECK(paper.report.scores == std::vector<double>{26, 36, 41, 25, 36, 29, 43});
  CHECK(paper.out == x[3]);
  const auto four = run(Rule::parse("krum(f=2,neighbors=4)"), x, kFloat);
  CHECK(four.report.scores == std::vector<double>{58, 61, 70, 62, 77, 45, 80});
  CHECK(four.out == x[5]);
  const auto line = run(Rule::parse("krum(f=1)"), column({9, 4, 11, 5, 12}), kFloat);
  CHECK(line.report.scores == std::vector<double>{13, 26, 5, 17, 10});
  CHECK(line.selected() == std::vector<int>{2});
}

TEST_CASE("Worked cases: columns") {
  CHECK(value_of("median", {1, 2, 3, 10}) == 2.5);
  CHECK(value_of("trimmed_mean(f=1)", {1, 2, 3, 10}) == 2.5);
  CHECK(value_of("meamed(f=1)", {1, 2, 3, 10}) == 2);
  CHECK(value_of("median", {1, 2, 3, kNan}) == 2.5);
  CHECK(value_of("trimmed_mean(f=1)", {1, 2, 3, kNan}) == 2.5);
  double margin = 1;
  CHECK(byzccl::testing::nearest({0, 0, 5, 5, 5}, 5, 4, margin) == std::vector<double>{0, 5, 5, 5});
}

TEST_CASE("Worked cases: far rows") {
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    if (info.kind == RuleKind::kMean) continue;
    CAPTURE(info.name);
    for (const double bad : {1e30, kNan, 1e18}) {
      CHECK(value_of(to_text(with_f(info.kind, 1)), {0, 0, 0, 0, 0, 0, bad}) == 0);
    }
    if (fewest(info.kind, 2) > 7) continue;
    const Matrix x = column({0, 1, 2, 3, 4, 1.2e19, -1.2e19});
    const auto got = run(with_f(info.kind, 2), x, kFloat);
    CHECK((got.out[0] >= 0 && got.out[0] <= 4));
    if (uses_distances(info.kind)) CHECK(got.report.broken == std::vector<int>{5, 6});
  }
  const auto equal = run(Rule::parse("guarded_mean(f=2)"), column({3, 7, 3, 3, 4}), kFloat);
  CHECK(equal.report.typical_reach == 0);
  CHECK(equal.report.broken == std::vector<int>{1, 4});
  CHECK(equal.out[0] == 3);
}
