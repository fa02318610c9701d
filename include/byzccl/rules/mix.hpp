// SPDX-License-Identifier: MIT
// Distances to a mix of the rows, from D alone (RULES section 1).
//
// With weights a of sum 1, t_i = sum_j a_j D_ij and S = sum_i a_i t_i:
//     ||x_i - sum_j a_j x_j||^2 = max(0, t_i - S / 2),
//     G_ij = (t_i + t_j - S - D_ij) / 2: the Gram matrix of the rows centred at the mix.

#pragma once

#include <byzccl/rules/exact.hpp>

namespace byzccl::rules {

/// t_i, for the line D_i of D, read as line[j]: zero weights skipped, in index order.
template <class Line>
BYZCCL_HD double mix_pull(Line line, const double* a, int n) {
  double sum = 0;
  for (int j = 0; j < n; ++j) {
    if (a[j] != 0) sum = exact_add(sum, exact_mul(a[j], line[j]));
  }
  return sum;
}

/// S, from t [n]. It is the same sum as t_i, over t in place of the line.
BYZCCL_HD inline double mix_spread(const double* t, const double* a, int n) {
  return mix_pull(t, a, n);
}

/// The squared distance of row i to the mix.
BYZCCL_HD inline double mix_distance(double t_i, double S) {
  const double distance = exact_add(t_i, exact_mul(-0.5, S));
  return distance > 0 ? distance : 0;
}

/// The squared distance between two mixes: P = a^T D b, and the spread of each. The same bits both
/// ways round.
BYZCCL_HD inline double between_mixes(double P, double S_a, double S_b) {
  return mix_distance(P, exact_add(S_a, S_b));
}

/// G_ij.
BYZCCL_HD inline double mix_gram(double t_i, double t_j, double S, double D_ij) {
  return exact_mul(0.5, exact_sub(exact_sub(exact_add(t_i, t_j), S), D_ij));
}

}  // namespace byzccl::rules
