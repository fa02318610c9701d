// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "support/reference_selection.hpp"

namespace byzccl::testing {
namespace {

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

double pull_at(double square, double tau) {
  const double r = std::sqrt(square);
  return r > tau ? tau / r : 1;
}

/// By how much the pull may be another one if the squared distance is known but for `off`.
double pull_range(double square, double off, double tau, double pull) {
  return std::max(pull_at(std::max(square - off, 0.0), tau) - pull,
                  pull - pull_at(square + off, tau));
}

}  // namespace

void centered_clipping(Answer& answer, const Geometry& g, const Matrix& x, const Rule& rule,
                       std::vector<double> v) {
  const std::size_t d = x[0].size();
  const double n = static_cast<double>(g.n);
  const double tau = *rule.tau;
  if (v.empty() || !std::all_of(v.begin(), v.end(), [](double c) { return std::isfinite(c); })) {
    v.assign(d, 0);
  }
  const std::vector<int> rows = g.unbroken();
  answer.magnitude.assign(d, 0);
  for (std::size_t c = 0; c < d; ++c) {
    answer.magnitude[c] = std::fabs(v[c]);
    for (const int i : rows)
      answer.magnitude[c] = std::max(answer.magnitude[c], std::fabs(x[i][c]));
  }
  std::vector<double> from_v;  // squared distances to the first v
  for (const auto& row : x) from_v.push_back(squared_distance(row, v));
  std::vector<double> a(x.size(), 0);
  double own = 1;
  for (std::int64_t step = 0; step < rule.iterations.value_or(1); ++step) {
    // What the library takes the distances from, whose rounding moves the output.
    std::vector<double> t(x.size(), 0);
    double S = 0;
    for (const int i : rows) {
      if (from_v[i] <= g.largest) t[i] = own * from_v[i];
      for (const int j : rows) t[i] += a[j] * g.distances[i][j];
      S += 2 * a[i] * t[i];
    }
    std::vector<double> pull(x.size(), 0);
    double pulled = 0;
    for (const int i : rows) {
      const double square = squared_distance(x[i], v);
      if (own > 0) {
        answer.margin = std::min(answer.margin, relative_gap(from_v[i], g.largest));
        if (from_v[i] > g.largest) continue;
      }
      const double r = std::sqrt(square);
      pull[i] = pull_at(square, tau);
      pulled += pull[i];
      answer.slack += r * pull_range(square, g.rounding * (t[i] + S), tau, pull[i]) / n;
    }
    std::vector<double> moved = v;
    for (const int i : rows) {
      for (std::size_t c = 0; c < d; ++c) moved[c] += pull[i] * (x[i][c] - v[c]) / n;
    }
    v = moved;
    own *= 1 - pulled / n;
    for (const int i : rows) a[i] = a[i] * (1 - pulled / n) + pull[i] / n;
  }
  answer.selected.emplace();
  for (const int i : rows) {
    if (a[i] != 0) answer.selected->push_back(i);
  }
  answer.out = v;
}

}  // namespace byzccl::testing
