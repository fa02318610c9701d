// SPDX-License-Identifier: MIT
// Selectors against a slow reference that follows the definitions, and under renaming of the rows.

#include <algorithm>
#include <cfloat>
#include <numeric>
#include <random>
#include <string>

#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/selector_rules.hpp"

namespace byzccl::test {
namespace {

using Indices = std::vector<int>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Indices all_rows(int n) {
  Indices rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// Sorts where the library counts places, and goes over all rows where it keeps lists.
struct Reference {
  int n, f;
  const Distances& D;
  std::vector<double> reach;
  double M = 0;
  std::vector<bool> out;  ///< broken
  double at(int i, int j) const { return D[static_cast<std::size_t>(i) * n + j]; }

  Reference(const Distances& distances, int count, int bad) : n(count), f(bad), D(distances) {
    for (int i = 0; i < n; ++i) {
      std::vector<double> line;
      for (int j = 0; j < n; ++j) {
        if (j != i) line.push_back(at(i, j) > static_cast<double>(FLT_MAX) / 8 ? kInf : at(i, j));
      }
      std::sort(line.begin(), line.end());
      reach.push_back(n - f - 1 == 0 ? 0 : line[n - f - 2]);
    }
    std::vector<double> sorted = reach;
    std::sort(sorted.begin(), sorted.end());
    M = sorted[n - f - 1];
    for (double r : reach) out.push_back(r == kInf || r > 1e8 * M);
  }

  double score(int i, const std::vector<bool>& gone, int q) const {
    std::vector<double> line;
    for (int j = 0; j < n; ++j) {
      if (j != i && !gone[j]) line.push_back(at(i, j));
    }
    std::sort(line.begin(), line.end());
    line.resize(std::min<std::size_t>(line.size(), q));
    return std::accumulate(line.begin(), line.end(), 0.0);
  }

  Indices lowest_scores(const std::vector<bool>& gone, int q, int m) const {
    Indices rows;
    for (int i = 0; i < n; ++i) {
      if (!gone[i]) rows.push_back(i);
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [&](int a, int b) { return score(a, gone, q) < score(b, gone, q); });
    rows.resize(m);
    return rows;
  }

  Indices bulyan() const {
    std::vector<bool> gone = out;
    Indices winners;
    for (int k = 0; k < n - 2 * f; ++k) {
      winners.push_back(lowest_scores(gone, std::max(1, n - k - f - 2), 1)[0]);
      gone[winners.back()] = true;
    }
    return winners;
  }
};

Indices sorted(Indices rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST_CASE("selectors agree with the reference, ties and broken rows included") {
  std::mt19937_64 random(1);
  for (int n : {3, 4, 5, 7, 8, 11, 12, 15, 16}) {
    for (int f = 0; 2 * f + 1 <= n; ++f) {
      for (int round = 0; round < 12; ++round) {
        Points x(n, std::vector<double>(2));
        const int values = round % 3 == 0 ? 4 : 1000;  // few values: many ties
        for (auto& row : x) {
          for (double& value : row) value = static_cast<double>(random() % values);
        }
        for (int bad = 0; bad < f && round % 2 == 0; ++bad) {
          x[random() % n][0] = bad % 2 == 0 ? 1e12 * (1 + bad) : kNaN;
        }
        const Distances D = distances(x);
        const Reference reference(D, n, f);
        Indices broken;
        for (int i = 0; i < n; ++i) {
          if (reference.out[i]) broken.push_back(i);
        }
        for (const std::string& rule : rules_at(n, f)) {
          const Decided decided(rule, D);
          CAPTURE(rule, n, round);
          REQUIRE(decided.outcome().failure == rules::Failure::kNone);
          REQUIRE(decided.reach() == reference.reach);
          REQUIRE(decided.outcome().typical_reach == reference.M);
          REQUIRE(decided.broken() == broken);
          const Plan& plan = decided.plan();
          if (plan.kind == RuleKind::kKrum || plan.kind == RuleKind::kMultiKrum) {
            REQUIRE(decided.selected() ==
                    sorted(reference.lowest_scores(reference.out, plan.q, plan.m)));
            REQUIRE(decided.outcome().divisor == plan.m);
          } else if (plan.kind == RuleKind::kBulyan) {
            REQUIRE(decided.selected() == reference.bulyan());
            REQUIRE(decided.outcome().divisor == 0);
            REQUIRE(decided.outcome().rows == n - 2 * f);
          } else if (plan.kind == RuleKind::kGuardedMean) {
            Indices kept;
            for (int i = 0; i < n; ++i) {
              if (!reference.out[i] && reference.reach[i] <= 9 * reference.M) kept.push_back(i);
            }
            REQUIRE(decided.selected() == kept);
            REQUIRE(static_cast<int>(kept.size()) >= n - f);
          }
        }
      }
    }
  }
}

TEST_CASE("geometric_median follows the points themselves") {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  for (int n : {3, 6, 9, 20}) {
    for (int iterations : {1, 2, 7, 32}) {
      Points x(n, std::vector<double>(5));
      for (auto& row : x) {
        for (double& value : row) value = normal(random);
      }
      const Distances D = distances(x);
      const int f = (n - 1) / 2;
      // Weiszfeld on coordinates, from the mean of the n - f rows of smallest reach.
      const Reference reference(D, n, f);
      Indices order = all_rows(n);
      std::stable_sort(order.begin(), order.end(),
                       [&](int a, int b) { return reference.reach[a] < reference.reach[b]; });
      std::vector<double> a(n, 0);
      for (int i = 0; i < n - f; ++i) a[order[i]] = 1.0 / (n - f);
      const auto distance = [&](int i) {
        double sum = 0;
        for (std::size_t c = 0; c < 5; ++c) {
          double mix = 0;
          for (int j = 0; j < n; ++j) mix += a[j] * x[j][c];
          sum += (x[i][c] - mix) * (x[i][c] - mix);
        }
        return sum;
      };
      for (int k = 0; k < iterations; ++k) {
        std::vector<double> r;
        for (int i = 0; i < n; ++i) r.push_back(std::sqrt(distance(i)));
        std::vector<double> ascending = r;
        std::sort(ascending.begin(), ascending.end());
        const double rho = ascending[(n - 1) / 2];
        for (int i = 0; i < n; ++i) a[i] = 1 / std::max(r[i], 1e-6 * rho);
        const double sum = std::accumulate(a.begin(), a.end(), 0.0);
        for (double& weight : a) weight /= sum;
      }
      const Decided decided("geometric_median(iterations=" + std::to_string(iterations) + ")", D);
      CAPTURE(n, iterations);
      for (int i = 0; i < n; ++i) {
        CHECK(std::abs(decided.weights()[i] - a[i]) < 1e-9);
        CHECK(std::abs(decided.scores()[i] - distance(i)) < 1e-8);
      }
      CHECK(decided.outcome().divisor == 0);
    }
  }
}

TEST_CASE("renaming the rows renames the decision, where there are no ties") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int n : {7, 11, 15}) {
    Points x(n, std::vector<double>(6));
    for (auto& row : x) {
      for (double& value : row) value = normal(random);
    }
    Indices order = all_rows(n);
    std::shuffle(order.begin(), order.end(), random);
    Points renamed;
    for (int i : order) renamed.push_back(x[i]);
    const int f = (n - 3) / 4;
    for (const std::string& rule : rules_at(n, f)) {
      const Decided before(rule, distances(x));
      // With one neighbour a score, mutual nearest neighbours tie: there krum(neighbors=1) and the
      // last rounds of bulyan do depend on the names.
      if (before.plan().q == 1) continue;
      const bool bulyan = before.plan().kind == RuleKind::kBulyan;
      const Decided after(rule, distances(renamed));
      CAPTURE(rule, n);
      for (int k = 0; k < before.plan().rows && !(bulyan && n - k - f - 2 < 2); ++k) {
        for (int i = 0; i < n; ++i) {
          CHECK(std::abs(after.weights()[k * n + i] - before.weights()[k * n + order[i]]) < 1e-12);
        }
      }
    }
  }
}

}  // namespace
}  // namespace byzccl::test
