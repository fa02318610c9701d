// SPDX-License-Identifier: MIT
#include "support/reference.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "support/reference_choice.hpp"
#include "support/reference_columns.hpp"
#include "support/reference_geometric_median.hpp"
#include "support/reference_selection.hpp"
#include "support/reference_steps.hpp"

namespace byzccl::testing {

double combinations(int n, int f) {
  double count = 1;
  for (int k = 1; k <= f; ++k) count = count * (n - f + k) / k;
  return count;
}

namespace {

// What the caller says of itself.
struct Asked {
  int own = 0;
  const std::vector<double>& previous;
};

void monna(Answer& answer, const Geometry& g, const Matrix& x, int own) {
  if (std::isinf(g.reach[own])) {
    answer.out.assign(x[0].size(), std::numeric_limits<double>::quiet_NaN());
    answer.magnitude.assign(x[0].size(), 0);
    answer.selected = std::vector<int>{};
    answer.nan_columns = static_cast<std::int64_t>(x[0].size());
    return;
  }
  std::vector<int> others = g.unbroken();
  std::erase(others, own);
  std::vector<int> rows =
      lowest(others, g.distances[own], static_cast<std::size_t>(g.n - g.f - 1), answer.margin);
  rows.push_back(own);
  std::sort(rows.begin(), rows.end());
  average(answer, x, rows);
}

// The one farthest from the mean leaves, by the row sums of D.
void faba(Answer& answer, const Geometry& g, const Matrix& x) {
  std::vector<int> left = g.unbroken();
  while (static_cast<int>(left.size()) > g.n - g.f) {
    int farthest = -1;
    double most = -1;
    std::vector<double> sums;
    for (const int i : left) {
      double sum = 0;
      for (const int j : left) sum += g.distances[i][j];
      sums.push_back(sum);
      if (sum >= most) {
        most = sum;
        farthest = i;
      }
    }
    for (const double sum : sums) answer.margin = std::min(answer.margin, relative_gap(sum, most));
    std::erase(left, farthest);
  }
  average(answer, x, left);
}

void distance_rule(Answer& answer, const Rule& rule, const Geometry& g, const Matrix& x,
                   const std::vector<double>& norms, const Asked& asked) {
  const std::vector<int> rows = g.unbroken();
  const std::size_t kept = static_cast<std::size_t>(g.n - g.f);
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
    case RuleKind::kMultiBulyan:
      return multi_bulyan(answer, g, x);
    case RuleKind::kCge:
      return average(answer, x, lowest(rows, norms, kept, answer.margin));
    case RuleKind::kMonna:
      return monna(answer, g, x, asked.own);
    case RuleKind::kSmea:
      return smea(answer, g, x);
    case RuleKind::kCaf:
      return caf(answer, g, x);
    case RuleKind::kFaba:
      return faba(answer, g, x);
    case RuleKind::kGeometricMedian:
      return geometric_median(answer, g, x, rule.iterations.value_or(32));
    case RuleKind::kCenteredClipping:
      return centered_clipping(answer, g, x, rule, asked.previous);
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

// Without what comes before it. A row that is not present is NaN in every column.
Answer rule_alone(const Rule& rule, const Stepped& before, DType dtype, const Asked& asked) {
  const Matrix& x = before.y;
  const std::vector<int>& present = before.present;
  const std::vector<double>& norms = before.norms;
  const int n = static_cast<int>(x.size());
  const int f = static_cast<int>(rule.f.value_or((n - 1) / 2));
  Answer answer;
  if (rule.kind == RuleKind::kMean) {
    average(answer, x, present);
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
  const std::size_t kept = static_cast<std::size_t>(n - f);
  if (rule.kind == RuleKind::kMeamed) {
    columns(answer, x, all_rows(n), f, [&](const Column& sorted, double& margin) {
      return nearest(sorted, middle(sorted), kept, margin);
    });
    return answer;
  }
  if (rule.kind == RuleKind::kPhocas) {
    columns(answer, x, all_rows(n), f, [&](const Column& sorted, double& margin) {
      const double sum = std::accumulate(sorted.begin() + f, sorted.end() - f, 0.0);
      return nearest(sorted, sum / (n - 2 * f), kept, margin);
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
    distance_rule(answer, rule, g, x, norms.empty() ? squared_norms(x, dtype) : norms, asked);
  }
  return answer;
}

}  // namespace

Answer reference(const Rule& rule, const Matrix& x, DType dtype, int own, std::int64_t step,
                 const std::vector<double>& previous) {
  const Stepped before = apply_steps(rule, x, dtype, step);
  Answer answer;
  answer.failed = before.failed;
  if (before.failed) {
    answer.broken = all_rows(static_cast<int>(before.y.size()));
    answer.out.assign(x[0].size(), std::numeric_limits<double>::quiet_NaN());
    answer.magnitude.assign(x[0].size(), 0);
    return answer;
  }
  answer = rule_alone(rule, before, dtype, {own, previous});
  answer.margin = std::min(answer.margin, before.margin);
  if (before.steps == 0) return answer;
  answer.never_exact = true;
  answer.mixed_columns = true;
  answer.selected.reset();
  if (before.broken) answer.broken = *before.broken;
  return answer;
}

}  // namespace byzccl::testing
