// SPDX-License-Identifier: MIT
// caf (RULES section 3): again and again the rows lose weight by how far they stick out along the
// direction of largest variance; of all the weights on the way, those of least variance are taken.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/eigen.hpp>
#include <byzccl/rules/mix.hpp>
#include <limits>

namespace byzccl::rules {

/// Up to so many rows the eigenpair is exact.
inline constexpr int kCafJacobiRows = 32;
/// Above, so many power steps find it, from the line of the largest diagonal entry.
inline constexpr int kCafPowerSteps = 32;
/// A variance of at most this part of the largest distance is none.
inline constexpr double kCafNoVariance = 1e-12;

struct CafState {
  double unit;      ///< of D in what follows, whose powers are taken: no entry is above 4 in it
  double sum;       ///< of c
  double S;         ///< spread of the mix a, as D
  double largest;   ///< D between unbroken rows
  double lambda;    ///< of this round
  double smallest;  ///< lambda so far
  double norm;      ///< of the vector of the last power step
  int rows;         ///< with c > 0
  bool finished;
};

/// Views into caf_bytes(n) bytes, 8-byte aligned. Lists of rows have those with c > 0.
struct CafScratch {
  CafState* state;
  double* c;           ///< [n]
  double* a;           ///< [n]
  double* pull;        ///< [n] t of mix.hpp
  double* root;        ///< [n] sqrt(a)
  double* projection;  ///< [n]
  double* v;           ///< [rows] top eigenvector
  double* next;        ///< [rows]
  double* matrix;      ///< [rows, rows] sqrt(a_i) G_ij sqrt(a_j), in the unit
  double* turned;      ///< [rows, rows] at most 32 rows
  std::uint8_t* rows;  ///< [rows]
};

BYZCCL_HD inline std::size_t caf_bytes(int n) {
  const std::size_t rows = static_cast<std::size_t>(n);
  const std::size_t jacobi = n < kCafJacobiRows ? rows : kCafJacobiRows;
  return sizeof(CafState) + sizeof(double) * (7 * rows + rows * rows + jacobi * jacobi) + rows;
}

BYZCCL_HD inline CafScratch caf_scratch_at(int n, void* memory) {
  const std::size_t jacobi = n < kCafJacobiRows ? n : kCafJacobiRows;
  CafScratch scratch;
  scratch.state = static_cast<CafState*>(memory);
  scratch.c = reinterpret_cast<double*>(scratch.state + 1);
  scratch.a = scratch.c + n;
  scratch.pull = scratch.a + n;
  scratch.root = scratch.pull + n;
  scratch.projection = scratch.root + n;
  scratch.v = scratch.projection + n;
  scratch.next = scratch.v + n;
  scratch.matrix = scratch.next + n;
  scratch.turned = scratch.matrix + static_cast<std::size_t>(n) * n;
  scratch.rows = reinterpret_cast<std::uint8_t*>(scratch.turned + jacobi * jacobi);
  return scratch;
}

/// A line of D in a unit. Between unbroken rows it is finite where D is that of any vectors; where
/// it is not, infinity counts as the largest number, so that weights stay numbers.
struct CafLine {
  const double* entries;
  double unit;

