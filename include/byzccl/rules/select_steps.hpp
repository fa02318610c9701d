// SPDX-License-Identifier: MIT
// A selector behind steps: what the rule is given, and the net weights of the vectors.

#pragma once

#include <byzccl/rules/bucketing.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/nnm.hpp>
#include <byzccl/rules/order.hpp>
#include <byzccl/rules/reach.hpp>

namespace byzccl::rules {

/// Why a row is absent: its norm is infinite, or nnm found it broken. Of one row alone nobody can
/// say that it is broken, but it may be absent.
inline constexpr std::uint8_t kNoNorm = 1;
inline constexpr std::uint8_t kFoundBroken = 2;

/// Views into steps_bytes(plan) bytes, 8-byte aligned.
struct StepsScratch {
  double* weights;          ///< [rows, n] of the rows that the rule is given
  double* V;                ///< [n, n] of nnm
  double* pulls;            ///< [n, n]
  double* mixed;            ///< [lines, n] D behind nnm
  double* net;              ///< [rows, n] W V
  double* shares;           ///< [rows] what a weight of 1 stands for
  std::uint8_t* neighbors;  ///< neighbor_bytes(n)
  std::uint8_t* absent;     ///< [n] 0: there; kNoNorm, kFoundBroken or both: not
  std::uint8_t* order;      ///< [ranks]
  std::uint8_t* bucket;     ///< [ranks]
};

BYZCCL_HD inline std::size_t steps_bytes(const Plan& plan) {
  if (!plan.has_steps()) return 0;
  const std::size_t n = static_cast<std::size_t>(plan.n);
  const std::size_t rows = static_cast<std::size_t>(plan.rows);
  const std::size_t lines = static_cast<std::size_t>(plan.lines);
  const std::size_t marks = n + 2 * static_cast<std::size_t>(plan.ranks);
  return sizeof(double) * (n * (2 * rows + 2 * n + lines) + rows) + neighbor_bytes(plan.n) +
         (marks + 7) / 8 * 8;
}

BYZCCL_HD inline StepsScratch steps_scratch_at(const Plan& plan, void* memory) {
  const std::size_t n = static_cast<std::size_t>(plan.n);
  StepsScratch scratch;
  scratch.weights = static_cast<double*>(memory);
  scratch.V = scratch.weights + plan.rows * n;
  scratch.pulls = scratch.V + n * n;
  scratch.mixed = scratch.pulls + n * n;
  scratch.net = scratch.mixed + plan.lines * n;
  scratch.shares = scratch.net + plan.rows * n;
  scratch.neighbors = reinterpret_cast<std::uint8_t*>(scratch.shares + plan.rows);
  scratch.absent = scratch.neighbors + neighbor_bytes(plan.n);
  scratch.order = scratch.absent + n;
  scratch.bucket = scratch.order + plan.ranks;
  return scratch;
}

/// The rule's own plan, as if its rows were the vectors.
BYZCCL_HD inline Plan without_steps(const Plan& plan) {
  Plan inner = plan;
  inner.ranks = plan.n;
  inner.bucket = 0;
  inner.needs_norms = false;
  inner.nnm_f = -1;
  return inner;
}

/// Rows that are there, of the first `count`.
BYZCCL_HD inline int count_present(const std::uint8_t* absent, int count) {
  int present = 0;
  for (int i = 0; i < count; ++i) present += !absent[i];
  return present;
}

/// mean and the column rules, which read no D: every row that is there. A column rule has them one
/// by one as the first rows of W.
template <class Team>
BYZCCL_HD void select_present(Team team, const Plan& plan, const std::uint8_t* absent,
                              const Decision& decision) {
  const int n = plan.n;
  const bool sums = plan.combiner == Combiner::kWeightedSum;
  team.for_each(plan.rows * n, [=](int k) { decision.weights[k] = 0; });
  team.for_each(n, [=](int i) {
    const int row = sums ? 0 : count_present(absent, i);
    if (!absent[i]) decision.weights[static_cast<std::size_t>(row) * n + i] = 1;
  });
  team.once([=] {
    const int present = count_present(absent, n);
    decision.outcome->rows = sums && present > 0 ? 1 : present;
    decision.outcome->divisor = sums ? present : 0;
  });
}

/// The vectors of a row of the rule's weights [n] if the row is a plain mean of buckets of one
/// size: then they are added and divided once. 0 if it is not.
BYZCCL_HD inline int averaged_vectors(const Plan& plan, const double* row, double divisor) {
  int size = 0;
  int vectors = 0;
  for (int j = 0; j < plan.n; ++j) {
    if (row[j] == 0) continue;
    const int members = bucket_size(plan, j);
    if ((divisor == 0 && row[j] != 1) || (size > 0 && size != members)) return 0;
    size = members;
    vectors += members;
  }
  return vectors;
}

/// Where every row of W is a mean of whole buckets of one size and nothing else changes them,
/// decision.weights [rows, ranks] = 1 for their vectors, and divisor > 0. False elsewhere.
template <class Team>
BYZCCL_HD bool average_buckets(Team team, const Plan& plan, const StepsScratch& scratch,
                               const Decision& decision) {
  if (plan.bucket == 0 || plan.needs_norms || plan.nnm_f >= 0) return false;
  const int n = plan.n;
  const int ranks = plan.ranks;
  team.once([=] {
    const double divisor = decision.outcome->divisor;
    int vectors = averaged_vectors(plan, scratch.weights, divisor);
    scratch.net[0] = vectors;
    for (int k = 1; k < plan.rows && vectors > 0; ++k) {
      vectors = averaged_vectors(plan, scratch.weights + static_cast<std::size_t>(k) * n, divisor);
      if (vectors == 0) scratch.net[0] = 0;
    }
    assign_buckets(plan, scratch.order, scratch.bucket);
  });
  const double ones = scratch.net[0];
  if (ones == 0) return false;
  team.for_each(plan.rows * ranks, [=](int item) {
    const int j = scratch.bucket[item % ranks];
    decision.weights[item] =
        scratch.weights[static_cast<std::size_t>(item / ranks) * n + j] != 0 ? 1 : 0;
  });
  team.once([=] { decision.outcome->divisor = ones; });
  return true;
}

/// What a weight of 1 stands for in a row of the rule's weights [n]: where the sum of a row is
/// divided, one part of the ones in it.
BYZCCL_HD inline double share_of_one(const double* row, int n, double divisor) {
  if (divisor == 0) return 1;
  double ones = 0;
  for (int j = 0; j < n; ++j) ones += row[j];
  return ones > 0 ? exact_div(1, ones) : 0;
}

/// decision.weights [rows, ranks] = the rule's weights times those of nnm, the scales, and each
/// vector's part of its bucket.
template <class Team>
BYZCCL_HD void weigh_vectors(Team team, const Plan& plan, const StepsScratch& scratch,
                             const Decision& decision) {
  const int n = plan.n;
  const int ranks = plan.ranks;
  const bool mixes = plan.nnm_f >= 0;
  const double divisor = decision.outcome->divisor;
  // Its end also keeps the first `net` back until every lane has read what average_buckets left.
  team.for_each(plan.rows, [=](int k) {
    const double* row = scratch.weights + static_cast<std::size_t>(k) * n;
    scratch.shares[k] = share_of_one(row, n, divisor);
  });
  team.for_each(plan.rows * n, [=](int item) {
    const double* row = scratch.weights + static_cast<std::size_t>(item / n) * n;
    const int j = item % n;
    const double share = scratch.shares[item / n];
    double sum = mixes ? 0 : exact_mul(row[j], share);
    for (int i = 0; i < n && mixes; ++i) {
      if (row[i] == 0) continue;
      const double weight = exact_mul(row[i], share);
      sum = exact_add(sum, exact_mul(weight, scratch.V[static_cast<std::size_t>(i) * n + j]));
    }
    const double scale = plan.needs_norms ? decision.scales[j] : 1;
    scratch.net[item] = scale < 0 ? 0 : exact_mul(sum, scale);
  });
  if (plan.bucket > 0) {
    team.once([=] { assign_buckets(plan, scratch.order, scratch.bucket); });
  }
  team.for_each(plan.rows * ranks, [=](int item) {
    const double* row = scratch.net + static_cast<std::size_t>(item / ranks) * n;
    const int rank = item % ranks;
    const int j = plan.bucket > 0 ? scratch.bucket[rank] : rank;
    decision.weights[item] = plan.bucket > 0 ? exact_div(row[j], bucket_size(plan, j)) : row[j];
  });
  team.once([=] { decision.outcome->divisor = 0; });
}

/// Decides behind the plan's steps. rule(plan, D, decision) decides without them; it is not called
/// for rules that read no D. decision.scales is set if the plan needs norms.
template <class Team, class Select>
BYZCCL_HD void select_behind_steps(Team team, const Plan& plan, bool reads_distances,
                                   const double* D, const Decision& decision, void* memory,
                                   Select&& rule) {
  const int n = plan.n;
  const StepsScratch scratch = steps_scratch_at(plan, memory);
  const Plan inner = without_steps(plan);
  Decision given = decision;
  given.weights = scratch.weights;
  team.once([=] { *decision.outcome = {}; });
  team.for_each(n, [=](int i) {
    scratch.absent[i] = plan.needs_norms && decision.scales[i] < 0 ? kNoNorm : 0;
    decision.reach[i] = 0;
    decision.scores[i] = 0;
    decision.broken[i] = 0;
    decision.flagged[i] = 0;
  });
  team.for_each(plan.rows * plan.ranks, [=](int k) { decision.weights[k] = 0; });
  if (plan.nnm_f >= 0) {
    Plan mixing = inner;
    mixing.f = plan.nnm_f;
    sort_neighbors(team, n, D, scratch.neighbors);
    if (!find_broken(team, mixing, D, scratch.neighbors, decision)) {
      fail_closed(team, plan, decision, Failure::kTooManyBroken);
      return;
    }
    weigh_neighbors(team, n, plan.nnm_f, scratch.neighbors, decision.broken, scratch.V);
    mix_distances(team, inner, D, scratch.V, decision.broken, scratch.pulls, scratch.mixed);
    team.for_each(n, [=](int i) {
      if (decision.broken[i]) scratch.absent[i] |= kFoundBroken;
    });
    D = scratch.mixed;
  }
  if (reads_distances) {
    rule(inner, D, given);
    // Reported are the broken rows of the first stage that takes reach.
    if (plan.nnm_f >= 0) {
      team.for_each(n,
                    [=](int i) { decision.broken[i] = (scratch.absent[i] & kFoundBroken) != 0; });
    }
    if (decision.outcome->failure != Failure::kNone) return;
    team.once([=] {
      if (count_present(scratch.absent, n) == 0) decision.outcome->rows = 0;
    });
  } else {
    select_present(team, inner, scratch.absent, given);
  }
  if (!average_buckets(team, plan, scratch, decision)) {
    weigh_vectors(team, plan, scratch, decision);
  }
}

}  // namespace byzccl::rules
