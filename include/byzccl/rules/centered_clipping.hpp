// SPDX-License-Identifier: MIT
// centered_clipping (RULES section 3): the previous output v moves towards each unbroken row, by at
// most tau a row. In weights: v is one more row behind the n rows.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/mix.hpp>

namespace byzccl::rules {

struct CenteredClippingScratch {
  double S;     ///< spread of the mix
  double own;   ///< weight of v
  double left;  ///< 1 - sum g / n: what an iteration leaves of each weight
};

BYZCCL_HD inline std::size_t centered_clipping_bytes(int n) {
  return sizeof(CenteredClippingScratch) + 2 * sizeof(double) * static_cast<std::size_t>(n);
}

/// distance [n] = squared distance of each row to the mix of the rows and v; +inf for broken rows.
/// t [n] is overwritten. A zero weight is skipped: where v has none, its distances may be infinite.
template <class Team>
BYZCCL_HD void measure_centre(Team team, const Plan& plan, const double* D,
                              const Decision& decision, CenteredClippingScratch* state, double* t,
                              double* distance) {
  const int n = plan.n;
  const double* a = decision.weights;
  const double* to_v = D + static_cast<std::size_t>(n) * n;
  const double own = state->own;
  const auto with_v = [own](double sum, double term) {
    return own != 0 ? exact_add(sum, exact_mul(own, term)) : sum;
  };
  team.for_each(n, [=](int i) {
    const double* line = D + static_cast<std::size_t>(i) * n;
    t[i] = decision.broken[i] ? 0 : with_v(mix_pull(line, a, n), to_v[i]);
  });
  team.once([=] { state->S = with_v(mix_spread(t, a, n), mix_pull(to_v, a, n)); });
  team.for_each(n, [=](int i) {
    distance[i] = decision.broken[i] ? kInfinity : mix_distance(t[i], state->S);
  });
}

/// scores: squared distance to the output.
template <class Team>
BYZCCL_HD void select_centered_clipping(Team team, const Plan& plan, const double* D,
                                        const Decision& decision, void* scratch) {
  const int n = plan.n;
  const double tau = plan.pull;
  CenteredClippingScratch* state = static_cast<CenteredClippingScratch*>(scratch);
  double* t = reinterpret_cast<double*>(state + 1);
  double* g = t + n;
  if (n == 1) {  // one row is the output as it is
    team.once([=] {
      decision.weights[0] = 1;
      decision.scores[0] = 0;
    });
    return;
  }
  team.once([=] { state->own = 1; });
  for (int k = 0; k < plan.iterations; ++k) {
    measure_centre(team, plan, D, decision, state, t, g);
    team.for_each(n, [=](int i) {
      const double distance = exact_sqrt(g[i]);
      g[i] = distance > tau ? exact_div(tau, distance) : 1;  // infinitely far: 0
    });
    team.once([=] {
      double sum = 0;
      for (int i = 0; i < n; ++i) sum = exact_add(sum, g[i]);
      state->left = exact_sub(1, exact_div(sum, n));
      state->own = exact_mul(state->own, state->left);
    });
    team.for_each(n, [=](int i) {
      decision.weights[i] =
          exact_add(exact_mul(decision.weights[i], state->left), exact_div(g[i], n));
    });
  }
  measure_centre(team, plan, D, decision, state, t, decision.scores);
  team.once([=] { decision.outcome->previous_weight = state->own; });
}

}  // namespace byzccl::rules
