// SPDX-License-Identifier: MIT
// Steps before a rule: every rule behind every combination of them against the reference, which
// applies them to the data. In float64, so that D behind nnm, which comes from D, is as exact.

#include <byzccl/error.hpp>
#include <cmath>
#include <iostream>
#include <set>

#include "support/catch.hpp"
#include "support/vectors_run.hpp"

namespace {

using byzccl::DType;
using byzccl::Rule;
using byzccl::RuleKind;
using byzccl::Step;
using byzccl::StepKind;
using byzccl::testing::Family;
using byzccl::testing::Matrix;
using byzccl::testing::Random;

constexpr DType kDouble = DType::kFloat64;

// Outputs that differ by more, in parts of the largest value, differ in what was decided.
constexpr double kTolerance = 1e-7;

// Draws of each rule behind each combination.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 20;  // instrumented, a draw takes ten times as long
#else
constexpr int kRounds = 60;
#endif

// Combination `k` of 0 .. 11: with or without bucketing, no scaling, clip or arc, with or without
// nnm.
void add_steps(Rule& rule, int k, Random& random) {
  if (k % 2 == 1) {
    rule.bucketing = Step{.kind = StepKind::kBucketing, .s = 1 + static_cast<int>(random() % 3)};
    if (random() % 2 == 0) rule.bucketing->seed = static_cast<std::int64_t>(random() >> 1);
  }
  if (k / 2 % 3 == 1) rule.scaling = Step{.kind = StepKind::kClip, .tau = 0.5};
  if (k / 2 % 3 == 2) rule.scaling = Step{.kind = StepKind::kArc};
  if (k / 6 == 1) rule.nnm = Step{.kind = StepKind::kNnm};
  const std::int64_t f = static_cast<std::int64_t>(random() % 3);
  if (rule.scaling && rule.scaling->kind == StepKind::kArc && random() % 2 == 0) {
    rule.scaling->f = f;
  }
  if (rule.nnm && random() % 2 == 0) rule.nnm->f = f;
}

bool is_legal(const Rule& rule, int n) {
  if (rule.bucketing && rule.kind == RuleKind::kMonna) return false;
  try {
    byzccl::plan(rule, n, kDouble);
  } catch (const byzccl::InvalidArgument&) {
    return false;
  }
  return true;
}

double largest_of(const Matrix& x) {
  double size = 0;
  for (const auto& row : x) {
    for (const double value : row) {
      if (std::fabs(value) < 1e6) size = std::max(size, std::fabs(value));
    }
  }
  return size;
}

// How many outputs differ from the reference's. What huge rows add is as exact as they are: a
// wrong weight of one shows all the same. A huge row that has weight (f = 0) also hides the small
// distances to a mix: `slack` says by how much the output may move then.
int wrong_columns(const byzccl::testing::Result& result, const byzccl::testing::Answer& want,
                  const Matrix& x) {
  const std::vector<double>& got = result.out;
  int wrong = 0;
  for (std::size_t c = 0; c < got.size(); ++c) {
    if (!want.column_margin.empty() && want.column_margin[c] < 1e-9) continue;
    double rounding = 0;
    for (const int i : result.selected()) rounding = std::max(rounding, 1e-13 * std::fabs(x[i][c]));
    const double tolerance =
        kTolerance * std::max(want.magnitude[c], largest_of(x)) + want.slack + rounding;
    const bool same =
        std::isnan(want.out[c]) ? std::isnan(got[c]) : std::fabs(got[c] - want.out[c]) <= tolerance;
    wrong += got[c] != want.out[c] && !same;
  }
  return wrong;
}

// Whether noise of 1e-12 changes the reference's own answer: what is tied behind steps is tied but
// for rounding, and no margin tells so.
bool is_fragile(const Rule& rule, const Matrix& x, const byzccl::Caller& caller,
                const byzccl::testing::Answer& want, Random& random) {
  std::uniform_real_distribution<double> noise(-1e-12, 1e-12);
  for (int trial = 0; trial < 8; ++trial) {
    Matrix near = x;
    for (auto& row : near) {
      for (double& value : row) value *= 1 + noise(random);
    }
    const double* const v = static_cast<const double*>(caller.previous);
    const auto other = byzccl::testing::reference(rule, near, kDouble, caller.own, caller.step,
                                                  {v, v + x[0].size()});
    if (other.broken != want.broken) return true;
    for (std::size_t c = 0; c < want.out.size(); ++c) {
      const double tolerance = kTolerance * std::max(want.magnitude[c], largest_of(x));
      if (std::fabs(other.out[c] - want.out[c]) > tolerance) return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("every rule behind every combination of steps agrees with the reference") {
  Random random(4);
  int cases = 0;
  int close = 0;
  int fragile = 0;
  for (const byzccl::RuleInfo& info : byzccl::rule_table()) {
    std::set<int> met;
    for (int k = 0; k < 12; ++k) {
      for (int round = 0; round < kRounds; ++round) {
        const int n = 2 + static_cast<int>(random() % 15);
        Rule rule{.kind = info.kind};
        if (info.kind != RuleKind::kMean) rule.f = static_cast<std::int64_t>(random() % 3);
        if (info.kind == RuleKind::kCenteredClipping) {
          rule.tau = 0.25 * static_cast<double>(1 + random() % 16);
          rule.iterations = 1 + static_cast<std::int64_t>(random() % 3);
        }
        add_steps(rule, k, random);
        if (!is_legal(rule, n)) continue;
        const auto family = static_cast<Family>(round % byzccl::testing::kFamilies);
        const int d = round % 3 == 0 ? 1030 : 5;
        const Matrix x = byzccl::testing::draw(family, n, static_cast<int>(rule.f.value_or(1)), d,
                                               kDouble, random)
                             .x;
        const std::vector<double> previous(static_cast<std::size_t>(d), 0.125 * (round % 4));
        const byzccl::Caller caller{.own = static_cast<int>(random() % static_cast<unsigned>(n)),
                                    .step = static_cast<std::int64_t>(random() % 3),
                                    .previous = previous.data()};
        const auto want =
            byzccl::testing::reference(rule, x, kDouble, caller.own, caller.step, previous);
        if (want.margin < 1e-6) {
          ++close;
          continue;
        }
        ++cases;
        met.insert(k);
        const auto got = byzccl::testing::run(rule, x, kDouble, caller);
        CAPTURE(to_text(rule), n, d, name(family), want.margin);
        const int wrong = wrong_columns(got, want, x);
        const bool same =
            got.report.failed == want.failed && wrong == 0 && got.report.broken == want.broken;
        if (!same && is_fragile(rule, x, caller, want, random)) {
          ++fragile;
          continue;
        }
        CHECK(got.report.failed == want.failed);
        CHECK(got.report.broken == want.broken);
        CHECK(wrong == 0);
      }
    }
    CAPTURE(info.name);
    CHECK(met.size() >= (info.kind == RuleKind::kMonna ? 6u : 12u));
  }
  std::cout << "steps: " << cases << " cases, " << close << " too close to call, " << fragile
            << " answers that noise changes\n";
  CHECK(cases > 100 * kRounds);
  CHECK(100 * fragile <= cases);
}

TEST_CASE("a scaled row's norm is tau by definition") {
  const Matrix x{{3, 4}, {6, 8}, {0.25, 0}, {0.1, 0.7}, {5, 5}};
  const auto got = byzccl::testing::run(Rule::parse("clip(tau=2)+cge(f=1)"), x, DType::kFloat32);
  CHECK(got.report.scores[0] == 4);
  CHECK(got.report.scores[1] == 4);
  CHECK(got.report.scores[4] == 4);
  CHECK(got.selected() == std::vector<int>{0, 1, 2, 3});
  CHECK(got.report.weights[1] == 0.05);
}
