// SPDX-License-Identifier: MIT
// The two rules that promise the best of all sets, against a walk over all sets, to where
// C(n, f) (n - f)^3 is 1e8; beyond, smea against planted sets that are provably the best.

#include <algorithm>
#include <byzccl/error.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/vectors_run.hpp"

namespace {

using byzccl::DType;
using byzccl::Rule;
using byzccl::testing::Matrix;
using byzccl::testing::Random;

struct Best {
  double value = std::numeric_limits<double>::infinity();
  std::vector<int> rows;

  void offer(double candidate, const std::vector<int>& set) {
    if (candidate < value) {
      value = candidate;
      rows = set;
    }
  }
};

// The larger eigenvalue of the covariance of a set of points of the plane, in closed form.
double top_variance(const Matrix& x, const std::vector<int>& set) {
  const double m = static_cast<double>(set.size());
  double u = 0, v = 0;
  for (const int i : set) u += x[i][0] / m, v += x[i][1] / m;
  double uu = 0, uv = 0, vv = 0;
  for (const int i : set) {
    uu += (x[i][0] - u) * (x[i][0] - u) / m;
    uv += (x[i][0] - u) * (x[i][1] - v) / m;
    vv += (x[i][1] - v) * (x[i][1] - v) / m;
  }
  return (uu + vv) / 2 + std::hypot((uu - vv) / 2, uv);
}

double diameter(const Matrix& x, const std::vector<int>& set) {
  double largest = 0;
  for (const int i : set) {
    for (const int j : set) {
      largest = std::max(largest, std::hypot(x[i][0] - x[j][0], x[i][1] - x[j][1]));
    }
  }
  return largest;
}

// Moves to the next set of the same size out of 0 .. n-1, in lexicographic order.
bool advance(std::vector<int>& set, int n) {
  const int m = static_cast<int>(set.size());
  int k = m - 1;
  while (k >= 0 && set[k] == n - m + k) --k;
  if (k < 0) return false;
  ++set[k];
  for (++k; k < m; ++k) set[k] = set[k - 1] + 1;
  return true;
}

std::vector<int> chosen(const std::string& rule, const Matrix& x) {
  return byzccl::testing::run(Rule::parse(rule), x, DType::kFloat64).selected();
}

std::string with_f(const char* rule, int f) { return byzccl::concat(rule, "(f=", f, ")"); }

}  // namespace

TEST_CASE("smea and mda choose the best of all sets") {
  struct Size {
    int n, f;
  };
  Random random(1);
  std::normal_distribution<double> normal;
  for (const Size size : {Size{12, 5}, Size{16, 7}, Size{18, 8}, Size{19, 7}, Size{24, 4},
                          Size{40, 2}, Size{100, 1}}) {
    REQUIRE(byzccl::testing::combinations(size.n, size.f) * std::pow(size.n - size.f, 3) <= 1e8);
    Matrix x;
    for (int i = 0; i < size.n; ++i) x.push_back({normal(random), normal(random)});
    std::vector<int> set;
    for (int i = 0; i < size.n - size.f; ++i) set.push_back(i);
    Best least_variance;
    Best least_diameter;
    do {
      least_variance.offer(top_variance(x, set), set);
      least_diameter.offer(diameter(x, set), set);
    } while (advance(set, size.n));
    CAPTURE(size.n, size.f);
    CHECK(chosen(with_f("smea", size.f), x) == least_variance.rows);
    CHECK(chosen(with_f("mda", size.f), x) == least_diameter.rows);
  }
}

// The good rows lie within 0.1 of a point, the bad ones at 9.1 from it. Of m rows with k bad ones,
// 1 <= k <= f, the variances add up to at least k (m - k) 9^2 / m^2, so in 5 columns one direction
// has more than 0.1; the good rows have at most 0.01 in any.
TEST_CASE("smea finds the planted set where there are too many to walk") {
  Random random(2);
  std::normal_distribution<double> normal;
  for (const auto& [n, f] : {std::pair{32, 3}, std::pair{26, 5}, std::pair{48, 2}, std::pair{64, 2},
                             std::pair{130, 1}}) {
    REQUIRE(byzccl::testing::combinations(n, f) * std::pow(n - f, 3) > 1e8);
    Matrix x;
    std::vector<int> good;
    for (int i = 0; i < n; ++i) {
      const bool bad = i % (n / f) == 1 && i / (n / f) < f;
      std::vector<double> direction;
      double length = 0;
      for (int c = 0; c < 5; ++c) {
        direction.push_back(normal(random));
        length += direction.back() * direction.back();
      }
      for (double& value : direction) value *= (bad ? 9.1 : 0.1) / std::sqrt(length);
      x.push_back(direction);
      if (!bad) good.push_back(i);
    }
    CAPTURE(n, f);
    CHECK(chosen(with_f("smea", f), x) == good);
  }
}
