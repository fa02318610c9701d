// SPDX-License-Identifier: MIT
// smea and caf: covariances are taken from the data, never from D.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/reference_choice.hpp"
#include "support/reference_selection.hpp"

namespace byzccl::testing {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// sqrt(a_i) (x_i - mean), whose Gram matrix has the covariance's eigenvalues. Rows are taken
// relative to one of them, so that equal rows give exactly zero.
Matrix centred(const Matrix& x, const std::vector<int>& rows, const Vector& a) {
  const Vector& origin = x[rows[0]];
  Vector mean(origin.size(), 0);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += a[k] * (x[rows[k]][c] - origin[c]);
  }
  Matrix y;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    y.emplace_back(mean.size());
    for (std::size_t c = 0; c < mean.size(); ++c) y[k][c] = x[rows[k]][c] - origin[c] - mean[c];
  }
  return y;
}

Matrix gram(const Matrix& y, const Vector& a) {
  Matrix g(y.size(), Vector(y.size()));
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = i; j < y.size(); ++j) {
      g[i][j] = g[j][i] = std::sqrt(a[i] * a[j]) * dot(y[i], y[j]);
    }
  }
  return g;
}

struct Pair {
  double value = 0;
  double second = 0;  // the next eigenvalue
  Vector vector;
};

// Classical Jacobi: always the largest entry off the diagonal.
Pair top_pair(Matrix m) {
  const std::size_t n = m.size();
  Matrix v(n, Vector(n, 0));
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1;
  double size = 0;
  for (std::size_t i = 0; i < n; ++i) size = std::max(size, m[i][i]);
  for (std::size_t turns = 0; turns < 60 * n * n; ++turns) {
    std::size_t p = 0;
    std::size_t q = 0;
    double largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) {
        if (std::fabs(m[i][j]) <= largest) continue;
        largest = std::fabs(m[i][j]);
        p = i;
        q = j;
      }
    }
    if (largest <= 1e-17 * size) break;
    const double angle = 0.5 * std::atan2(2 * m[p][q], m[q][q] - m[p][p]);
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    for (std::size_t k = 0; k < n; ++k) {
      const double a = m[k][p];
      m[k][p] = c * a - s * m[k][q];
      m[k][q] = s * a + c * m[k][q];
    }
    for (std::size_t k = 0; k < n; ++k) {
      const double a = m[p][k];
      m[p][k] = c * a - s * m[q][k];
      m[q][k] = s * a + c * m[q][k];
      const double b = v[k][p];
      v[k][p] = c * b - s * v[k][q];
      v[k][q] = s * b + c * v[k][q];
    }
    m[p][q] = m[q][p] = 0;
  }
  std::size_t top = 0;
  for (std::size_t i = 1; i < n; ++i) {
    if (m[i][i] > m[top][top]) top = i;
  }
  Pair pair{std::max(0.0, m[top][top]), 0, {}};
  for (std::size_t i = 0; i < n; ++i) {
    if (i != top) pair.second = std::max(pair.second, m[i][i]);
    pair.vector.push_back(v[i][top]);
  }
  return pair;
}

// 32 power steps from the row of the largest diagonal entry.
Pair power_pair(const Matrix& m) {
  std::size_t start = 0;
  for (std::size_t i = 1; i < m.size(); ++i) {
    if (m[i][i] > m[start][start]) start = i;
  }
  Pair pair;
  Vector next = m[start];
  for (int step = 0; step < 32; ++step) {
    const double norm = std::sqrt(dot(next, next));
    pair.vector = next;
    for (double& value : pair.vector) value = norm > 0 ? value / norm : 0;
    for (std::size_t i = 0; i < m.size(); ++i) next[i] = dot(m[i], pair.vector);
    pair.value = std::max(0.0, dot(next, pair.vector));
  }
  return pair;
}

struct Walk {
  const Matrix& x;
  const std::vector<int> rows;
  const std::size_t wanted;
  std::vector<int> set;
  std::vector<int> best;
  std::vector<double> values;
  double least = kInfinity;

  void extend(std::size_t from) {
    if (set.size() < wanted) {
      for (std::size_t k = from; k + (wanted - set.size()) <= rows.size(); ++k) {
        set.push_back(rows[k]);
        extend(k + 1);
        set.pop_back();
      }
      return;
    }
    const Vector a(wanted, 1 / static_cast<double>(wanted));
    values.push_back(top_pair(gram(centred(x, set, a), a)).value);
    if (!best.empty() && values.back() >= (1 - 1e-9) * least) return;
    best = set;
    least = values.back();
  }
};

}  // namespace

void smea(Answer& answer, const Geometry& g, const Matrix& x) {
  const std::vector<int> rows = g.unbroken();
  const std::size_t wanted = static_cast<std::size_t>(g.n - g.f);
  if (rows.size() == wanted) return average(answer, x, rows);
  Walk walk{x, rows, wanted, {}, {}, {}, kInfinity};
  walk.extend(0);
  for (const double value : walk.values) {
    const double gap = relative_gap(value, walk.least);
    if (gap > 1e-12) answer.margin = std::min(answer.margin, gap);  // below, it is a tie
  }
  average(answer, x, walk.best);
}

void caf(Answer& answer, const Geometry& g, const Matrix& x) {
  answer.never_exact = true;
  const std::vector<int> unbroken = g.unbroken();
  double largest = 0;
  for (const int i : unbroken) {
    for (const int j : unbroken) largest = std::max(largest, g.distances[i][j]);
  }
  Vector c(x.size(), 0);
  for (const int i : unbroken) c[i] = 1;
  Vector best;
  double least = kInfinity;
  for (;;) {
    const double sum = std::accumulate(c.begin(), c.end(), 0.0);
    std::vector<int> rows;
    Vector a;
    Vector all(x.size(), 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (c[i] == 0) continue;
      rows.push_back(static_cast<int>(i));
      a.push_back(c[i] / sum);
      all[i] = a.back();
    }
    const Matrix y = centred(x, rows, a);
    const Matrix m = gram(y, a);
    const Pair top = rows.size() <= 32 ? top_pair(m) : power_pair(m);
    answer.margin = std::min(answer.margin, relative_gap(top.value, least));
    if (top.value < least) {
      least = top.value;
      best = all;
    }
    answer.margin = std::min(answer.margin, relative_gap(top.value, 1e-12 * largest));
    if (g.f == 0 || top.value <= 1e-12 * largest) break;
    if (rows.size() <= 32) {
      answer.margin = std::min(answer.margin, 0.01 * (top.value - top.second) / top.value);
    }
    Vector direction(x[0].size(), 0);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      for (std::size_t column = 0; column < direction.size(); ++column) {
        direction[column] += std::sqrt(a[k]) * top.vector[k] * y[k][column];
      }
    }
    Vector t;
    for (const Vector& row : y) t.push_back(dot(row, direction) * dot(row, direction));
    const double most = *std::max_element(t.begin(), t.end());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      answer.margin = std::min(answer.margin, relative_gap(t[k], most));
      c[rows[k]] *= 1 - t[k] / most;
    }
    const double rest = std::accumulate(c.begin(), c.end(), 0.0);
    answer.margin = std::min(answer.margin, relative_gap(rest, g.n - 2 * g.f));
    if (rest <= g.n - 2 * g.f) break;
  }
  weigh_all(answer, x, best);
}

}  // namespace byzccl::testing
