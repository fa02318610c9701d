// SPDX-License-Identifier: MIT
// smea (RULES section 3): the n - f unbroken rows whose covariance has the least largest
// eigenvalue, by walking all sets in lexicographic order.
//
// Sets are taken in batches, so that a block shares them. A lower bound of the eigenvalue spares
// most sets the diagonalisation; it leaves out only sets that could not become the best.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/eigen.hpp>
#include <byzccl/rules/mix.hpp>

namespace byzccl::rules {

/// A later set must be smaller by more than this part.
inline constexpr double kSmeaGap = 1e-9;

struct SmeaState {
  double unit;    ///< of D in the Gram matrices, whose powers are taken
  double best;    ///< least largest eigenvalue so far, times m, in that unit
  int unbroken;   ///< rows to choose from
  int sets;       ///< of the batch
  bool last;      ///< the batch is the last one
  bool finished;  ///< it has been judged
};

/// Views into smea_bytes(n, m) bytes, 8-byte aligned.
struct SmeaScratch {
  SmeaState* state;
  double* lambda;          ///< [batch]; +inf where it cannot be the best
  double* gram;            ///< [batch, m, m]
  double* vectors;         ///< [batch, 2, m]
  std::uint8_t* rows;      ///< [n] the unbroken rows
  std::uint8_t* next;      ///< [m] the next set, as places in `rows`
  std::uint8_t* selected;  ///< [m] the best set so far, as rows
  std::uint8_t* sets;      ///< [batch, m], as rows
};

/// Sets of a batch: at most 64, and about a megabyte of matrices.
BYZCCL_HD constexpr int smea_batch(int m) {
  const int batch = 131072 / (m * m);
  return batch < 1 ? 1 : batch > 64 ? 64 : batch;
}

BYZCCL_HD inline std::size_t smea_bytes(int n, int m) {
  const std::size_t rows = static_cast<std::size_t>(m);
  const std::size_t batch = static_cast<std::size_t>(smea_batch(m));
  return sizeof(SmeaState) + sizeof(double) * batch * (1 + rows * rows + 2 * rows) +
         static_cast<std::size_t>(n) + 2 * rows + batch * rows;
}

BYZCCL_HD inline SmeaScratch smea_scratch_at(int n, int m, void* memory) {
  const std::size_t batch = static_cast<std::size_t>(smea_batch(m));
  SmeaScratch scratch;
  scratch.state = static_cast<SmeaState*>(memory);
  scratch.lambda = reinterpret_cast<double*>(scratch.state + 1);
  scratch.gram = scratch.lambda + batch;
  scratch.vectors = scratch.gram + batch * m * m;
  scratch.rows = reinterpret_cast<std::uint8_t*>(scratch.vectors + batch * 2 * m);
  scratch.next = scratch.rows + n;
  scratch.selected = scratch.next + m;
  scratch.sets = scratch.selected + m;
  return scratch;
}

/// Writes the next sets, at most a batch of them, in lexicographic order.
BYZCCL_HD inline void list_sets(int m, const SmeaScratch& scratch) {
  SmeaState* state = scratch.state;
  state->sets = 0;
  while (!state->last && state->sets < smea_batch(m)) {
    std::uint8_t* set = scratch.sets + static_cast<std::size_t>(state->sets++) * m;
    for (int k = 0; k < m; ++k) set[k] = scratch.rows[scratch.next[k]];
    int k = m - 1;
    while (k >= 0 && scratch.next[k] == state->unbroken - m + k) --k;
    state->last = k < 0;
    if (state->last) return;
    ++scratch.next[k];
    for (++k; k < m; ++k) scratch.next[k] = static_cast<std::uint8_t>(scratch.next[k - 1] + 1);
  }
}

/// unit times the Gram matrix of the rows of `set`, centred at their mean. t [m] is overwritten.
BYZCCL_HD inline void gram_of_set(const double* D, int n, int m, double unit,
                                  const std::uint8_t* set, double* t, double* gram) {
  double S = 0;
  for (int i = 0; i < m; ++i) {
    const double* line = D + static_cast<std::size_t>(set[i]) * n;
    double sum = 0;
    for (int j = 0; j < m; ++j) sum = exact_add(sum, exact_mul(unit, line[set[j]]));
    t[i] = exact_div(sum, m);
    S = exact_add(S, t[i]);
  }
  S = exact_div(S, m);
  for (int i = 0; i < m; ++i) {
    const double* line = D + static_cast<std::size_t>(set[i]) * n;
    for (int j = 0; j < m; ++j) {
      gram[i * m + j] = mix_gram(t[i], t[j], S, exact_mul(unit, line[set[j]]));
    }
  }
}

/// Whether a largest eigenvalue would make its set the best.
BYZCCL_HD inline bool is_better(double lambda, double best) {
  return lambda < exact_mul(1 - kSmeaGap, best);
}

/// scores: the reach.
template <class Team>
BYZCCL_HD void select_smea(Team team, const Plan& plan, const double* D, const Decision& decision,
                           void* memory) {
  const int n = plan.n;
  const int m = plan.m;
  const SmeaScratch scratch = smea_scratch_at(n, m, memory);
  SmeaState* state = scratch.state;
  team.once([=] {
    int unbroken = 0;
    for (int i = 0; i < n; ++i) {
      if (!decision.broken[i]) scratch.rows[unbroken++] = static_cast<std::uint8_t>(i);
    }
    const double unit = unit_for(decision.outcome->typical_reach);
    *state = {unit, kInfinity, unbroken, 0, false, unbroken == m};
    for (int k = 0; k < m; ++k) {
      scratch.next[k] = static_cast<std::uint8_t>(k);
      scratch.selected[k] = scratch.rows[k];
    }
  });
  while (!state->finished) {
    team.once([=] { list_sets(m, scratch); });
    team.for_each(state->sets, [=](int k) {
      double* gram = scratch.gram + static_cast<std::size_t>(k) * m * m;
      double* vectors = scratch.vectors + static_cast<std::size_t>(k) * 2 * m;
      const std::uint8_t* set = scratch.sets + static_cast<std::size_t>(k) * m;
      gram_of_set(D, n, m, state->unit, set, vectors, gram);
      scratch.lambda[k] = kInfinity;
      if (!is_better(least_top_eigenvalue(gram, m, vectors), state->best)) return;
      const double lambda = gram[diagonalise(gram, nullptr, m) * (m + 1)];
      scratch.lambda[k] = lambda > 0 ? lambda : 0;
    });
    team.once([=] {
      for (int k = 0; k < state->sets; ++k) {
        if (!is_better(scratch.lambda[k], state->best)) continue;
        state->best = scratch.lambda[k];
        for (int i = 0; i < m; ++i) scratch.selected[i] = scratch.sets[k * m + i];
      }
      state->finished = state->last;
    });
  }
  team.for_each(m, [=](int k) { decision.weights[scratch.selected[k]] = 1; });
  team.once([=] { decision.outcome->divisor = m; });
}

}  // namespace byzccl::rules
