// SPDX-License-Identifier: MIT
#include "support/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "support/reference_columns.hpp"
#include "support/reference_geometry.hpp"

namespace byzccl::testing {
namespace {

// The `count` rows of lowest value, ties to the lower index, ascending.
std::vector<int> lowest(const std::vector<int>& rows, const std::vector<double>& value,
                        std::size_t count, double& margin) {
  std::vector<int> order = rows;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return value[a] < value[b]; });
  if (count < order.size()) {
    margin = std::min(margin, relative_gap(value[order[count - 1]], value[order[count]]));
  }
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

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

void weigh(Answer& answer, const Matrix& x, const std::vector<int>& rows,
           const std::vector<double>& weights) {
  answer.selected = rows;
  for (std::size_t c = 0; c < x[0].size(); ++c) {
    double sum = 0;
    double magnitude = 0;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double value = x[rows[k]][c];
      sum += weights[k] * value;
      if (std::isfinite(value)) magnitude = std::max(magnitude, std::fabs(value));
    }
    answer.out.push_back(sum);
    answer.magnitude.push_back(magnitude);
  }
}

void average(Answer& answer, const Matrix& x, const std::vector<int>& rows) {
  if (rows.size() == 1) return weigh(answer, x, rows, {1});
  weigh(answer, x, rows, std::vector<double>(rows.size(), 1));
  for (double& value : answer.out) value /= static_cast<double>(rows.size());
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

// Weiszfeld with every distance taken from the data, not from D. Rows are taken relative to one of
// those it starts from, so that a mix of equal rows lies exactly on them.
void geometric_median(Answer& answer, const Geometry& g, const Matrix& x, std::int64_t iterations) {
  const std::vector<int> rows = g.unbroken();
  const std::size_t start = static_cast<std::size_t>(g.n - g.f);
  std::vector<double> a(rows.size(), 0);
  const std::vector<int> nearest_rows = lowest(rows, g.reach, start, answer.margin);
  const std::vector<double>& origin = x[nearest_rows[0]];
  for (const int i : nearest_rows) {
    a[std::find(rows.begin(), rows.end(), i) - rows.begin()] = 1 / static_cast<double>(start);
  }
  for (std::int64_t step = 0; step < iterations; ++step) {
    std::vector<double> centre(x[0].size(), 0);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      for (std::size_t c = 0; c < centre.size(); ++c) {
        centre[c] += a[k] * (x[rows[k]][c] - origin[c]);
      }
    }
    std::vector<double> r;
    for (const int i : rows) {
      double sum = 0;
      for (std::size_t c = 0; c < centre.size(); ++c) {
        const double offset = x[i][c] - origin[c] - centre[c];
        sum += offset * offset;
      }
      r.push_back(std::sqrt(sum));
    }
    std::vector<double> sorted = r;
    std::sort(sorted.begin(), sorted.end());
    const double rho = sorted[(sorted.size() - 1) / 2];
    if (rho == 0) break;
    for (std::size_t k = 0; k < rows.size(); ++k) a[k] = 1 / std::max(r[k], 1e-6 * rho);
    const double total = std::accumulate(a.begin(), a.end(), 0.0);
    for (double& weight : a) weight /= total;
  }
  std::vector<int> weighted;
  std::vector<double> weights;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    if (a[k] == 0) continue;
    weighted.push_back(rows[k]);
    weights.push_back(a[k]);
  }
  weigh(answer, x, weighted, weights);
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