  BYZCCL_HD double operator[](int j) const {
    constexpr double kLargest = std::numeric_limits<double>::max();
    return exact_mul(unit, entries[j] < kLargest ? entries[j] : kLargest);
  }
};

BYZCCL_HD inline CafLine caf_line(int n, const double* D, const CafScratch& s, int i) {
  return {D + static_cast<std::size_t>(i) * n, s.state->unit};
}

/// G_ij in the unit, for the line D_i.
BYZCCL_HD inline double gram_entry(const CafScratch& s, int i, int j, CafLine line) {
  return mix_gram(s.pull[i], s.pull[j], s.state->S, line[j]);
}

/// a, and the matrix of the rows with c > 0.
template <class Team>
BYZCCL_HD void weigh_covariance(Team team, int n, const double* D, const CafScratch& s) {
  CafState* state = s.state;
  team.for_each(n, [=](int i) {
    s.a[i] = exact_div(s.c[i], state->sum);
    s.root[i] = exact_sqrt(s.a[i]);
  });
  team.for_each(
      n, [=](int i) { s.pull[i] = s.c[i] > 0 ? mix_pull(caf_line(n, D, s, i), s.a, n) : 0; });
  team.once([=] {
    state->S = mix_spread(s.pull, s.a, n);
    state->rows = 0;
    for (int i = 0; i < n; ++i) {
      if (s.c[i] > 0) s.rows[state->rows++] = static_cast<std::uint8_t>(i);
    }
  });
  const int rows = state->rows;
  team.for_each(rows * rows, [=](int item) {
    const int i = s.rows[item / rows];
    const int j = s.rows[item % rows];
    const double gram = gram_entry(s, i, j, caf_line(n, D, s, i));
    // The smaller index first, so that both halves have the same bits.
    const double first = i < j ? s.root[i] : s.root[j];
    const double second = i < j ? s.root[j] : s.root[i];
    s.matrix[item] = exact_mul(exact_mul(first, gram), second);
  });
}

/// lambda and v.
template <class Team>
BYZCCL_HD void find_top_pair(Team team, const CafScratch& s) {
  CafState* state = s.state;
  const int rows = state->rows;
  if (rows <= kCafJacobiRows) {
    team.once([=] {
      const int top = diagonalise(s.matrix, s.turned, rows);
      state->lambda = s.matrix[top * (rows + 1)];
      for (int i = 0; i < rows; ++i) s.v[i] = s.turned[i * rows + top];
    });
    return;
  }
  team.once([=] {
    const std::size_t start = static_cast<std::size_t>(largest_diagonal(s.matrix, rows));
    for (int i = 0; i < rows; ++i) s.next[i] = s.matrix[start * rows + i];
    state->norm = exact_sqrt(inner_product(s.next, s.next, rows));
  });
  for (int step = 0; step < kCafPowerSteps; ++step) {
    team.for_each(rows,
                  [=](int i) { s.v[i] = state->norm > 0 ? exact_div(s.next[i], state->norm) : 0; });
    team.for_each(rows, [=](int i) {
      s.next[i] = inner_product(s.matrix + static_cast<std::size_t>(i) * rows, s.v, rows);
    });
    team.once([=] {
      state->norm = exact_sqrt(inner_product(s.next, s.next, rows));
      state->lambda = inner_product(s.v, s.next, rows);
    });
  }
}

/// Ends the round: remembers a, and lowers c by the squared projections t_i on the top direction.
/// Those are taken from G: p_i = sum_j G_ij sqrt(a_j) v_j, t_i = p_i^2 / lambda. That is
/// lambda v_i^2 / a_i where v is exact, and holds for tiny a_i too.
BYZCCL_HD inline void end_round(const Plan& plan, const Decision& decision, const CafScratch& s) {
  const int n = plan.n;
  CafState* state = s.state;
  const double lambda = state->lambda > 0 ? state->lambda : 0;
  if (lambda < state->smallest) {
    state->smallest = lambda;
    for (int i = 0; i < n; ++i) decision.weights[i] = s.a[i];
  }
  double most = 0;
  for (int k = 0; k < state->rows; ++k) {
    const double t = exact_mul(s.projection[s.rows[k]], s.projection[s.rows[k]]);
    if (t > most) most = t;
  }
  state->finished =
      plan.f == 0 || lambda <= exact_mul(kCafNoVariance, state->largest) || !(most > 0);
  if (state->finished) return;
  state->sum = 0;
  for (int i = 0; i < n; ++i) {
    if (s.c[i] > 0) {
      const double t = exact_mul(s.projection[i], s.projection[i]);
      s.c[i] = exact_mul(s.c[i], exact_sub(1, exact_div(t, most)));
    }
    state->sum = exact_add(state->sum, s.c[i]);
  }
  state->finished = state->sum <= n - 2 * plan.f;
}

/// scores: the reach.
template <class Team>
BYZCCL_HD void select_caf(Team team, const Plan& plan, const double* D, const Decision& decision,
                          void* memory) {
  const int n = plan.n;
  const CafScratch s = caf_scratch_at(n, memory);
  CafState* state = s.state;
  team.for_each(n, [=](int i) {
    s.c[i] = decision.broken[i] ? 0 : 1;
    s.pull[i] = 0;
    for (int j = 0; j < n && !decision.broken[i]; ++j) {
      const double distance = D[static_cast<std::size_t>(i) * n + j];
      if (!decision.broken[j] && distance > s.pull[i]) s.pull[i] = distance;
    }
  });
  team.once([=] {
    *state = {};
    state->smallest = kInfinity;
    for (int i = 0; i < n; ++i) {
      state->sum = exact_add(state->sum, s.c[i]);
      if (s.pull[i] > state->largest) state->largest = s.pull[i];
    }
    state->unit = unit_for(state->largest);
    state->largest = CafLine{&state->largest, state->unit}[0];
  });
  while (!state->finished) {
    weigh_covariance(team, n, D, s);
    find_top_pair(team, s);
    team.for_each(n, [=](int i) {
      double sum = 0;
      for (int k = 0; k < state->rows && s.c[i] > 0; ++k) {
        const int j = s.rows[k];
        const double gram = gram_entry(s, i, j, caf_line(n, D, s, i));
        sum = exact_add(sum, exact_mul(gram, exact_mul(s.root[j], s.v[k])));
      }
      s.projection[i] = sum;
    });
    team.once([=] { end_round(plan, decision, s); });
  }
}

}  // namespace byzccl::rules
