// SPDX-License-Identifier: MIT
// Selectors on the worked cases, on broken rows and on ties.

#include <numeric>
#include <string>

#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/selector_rules.hpp"

namespace byzccl::test {
namespace {

using Indices = std::vector<int>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Points kWorked{{8, 2}, {8, 5}, {4, 6}, {2, 4}, {9, 2}, {4, 2}, {2, 1}};

Indices all_rows(int n) {
  Indices rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST_CASE("worked case 1: Krum on seven points") {
  const Decided two("krum(f=2)", distances(kWorked));
  CHECK(two.scores() == std::vector<double>{26, 36, 41, 25, 36, 29, 43});
  CHECK(two.selected() == Indices{3});
  CHECK(two.outcome().divisor == 1);
  CHECK(two.outcome().rows == 1);
  const Decided four("krum(f=2,neighbors=4)", distances(kWorked));
  CHECK(four.scores() == std::vector<double>{58, 61, 70, 62, 77, 45, 80});
  CHECK(four.selected() == Indices{5});
}

TEST_CASE("worked case 2: Krum on a line") {
  const Decided decided("krum(f=1)", distances({{9}, {4}, {11}, {5}, {12}}));
  CHECK(decided.scores() == std::vector<double>{13, 26, 5, 17, 10});
  CHECK(decided.selected() == Indices{2});
}

TEST_CASE("worked case 4: one row far out, infinite or NaN is broken") {
  for (const double bad : {1e30, kNaN, 1e18, kInf}) {
    for (const std::string& rule : rules_at(7, 1)) {
      const Decided decided(rule, distances({{0}, {0}, {0}, {bad}, {0}, {0}, {0}}));
      CAPTURE(rule, bad);
      CHECK(decided.broken() == Indices{3});
      CHECK(decided.flagged() == Indices{3});
      CHECK(decided.scores()[3] == kInf);
      CHECK(decided.outcome().failure == rules::Failure::kNone);
      for (int row : decided.selected()) CHECK(row != 3);
    }
  }
}

TEST_CASE("worked case 5: two colluders whose distance overflows are broken") {
  for (const std::string& rule : rules_at(7, 2)) {
    const Decided decided(rule, distances({{0}, {1.2e19}, {1}, {2}, {-1.2e19}, {3}, {4}}));
    CAPTURE(rule);
    CHECK(decided.broken() == Indices{1, 4});
  }
}

TEST_CASE("worked case 6: n - f equal rows break all others") {
  for (const std::string& rule : rules_at(5, 2)) {
    const Decided decided(rule, distances({{7}, {1}, {1}, {8}, {1}}));
    CAPTURE(rule);
    CHECK(decided.outcome().typical_reach == 0);
    CHECK(decided.broken() == Indices{0, 3});
    CHECK(decided.selected() == Indices{1, 2, 4});
  }
}

TEST_CASE("broken begins beyond 1e8 M, and at an infinite distance") {
  Distances D = distances({{0}, {1}, {2}, {3}});
  const auto set = [&](double far) {
    for (int j = 0; j < 3; ++j) D[j * 4 + 3] = D[3 * 4 + j] = far;
  };
  // Reaches of the first three rows: 4, 1, 4; M = 4.
  set(4e8);
  CHECK(Decided("mda(f=1)", D).broken().empty());
  set(std::nextafter(4e8, 1e9));
  CHECK(Decided("mda(f=1)", D).broken() == Indices{3});

  const double limit = static_cast<double>(std::numeric_limits<float>::max()) / 8;
  Distances far(9, limit);
  for (int i = 0; i < 3; ++i) far[i * 4] = 0;
  CHECK(Decided("mda(f=1)", far).outcome().failure == rules::Failure::kNone);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      if (i != j) far[i * 3 + j] = std::nextafter(limit, kInf);
    }
  }
  CHECK(Decided("mda(f=1)", far).outcome().failure == rules::Failure::kTooManyBroken);
  CHECK(Decided("mda(f=1)", far, DType::kFloat64).outcome().failure == rules::Failure::kNone);
}

TEST_CASE("more than f bad rows: every rule fails closed") {
  for (const std::string& rule : rules_at(7, 1)) {
    const Decided decided(rule, distances({{0}, {kNaN}, {1}, {2}, {kInf}, {3}, {4}}));
    CAPTURE(rule);
    CHECK(decided.outcome().failure == rules::Failure::kTooManyBroken);
    CHECK(decided.outcome().typical_reach == kInf);
    CHECK(decided.outcome().divisor == 0);
    CHECK(decided.broken() == all_rows(7));
    CHECK(decided.flagged() == all_rows(7));
    CHECK(decided.selected().empty());
    CHECK(decided.scores() == std::vector<double>(7, kInf));
  }
}

TEST_CASE("one row is returned as it is") {
  for (const char* rule : {"mda(f=0)", "guarded_mean(f=0)", "geometric_median", "mean"}) {
    const Decided decided(rule, {0});
    CAPTURE(rule);
    CHECK(decided.weights() == std::vector<double>{1});
    CHECK(decided.broken().empty());
    CHECK(decided.outcome().failure == rules::Failure::kNone);
  }
}

TEST_CASE("equal rows: the lower index is preferred") {
  const Distances D(64, 0);
  CHECK(Decided("krum(f=1)", D).selected() == Indices{0});
  CHECK(Decided("multi_krum(f=1,m=3)", D).selected() == Indices{0, 1, 2});
  CHECK(Decided("mda(f=2)", D).selected() == Indices{0, 1, 2, 3, 4, 5});
  CHECK(Decided("bulyan(f=1)", D).selected() == Indices{0, 1, 2, 3, 4, 5});
}

TEST_CASE("mean takes every row and reads no D") {
  const Decided decided("mean", Distances(25, kNaN));
  CHECK(decided.weights() == std::vector<double>(5, 1));
  CHECK(decided.outcome().divisor == 5);
  CHECK(decided.broken().empty());
}

TEST_CASE("guarded_mean flags what lies beyond the threshold, and nothing else") {
  const Points x{{0}, {1}, {2}, {3}, {9}};  // reaches 9 4 4 9 64, M = 9
  CHECK(Decided("guarded_mean(f=1,threshold=1)", distances(x)).selected() == Indices{0, 1, 2, 3});
  const Decided edge("guarded_mean(f=1,threshold=7.12)", distances(x));
  CHECK(edge.outcome().typical_reach == 9);
  CHECK(edge.reach()[4] == 64);
  CHECK(edge.flagged().empty() == (7.12 * 9 >= 64));
  const Decided quiet("guarded_mean(f=1)", distances(x));
  CHECK(quiet.flagged().empty());
  CHECK(quiet.weights() == std::vector<double>(5, 1));
  CHECK(quiet.outcome().divisor == 5);
}

}  // namespace
}  // namespace byzccl::test
