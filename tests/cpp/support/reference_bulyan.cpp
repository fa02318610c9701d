// SPDX-License-Identifier: MIT
// Krum's scores, and the two rules that choose by them again and again.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/reference_choice.hpp"
#include "support/reference_columns.hpp"
#include "support/reference_selection.hpp"

namespace byzccl::testing {

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

// Integers that float32 adds up as they are.
static bool has_exact_sums(const Matrix& x) {
  for (const auto& row : x) {
    for (const double value : row) {
      if (value != std::trunc(value) || std::fabs(value) > 0x1p15) return false;
    }
  }
  return true;
}

void multi_bulyan(Answer& answer, const Geometry& g, const Matrix& x) {
  const std::size_t first = static_cast<std::size_t>(g.n - g.f - 2);
  const int rounds = g.n - 2 * g.f - 2;
  std::vector<int> left = g.unbroken();
  std::vector<std::vector<int>> neighbors(x.size());
  for (const int i : left) {
    std::vector<int> others = left;
    std::erase(others, i);
    neighbors[i] = lowest(others, g.distances[i], first, answer.margin);
  }
  Matrix y;
  for (int k = 0; k < rounds; ++k) {
    std::vector<double> scores(x.size(), kInfinity);
    for (const int i : left) {
      scores[i] = 0;
      for (const int j : neighbors[i]) {
        if (std::find(left.begin(), left.end(), j) != left.end()) scores[i] += g.distances[i][j];
      }
    }
    Answer mean;
    average(mean, x, lowest(left, scores, first - static_cast<std::size_t>(k), answer.margin));
    y.push_back(mean.out);
    std::erase(left, lowest(left, scores, 1, answer.margin)[0]);
  }
  answer.mixed_columns = true;
  const bool exact = has_exact_sums(x);
  std::vector<int> all(y.size());
  std::iota(all.begin(), all.end(), 0);
  columns(answer, y, all, 0, [&](const Column& sorted, double& margin) {
    return nearest(sorted, sorted[sorted.size() / 2], static_cast<std::size_t>(rounds - 2 * g.f),
                   margin, 4 * std::numeric_limits<double>::epsilon(), exact);
  });
}

}  // namespace byzccl::testing
