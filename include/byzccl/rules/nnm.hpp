// SPDX-License-Identifier: MIT
// nnm (RULES section 5): each row becomes the mean of itself and the n - f - 1 unbroken rows
// nearest to it. D of the means comes from D and the weights alone.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/mix.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// V [n, n]: line i has the weights of the mean that row i becomes; none if row i is broken.
template <class Team>
BYZCCL_HD void weigh_neighbors(Team team, int n, int f, const std::uint8_t* neighbors,
                               const std::uint8_t* broken, double* V) {
  team.for_each(n, [=](int i) {
    double* line = V + static_cast<std::size_t>(i) * n;
    for (int j = 0; j < n; ++j) line[j] = 0;
    if (broken[i]) return;
    const double weight = exact_div(1, n - f);
    line[i] = weight;
    int left = n - f - 1;
    for (int k = 0; k < n - 1 && left > 0; ++k) {
      const int j = neighbors[static_cast<std::size_t>(i) * n + k];
      if (broken[j]) continue;
      line[j] = weight;
      --left;
    }
  });
}

/// mixed [lines, n] = D of the rows V x; a broken row is infinitely far from all others. pulls
/// [n, n] is overwritten.
template <class Team>
BYZCCL_HD void mix_distances(Team team, const Plan& plan, const double* D, const double* V,
                             const std::uint8_t* broken, double* pulls, double* mixed) {
  const int n = plan.n;
  const auto line = [n](auto* matrix, int i) { return matrix + static_cast<std::size_t>(i) * n; };
  // (V D)_ik; then P = (V D) V^T, of which P_ii goes to the diagonal of `mixed` first.
  team.for_each(n * n,
                [=](int item) { pulls[item] = mix_pull(line(D, item % n), line(V, item / n), n); });
  team.for_each(n, [=](int i) { line(mixed, i)[i] = mix_spread(line(pulls, i), line(V, i), n); });
  team.for_each(n * n, [=](int item) {
    const int i = item / n;
    const int j = item % n;
    if (i >= j) return;
    // Both halves of P, so that rows with the same weights have the same distances to the bit.
    const double P = exact_mul(0.5, exact_add(mix_pull(line(pulls, i), line(V, j), n),
                                              mix_pull(line(pulls, j), line(V, i), n)));
    const double near = between_mixes(P, line(mixed, i)[i], line(mixed, j)[j]);
    const double distance = broken[i] || broken[j] ? kInfinity : near;
    line(mixed, i)[j] = distance;
    line(mixed, j)[i] = distance;
  });
  team.for_each(n, [=](int i) {
    for (int k = n; k < plan.lines; ++k) {
      const double near = mix_distance(mix_pull(line(D, k), line(V, i), n), line(mixed, i)[i]);
      line(mixed, k)[i] = broken[i] ? kInfinity : near;
    }
    line(mixed, i)[i] = 0;
  });
}

}  // namespace byzccl::rules
