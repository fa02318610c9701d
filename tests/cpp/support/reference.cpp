// SPDX-License-Identifier: MIT
#include "support/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "support/reference_choice.hpp"
#include "support/reference_columns.hpp"
#include "support/reference_geometric_median.hpp"
#include "support/reference_geometry.hpp"

namespace byzccl::testing {
namespace {

// Krum's scores over `rows`; the others keep +inf.
std::vector<double> krum_scores(const Geometry& g, const std::vector<int>& rows, std::size_t q) {
  std::vector<double> scores(g.broken.size(), kInfinity);
  for (const int i : rows) {
    std::vector<double> row;
    for (const int j : rows) {
      if (j != i) row.push_back(g.distances[i][j]);
    }
    std::sort(row.begin(), row.end());
    scores[i] = std::accumulate(row.begin(), row.begin() + std::min(q, row.size()), 0.0);
  }
  return scores;
}

void bulyan(Answer& answer, const Geometry& g, const Matrix& x) {
  const int theta = g.n - 2 * g.f;
  std::vector<int> left = g.unbroken();
  std::vector<int> chosen;
  for (int there = g.n; static_cast<int>(chosen.size()) < theta; --there) {
    const std::size_t q = static_cast<std::size_t>(std::max(1, there - g.f - 2));
    const int winner = lowest(left, krum_scores(g, left, q), 1, answer.margin)[0];
    chosen.push_back(winner);
    std::erase(left, winner);
  }
  columns(answer, x, chosen, 0, [&](const Column& sorted, double& margin) {
    return nearest(sorted, middle(sorted), static_cast<std::size_t>(theta - 2 * g.f), margin);
  });
}

double combinations(int n, int f) {
  double count = 1;
  for (int k = 1; k <= f; ++k) count = count * (n - f + k) / k;
  return count;
}

void distance_rule(Answer& answer, const Rule& rule, const Geometry& g, const Matrix& x) {
  const std::vector<int> rows = g.unbroken();
  const std::int64_t q = rule.neighbors.value_or(g.n - g.f - 2);
  switch (rule.kind) {
    case RuleKind::kKrum:
    case RuleKind::kMultiKrum: {
      const std::int64_t m = rule.kind == RuleKind::kKrum ? 1 : rule.m.value_or(g.n - g.f - 2);
      const std::vector<double> scores = krum_scores(g, rows, static_cast<std::size_t>(q));
      return average(answer, x, lowest(rows, scores, static_cast<std::size_t>(m), answer.margin));
    }
    case RuleKind::kMda: {
      const SmallestSet set = combinations(g.n, g.f) * g.n <= 3e6 ? smallest_set_by_enumeration(g)
                                                                  : smallest_set_by_cover(g);
      answer.margin = std::min(answer.margin, set.margin);
      return average(answer, x, set.rows);
    }
    case RuleKind::kBulyan:
      return bulyan(answer, g, x);
    case RuleKind::kGeometricMedian:
      return geometric_median(answer, g, x, rule.iterations.value_or(32));
    case RuleKind::kGuardedMean: {
      const double limit = rule.threshold.value_or(9) * g.typical_reach;
      std::vector<int> rest;
      answer.flagged.clear();
      for (int i = 0; i < g.n; ++i) {
        answer.margin = std::min(answer.margin, relative_gap(g.reach[i], limit));
        (g.broken[i] || g.reach[i] > limit ? answer.flagged : rest).push_back(i);
      }
      return average(answer, x, rest);
    }
    default:
      throw std::logic_error("no reference for " + to_text(rule));
  }
}

std::vector<int> all_rows(int n) {
  std::vector<int> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace

Answer reference(const Rule& rule, const Matrix& x, DType dtype) {
  const int n = static_cast<int>(x.size());
  const int f = static_cast<int>(rule.f.value_or((n - 1) / 2));
  Answer answer;
  if (rule.kind == RuleKind::kMean) {
    average(answer, x, all_rows(n));
    return answer;
  }
  if (rule.kind == RuleKind::kMedian) {
    columns(answer, x, all_rows(n), f,
            [](const Column& sorted, double&) { return Column{middle(sorted)}; });
    return answer;
  }
  if (rule.kind == RuleKind::kTrimmedMean) {
    columns(answer, x, all_rows(n), f, [&](const Column& sorted, double&) {
      return Column(sorted.begin() + f, sorted.end() - f);
    });
    return answer;
  }
  const Geometry g = geometry(x, f, dtype);
  answer.has_distances = true;
  answer.distances = g.distances;
  answer.reach = g.reach;
  answer.typical_reach = g.typical_reach;
  answer.margin = g.margin;
  answer.failed = std::isinf(g.typical_reach);
  for (int i = 0; i < n; ++i) {
    if (g.broken[i]) answer.broken.push_back(i);
  }
  answer.flagged = answer.broken;
  if (answer.failed) {
    answer.out.assign(x[0].size(), std::numeric_limits<double>::quiet_NaN());
    answer.magnitude.assign(x[0].size(), 0);
    return answer;
  }
  if (n == 1) {
    average(answer, x, {0});
  } else {
    distance_rule(answer, rule, g, x);
  }
  return answer;
}

}  // namespace byzccl::testing
