// SPDX-License-Identifier: MIT
#include "support/reference_columns.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace byzccl::testing {

double middle(const Column& sorted) {
  const std::size_t m = sorted.size();
  return m % 2 == 1 ? sorted[m / 2] : 0.5 * (sorted[m / 2 - 1] + sorted[m / 2]);
}

Column nearest(Column sorted, double centre, std::size_t keep, double& margin, double room,
               bool exact) {
  while (sorted.size() > keep) {
    const double below = std::fabs(sorted.front() - centre);
    const double above = std::fabs(sorted.back() - centre);
    // Differences are rounded relative to the values themselves.
    const double size = std::max(std::fabs(sorted.front()), std::fabs(sorted.back()));
    const bool tie = std::fabs(below - above) <= room * (std::fabs(centre) + above);
    if (tie && !exact && sorted.front() != sorted.back()) margin = 0;
    if (!tie) {
      margin = std::min(margin, std::fabs(below - above) / std::max(size, above));
    }
    sorted.erase(below > above && !tie ? sorted.begin() : sorted.end() - 1);
  }
  return sorted;
}

void columns(Answer& answer, const Matrix& x, const std::vector<int>& rows, int f,
             const Window& window) {
  for (std::size_t c = 0; c < x[0].size(); ++c) {
    Column column;
    for (const int i : rows) column.push_back(std::isfinite(x[i][c]) ? x[i][c] : kInfinity);
    std::sort(column.begin(), column.end());
    double margin = kInfinity;
    double magnitude = 0;
    double value = std::numeric_limits<double>::quiet_NaN();
    if (std::isfinite(column[column.size() - 1 - f])) {
      const Column left = window(column, margin);
      for (const double v : left) magnitude = std::max(magnitude, std::fabs(v));
      value = std::accumulate(left.begin(), left.end(), 0.0) / static_cast<double>(left.size());
    } else {
      ++answer.nan_columns;
    }
    answer.out.push_back(value);
    answer.magnitude.push_back(magnitude);
    answer.column_margin.push_back(margin);
  }
}

}  // namespace byzccl::testing
