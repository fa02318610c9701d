// SPDX-License-Identifier: MIT
// mda against enumeration where that is possible, and against planted answers where it is not.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include "csrc/steps.hpp"
#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/mda_inputs.hpp"
#include "support/ranks.hpp"

namespace byzccl::test {
namespace {

double diameter(const Distances& D, int n, const std::vector<int>& set) {
  double largest = 0;
  for (int i : set) {
    for (int j : set) largest = std::max(largest, D[static_cast<std::size_t>(i) * n + j]);
  }
  return largest;
}

/// The next combination of set.size() out of n in lexicographic order; false after the last.
bool next_combination(std::vector<int>& set, int n) {
  const int m = static_cast<int>(set.size());
  int at = m - 1;
  while (at >= 0 && set[at] == n - m + at) --at;
  if (at < 0) return false;
  ++set[at];
  for (int k = at + 1; k < m; ++k) set[k] = set[k - 1] + 1;
  return true;
}

std::vector<int> by_enumeration(const Distances& D, int n, int f) {
  std::vector<int> set;
  for (int i = 0; i < n - f; ++i) set.push_back(i);
  std::vector<int> best = set;
  double least = diameter(D, n, set);
  while (next_combination(set, n)) {
    const double here = diameter(D, n, set);
    if (here < least) {
      least = here;
      best = set;
    }
  }
  return best;
}

TEST_CASE("mda agrees with enumeration") {
  Random random(1);
  int checked = 0;
  for (int n = 1; n <= 13; ++n) {
    for (int f = 0; 2 * f + 1 <= n; ++f) {
      for (int round = 0; round < 12; ++round) {
        // Entries from few values: many sets of equal diameter.
        const int values = round % 4 == 0 ? 1000 : 1 + round;
        const Distances D = matrix(n, [&] { return static_cast<double>(random() % values); });
        const Decided decided(mda(f), D);
        CAPTURE(n, f, round);
        if (!decided.broken().empty()) continue;  // M = 0; the next test has broken rows
        REQUIRE(decided.outcome().failure == rules::Failure::kNone);
        REQUIRE(decided.selected() == by_enumeration(D, n, f));
        REQUIRE(decided.outcome().divisor == n - f);
        ++checked;
      }
    }
  }
  REQUIRE(checked > 500);
}

TEST_CASE("mda takes broken rows for the first of the f that go") {
  Random random(2);
  for (int f = 1; f <= 4; ++f) {
    for (int gone = 1; gone <= f; ++gone) {
      Points x = random_points(11, 2, random);
      Points unbroken;
      std::vector<int> index;
      for (int i = 0; i < 11; ++i) {
        if (i < gone) {
          x[i][0] = 1e17 * (i + 1);
        } else {
          unbroken.push_back(x[i]);
          index.push_back(i);
        }
      }
      const Decided decided(mda(f), distances(x));
      CAPTURE(f, gone);
      REQUIRE(static_cast<int>(decided.broken().size()) == gone);
      std::vector<int> expected = by_enumeration(distances(unbroken), 11 - gone, f - gone);
      for (int& i : expected) i = index[i];
      REQUIRE(decided.selected() == expected);
    }
  }
}

TEST_CASE("mda prefers the lexicographically smallest of equal sets") {
  // The far pairs form a cycle of 5, which 2 rows cannot cover: every set of 3 has diameter 4.
  Distances D(25, 1);
  for (int i = 0; i < 5; ++i) {
    D[i * 5 + i] = 0;
    D[i * 5 + (i + 2) % 5] = D[(i + 2) % 5 * 5 + i] = 4;
  }
  REQUIRE(Decided("mda(f=2)", D).selected() == std::vector<int>{0, 1, 2});
  REQUIRE(Decided("mda(f=2)", Distances(25, 0)).selected() == std::vector<int>{0, 1, 2});
}

TEST_CASE("mda ends over sums that no distances have") {
  // Negative and NaN sums, as a lying rank's shard may hold: infinitely far, never nearest.
  const auto selected = [](const std::vector<double>& sums) {
    Distances D(25);
    make_cpu_steps()->spread(sums.data(), 1, 5, 5, D.data());
    std::vector<int> rows;
    run(1, [&](int) { rows = Decided("mda(f=2)", D).selected(); }, std::chrono::seconds(20));
    return rows;
  };
  CHECK(selected({-0.5, 0, 1, 1, 0, 1, 1, 1, 1, 1}) == std::vector<int>{0, 2, 3});
  CHECK(selected({-0.5, std::nan(""), 1, 1, 0, 1, 1, 1, 1, 1}) == std::vector<int>{0, 3, 4});
}

TEST_CASE("mda finds a planted set") {
  Random random(3);
  for (int n : {64, 128, 256}) {
    for (int f : {1, 7, 20, 31}) {
      std::vector<int> order(n);
      for (int i = 0; i < n; ++i) order[i] = i;
      std::shuffle(order.begin(), order.end(), random);
      std::vector<bool> bad(n, false);
      for (int i = 0; i < f; ++i) bad[order[i]] = true;
      std::uniform_real_distribution<double> inside(0.5, 1);
      std::uniform_real_distribution<double> anywhere(0.5, 2);
      Distances D = matrix(n, [&] { return anywhere(random); });
      std::vector<int> good;
      for (int i = 0; i < n; ++i) {
        if (bad[i]) continue;
        for (int j : good) {
          D[static_cast<std::size_t>(i) * n + j] = D[static_cast<std::size_t>(j) * n + i] =
              inside(random);
        }
        good.push_back(i);
      }
      const Decided decided(mda(f), D);
      CAPTURE(n, f);
      REQUIRE(decided.outcome().failure == rules::Failure::kNone);
      REQUIRE(decided.selected() == good);
    }
  }
}

}  // namespace
}  // namespace byzccl::test
