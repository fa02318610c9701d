// SPDX-License-Identifier: MIT
#include "support/reference_geometry.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace byzccl::testing {
namespace {

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return std::isfinite(sum) ? sum : kInfinity;
}

}  // namespace

double relative_gap(double a, double b) {
  if (a == b) return kInfinity;
  if (std::isinf(a) || std::isinf(b)) return kInfinity;
  return std::fabs(a - b) / std::max(std::fabs(a), std::fabs(b));
}

std::vector<int> Geometry::unbroken() const {
  std::vector<int> rows;
  for (int i = 0; i < n; ++i) {
    if (!broken[i]) rows.push_back(i);
  }
  return rows;
}

std::vector<double> squared_norms(const Matrix& x, DType dtype) {
  std::vector<double> norms;
  for (const auto& row : x) {
    double sum = 0;
    for (const double value : row) sum += value * value;
    const double largest = dtype == DType::kFloat64 ? DBL_MAX : static_cast<double>(FLT_MAX);
    norms.push_back(sum <= largest ? sum : kInfinity);
  }
  return norms;
}

Geometry geometry(const Matrix& x, int f, DType dtype) {
  Geometry g;
  g.n = static_cast<int>(x.size());
  g.f = f;
  g.rounding = dtype == DType::kFloat64 ? 1e-15 : 1e-6;
  g.largest = dtype == DType::kFloat64 ? DBL_MAX : static_cast<double>(FLT_MAX);
  const double largest = g.largest;
  const double farthest = largest / (dtype == DType::kFloat64 ? 2048 : 8);
  g.distances.assign(x.size(), std::vector<double>(x.size(), 0));
  for (int i = 0; i < g.n; ++i) {
    for (int j = i + 1; j < g.n; ++j) {
      const double sum = squared_distance(x[i], x[j]);
      g.margin = std::min(g.margin, relative_gap(sum, farthest));
      g.distances[i][j] = g.distances[j][i] = sum > largest ? kInfinity : sum;
    }
  }
  const int others = g.n - f - 1;
  for (int i = 0; i < g.n; ++i) {
    std::vector<double> row;
    for (int j = 0; j < g.n; ++j) {
      if (j != i) row.push_back(g.distances[i][j] > farthest ? kInfinity : g.distances[i][j]);
    }
    std::sort(row.begin(), row.end());
    g.reach.push_back(others == 0 ? 0 : row[others - 1]);
  }
  std::vector<double> sorted = g.reach;
  std::sort(sorted.begin(), sorted.end());
  g.typical_reach = sorted[g.n - f - 1];
  const double limit = 1e8 * g.typical_reach;
  for (const double r : g.reach) {
    g.broken.push_back(std::isinf(r) || r > limit);
    g.margin = std::min(g.margin, relative_gap(r, limit));
  }
  if (std::isinf(g.typical_reach)) g.broken.assign(x.size(), 1);
  return g;
}

}  // namespace byzccl::testing
