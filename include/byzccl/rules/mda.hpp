// SPDX-License-Identifier: MIT
// mda (RULES section 3): the n - f unbroken rows of least diameter, of equal ones the
// lexicographically smallest set.
//
// n - f rows of diameter <= t exist exactly when k = f - (broken rows) vertices cover the graph of
// the unbroken pairs with D_ij > t. The least such t is bisected over the bits of a double, which
// order like the values, with both ends kept on values of D: at most 63 searches. Then rows are
// kept in index order, each if a cover by fewer than k rows still exists, and each search lowers k.
// With L(k) rounds for a search (vertex_cover.hpp) that is at most
//     63 L(f) + L(f - 1) + ... + L(0)
// rounds that look at n rows, whatever D is. The plan bounds f.

#pragma once

#include <bit>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/mda_graph.hpp>

namespace byzccl::rules {

/// A value in [low, high), halfway in the bits.
BYZCCL_HD inline double between(double low, double high) {
  const std::uint64_t low_bits = low > 0 ? std::bit_cast<std::uint64_t>(low) : 0;
  const std::uint64_t high_bits = std::bit_cast<std::uint64_t>(high);
  return std::bit_cast<double>(low_bits + (high_bits - low_bits) / 2);
}

/// Searches a cover at some t and moves one end to the distance next to it.
BYZCCL_HD inline void narrow(int n, const MdaScratch& scratch) {
  MdaState* state = scratch.state;
  CoverGraph graph = whole_graph(n, scratch);
  const bool covered = search_cover(graph, state->k);
  state->rounds = graph.rounds;
  double below = -1;
  double above = kInfinity;
  for (int i = 0; i < n; ++i) {
    if (scratch.below[i] > below) below = scratch.below[i];
    if (scratch.above[i] < above) above = scratch.above[i];
  }
  if (covered) {
    state->high = below;
  } else {
    state->low = above;
  }
}

/// Keeps m rows of the graph, each the lowest that leaves a cover by the k rows that may go.
BYZCCL_HD inline void keep_lowest(int n, int m, const MdaScratch& scratch,
                                  const Decision& decision) {
  CoverGraph graph = whole_graph(n, scratch);
  int k = scratch.state->k;
  int kept = 0;
  for (int i = 0; i < n && kept < m; ++i) {
    if (decision.broken[i] || !is_present(graph, i)) continue;
    const int before = graph.removed;
    const int farther = graph.degree[i];
    bool keep = farther == 0;
    if (!keep && farther <= k) {
      remove_neighbors(graph, i);
      keep = search_cover(graph, k - farther);
      restore(graph, before + (keep ? farther : 0));
    }
    if (keep) {
      decision.weights[i] = 1;
      k -= farther;
      ++kept;
    } else {
      remove_vertex(graph, i);
      --k;
    }
  }
  scratch.state->rounds = graph.rounds;
  decision.outcome->divisor = m;
}

/// scores: the reach.
template <class Team>
BYZCCL_HD void select_mda(Team team, const Plan& plan, const double* D, const Decision& decision,
                          void* memory) {
  const int n = plan.n;
  const int f = plan.f;
  const int m = plan.m;
  const MdaScratch scratch = mda_scratch_at(n, memory);
  MdaState* state = scratch.state;
  // Over t = -1 every pair lies above; its other end is the largest distance.
  connect_farther(team, plan, D, decision, -1, scratch);
  team.once([=] {
    *state = {kInfinity, 0, 0, f};
    for (int i = 0; i < n; ++i) {
      state->k -= decision.broken[i];
      if (scratch.above[i] < state->low) state->low = scratch.above[i];
    }
  });
  connect_farther(team, plan, D, decision, kInfinity, scratch);
  team.once([=] {
    for (int i = 0; i < n; ++i) {
      if (scratch.below[i] > state->high) state->high = scratch.below[i];
    }
  });
  while (state->low < state->high) {
    connect_farther(team, plan, D, decision, between(state->low, state->high), scratch);
    team.once([=] { narrow(n, scratch); });
  }
  connect_farther(team, plan, D, decision, state->high, scratch);
  team.once([=] { keep_lowest(n, m, scratch, decision); });
}

}  // namespace byzccl::rules
