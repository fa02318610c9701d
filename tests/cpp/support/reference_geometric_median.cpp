// SPDX-License-Identifier: MIT
#include "support/reference_geometric_median.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/reference_choice.hpp"

namespace byzccl::testing {
namespace {

// How far one step moves when D is rounded: r_i^2 is a difference of sums of distances and is off
// by their rounding, and the weight of row i is off in proportion. It matters where the mix comes
// close to a row.
double rounding_of(const Geometry& g, const std::vector<int>& rows, const std::vector<double>& a,
                   const std::vector<double>& r) {
  double moved = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double off = 0;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      off += g.rounding * a[j] * g.distances[rows[i]][rows[j]];
    }
    if (off > 0) moved += a[i] * off / std::max(r[i], std::sqrt(off));
  }
  return moved;
}

}  // namespace

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
    answer.slack += rounding_of(g, rows, a, r);  // on a plateau nothing pulls back
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
