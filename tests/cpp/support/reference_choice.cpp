// SPDX-License-Identifier: MIT
#include "support/reference_choice.hpp"

#include <algorithm>
#include <cmath>

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

}  // namespace byzccl::testing
