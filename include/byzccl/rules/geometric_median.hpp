// SPDX-License-Identifier: MIT
// geometric_median (RULES section 3): smoothed Weiszfeld steps on the weights of the unbroken rows.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/mix.hpp>
#include <byzccl/rules/order.hpp>

namespace byzccl::rules {

/// A row nearer to the mix than this part of the median distance weighs no more for it.
inline constexpr double kSmoothing = 1e-6;

struct GeometricMedianScratch {
  double S;           ///< spread of the mix
  double rho;         ///< lower median of the distances
  double weight_sum;  ///< before the weights are scaled to sum 1
  int unbroken;
};

BYZCCL_HD inline std::size_t geometric_median_bytes(int n) {
  return sizeof(GeometricMedianScratch) + 2 * sizeof(double) * static_cast<std::size_t>(n);
}

/// distance [n] = squared distance of each row to the mix `a`; +inf for broken rows. t [n] is
/// overwritten.
template <class Team>
BYZCCL_HD void measure_mix(Team team, const Plan& plan, const double* D, const Decision& decision,
                           GeometricMedianScratch* state, double* t, double* distance) {
  const int n = plan.n;
  const double* a = decision.weights;
  team.for_each(n, [=](int i) {
    t[i] = decision.broken[i] ? 0 : mix_pull(D + static_cast<std::size_t>(i) * n, a, n);
  });
  team.once([=] { state->S = mix_spread(t, a, n); });
  team.for_each(n, [=](int i) {
    distance[i] = decision.broken[i] ? kInfinity : mix_distance(t[i], state->S);
  });
}

/// scores: squared distance to the output.
template <class Team>
BYZCCL_HD void select_geometric_median(Team team, const Plan& plan, const double* D,
                                       const Decision& decision, void* scratch) {
  const int n = plan.n;
  const int start = n - plan.f;
  GeometricMedianScratch* state = static_cast<GeometricMedianScratch*>(scratch);
  double* t = reinterpret_cast<double*>(state + 1);
  double* r = t + n;
  team.once([=] {
    state->unbroken = 0;
    for (int i = 0; i < n; ++i) state->unbroken += !decision.broken[i];
  });
  team.for_each(n, [=](int i) {
    const bool near = !decision.broken[i] && place(decision.reach, decision.broken, n, i) < start;
    decision.weights[i] = near ? exact_div(1, start) : 0;
  });
  for (int k = 0; k < plan.iterations; ++k) {
    measure_mix(team, plan, D, decision, state, t, r);
    team.for_each(n, [=](int i) { r[i] = exact_sqrt(r[i]); });
    team.for_each(n, [=](int i) {
      if (decision.broken[i]) return;
      if (place(r, decision.broken, n, i) == (state->unbroken - 1) / 2) state->rho = r[i];
    });
    const double rho = state->rho;
    if (rho == 0) break;
    team.for_each(n, [=](int i) {
      const double least = exact_mul(kSmoothing, rho);
      t[i] = decision.broken[i] ? 0 : exact_div(1, r[i] > least ? r[i] : least);
    });
    team.once([=] {
      state->weight_sum = 0;
      for (int i = 0; i < n; ++i) state->weight_sum = exact_add(state->weight_sum, t[i]);
    });
    team.for_each(n, [=](int i) { decision.weights[i] = exact_div(t[i], state->weight_sum); });
  }
  measure_mix(team, plan, D, decision, state, t, decision.scores);
}

}  // namespace byzccl::rules
