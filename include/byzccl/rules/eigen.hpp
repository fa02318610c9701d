// SPDX-License-Identifier: MIT
// Eigenpairs of small symmetric matrices: one algorithm for host and device, in an order that the
// size alone fixes.

#pragma once

#include <byzccl/rules/exact.hpp>
#include <cstddef>

namespace byzccl::rules {

/// Cyclic Jacobi turns until no entry off the diagonal is over this part of the largest one.
inline constexpr double kJacobiAccuracy = 0x1p-54;
/// More than any matrix needs: convergence is quadratic, and ten sweeps are many.
inline constexpr int kJacobiSweeps = 40;

BYZCCL_HD inline double magnitude(double a) { return a < 0 ? -a : a; }

/// sum of a_i b_i in index order.
BYZCCL_HD inline double inner_product(const double* a, const double* b, int m) {
  double sum = 0;
  for (int i = 0; i < m; ++i) sum = exact_add(sum, exact_mul(a[i], b[i]));
  return sum;
}

/// (x, y) becomes (c x - s y, s x + c y).
BYZCCL_HD inline void turn(double& x, double& y, double c, double s) {
  const double turned = exact_sub(exact_mul(c, x), exact_mul(s, y));
  y = exact_add(exact_mul(s, x), exact_mul(c, y));
  x = turned;
}

/// Turns rows and columns p and q so that A_pq = 0, and the columns of V with them.
BYZCCL_HD inline void turn_away(double* A, double* V, int m, int p, int q) {
  double* line_p = A + static_cast<std::size_t>(p) * m;
  double* line_q = A + static_cast<std::size_t>(q) * m;
  const double theta = exact_div(exact_sub(line_q[q], line_p[p]), exact_mul(2, line_p[q]));
  const double root = exact_sqrt(exact_add(exact_mul(theta, theta), 1));
  const double size = exact_div(1, exact_add(magnitude(theta), root));
  const double t = theta < 0 ? -size : size;
  const double c = exact_div(1, exact_sqrt(exact_add(exact_mul(t, t), 1)));
  const double s = exact_mul(t, c);
  const double shift = exact_mul(t, line_p[q]);
  line_p[p] = exact_sub(line_p[p], shift);
  line_q[q] = exact_add(line_q[q], shift);
  line_p[q] = line_q[p] = 0;
  for (int k = 0; k < m; ++k) {
    double* line_k = A + static_cast<std::size_t>(k) * m;
    if (k != p && k != q) {
      turn(line_k[p], line_k[q], c, s);
      line_p[k] = line_k[p];
      line_q[k] = line_k[q];
    }
    if (V != nullptr) {
      turn(V[static_cast<std::size_t>(k) * m + p], V[static_cast<std::size_t>(k) * m + q], c, s);
    }
  }
}

/// Cyclic Jacobi by rows: A [m, m], symmetric, becomes diagonal. V [m, m], if not null, gets the
/// eigenvectors as columns. Returns the column of the largest eigenvalue, the first of equals.
BYZCCL_HD inline int diagonalise(double* A, double* V, int m) {
  double largest = 0;
  for (int k = 0; k < m * m; ++k) {
    if (magnitude(A[k]) > largest) largest = magnitude(A[k]);
    if (V != nullptr) V[k] = k / m == k % m ? 1 : 0;
  }
  const double least = exact_mul(kJacobiAccuracy, largest);
  bool turned = true;
  for (int sweep = 0; sweep < kJacobiSweeps && turned; ++sweep) {
    turned = false;
    for (int p = 0; p < m; ++p) {
      for (int q = p + 1; q < m; ++q) {
        if (magnitude(A[static_cast<std::size_t>(p) * m + q]) <= least) continue;
        turn_away(A, V, m, p, q);
        turned = true;
      }
    }
  }
  int top = 0;
  for (int k = 1; k < m; ++k) {
    const std::size_t stride = static_cast<std::size_t>(m) + 1;
    if (A[k * stride] > A[top * stride]) top = k;
  }
  return top;
}

/// The row of the largest entry on the diagonal of A [m, m], the first of equals.
BYZCCL_HD inline int largest_diagonal(const double* A, int m) {
  const std::size_t stride = static_cast<std::size_t>(m) + 1;
  int row = 0;
  for (int k = 1; k < m; ++k) {
    if (A[k * stride] > A[row * stride]) row = k;
  }
  return row;
}

/// Never above the largest eigenvalue of A [m, m] but for rounding: the Rayleigh quotient after two
/// power steps from the unit vector of the largest diagonal entry. v [2, m] is overwritten.
BYZCCL_HD inline double least_top_eigenvalue(const double* A, int m, double* v) {
  const double* start = A + static_cast<std::size_t>(largest_diagonal(A, m)) * m;
  double* next = v + m;
  for (int i = 0; i < m; ++i) v[i] = inner_product(A + static_cast<std::size_t>(i) * m, start, m);
  for (int i = 0; i < m; ++i) next[i] = inner_product(A + static_cast<std::size_t>(i) * m, v, m);
  const double square = inner_product(v, v, m);
  return square > 0 ? exact_div(inner_product(v, next, m), square) : 0;
}

}  // namespace byzccl::rules
