// SPDX-License-Identifier: MIT
#include "support/reference_selection.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace byzccl::testing {

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

void weigh_all(Answer& answer, const Matrix& x, const std::vector<double>& weights) {
  std::vector<int> rows;
  std::vector<double> given;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    rows.push_back(static_cast<int>(i));
    given.push_back(weights[i]);
  }
  weigh(answer, x, rows, given);
}

void average(Answer& answer, const Matrix& x, const std::vector<int>& rows) {
  if (rows.size() == 1) return weigh(answer, x, rows, {1});
  weigh(answer, x, rows, std::vector<double>(rows.size(), 1));
  for (double& value : answer.out) value /= static_cast<double>(rows.size());
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

}  // namespace byzccl::testing
