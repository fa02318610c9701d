// SPDX-License-Identifier: MIT
// The graph of the pairs of rows that lie farther apart than t, and the memory that mda works in.

#pragma once

#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/exact.hpp>
#include <byzccl/rules/vertex_cover.hpp>

namespace byzccl::rules {

struct MdaState {
  double low;  ///< the least diameter is in [low, high], both distances of unbroken pairs
  double high;
  std::int64_t rounds;  ///< of all searches
  int k;                ///< rows that may go besides the broken ones
};

/// Views into mda_bytes(n) bytes, 8-byte aligned.
struct MdaScratch {
  MdaState* state;
  double* below;             ///< [n] the largest D_ij <= t of a line; -1 if there is none
  double* above;             ///< [n] the smallest D_ij > t of a line
  std::uint64_t* adjacency;  ///< [n, words]
  std::uint64_t* present;    ///< [words]
  RemovedVertex* trail;      ///< [n]
  BranchPoint* stack;        ///< [n]
  std::int16_t* degree;      ///< [n]
};

BYZCCL_HD inline std::size_t mda_bytes(int n) {
  const std::size_t rows = static_cast<std::size_t>(n);
  const std::size_t words = static_cast<std::size_t>(cover_words(n));
  return sizeof(MdaState) + 2 * sizeof(double) * rows + sizeof(std::uint64_t) * (rows + 1) * words +
         (sizeof(RemovedVertex) + sizeof(BranchPoint) + sizeof(std::int16_t)) * rows;
}

BYZCCL_HD inline MdaScratch mda_scratch_at(int n, void* memory) {
  MdaScratch scratch;
  scratch.state = static_cast<MdaState*>(memory);
  scratch.below = reinterpret_cast<double*>(scratch.state + 1);
  scratch.above = scratch.below + n;
  scratch.adjacency = reinterpret_cast<std::uint64_t*>(scratch.above + n);
  scratch.present = scratch.adjacency + static_cast<std::size_t>(n) * cover_words(n);
  scratch.trail = reinterpret_cast<RemovedVertex*>(scratch.present + cover_words(n));
  scratch.stack = reinterpret_cast<BranchPoint*>(scratch.trail + n);
  scratch.degree = reinterpret_cast<std::int16_t*>(scratch.stack + n);
  return scratch;
}

/// The graph of the unbroken pairs with D_ij > t, and the distances next to t.
template <class Team>
BYZCCL_HD void connect_farther(Team team, const Plan& plan, const double* D,
                               const Decision& decision, double t, const MdaScratch& scratch) {
  const int n = plan.n;
  const int words = cover_words(n);
  team.for_each(n, [=](int i) {
    std::uint64_t* line = scratch.adjacency + static_cast<std::size_t>(i) * words;
    double below = -1;
    double above = kInfinity;
    int degree = 0;
    for (int word = 0; word < words; ++word) line[word] = 0;
    for (int j = 0; j < n; ++j) {
      if (i == j || decision.broken[i] || decision.broken[j]) continue;
      const double distance = D[static_cast<std::size_t>(i) * n + j];
      if (distance > t) {
        line[j / 64] |= std::uint64_t{1} << (j % 64);
        ++degree;
        if (distance < above) above = distance;
      } else if (distance > below) {
        below = distance;
      }
    }
    scratch.degree[i] = static_cast<std::int16_t>(degree);
    scratch.below[i] = below;
    scratch.above[i] = above;
  });
}

/// The graph as connect_farther() left it, whole.
BYZCCL_HD inline CoverGraph whole_graph(int n, const MdaScratch& scratch) {
  CoverGraph graph;
  graph.n = n;
  graph.words = cover_words(n);
  graph.adjacency = scratch.adjacency;
  graph.present = scratch.present;
  graph.degree = scratch.degree;
  graph.trail = scratch.trail;
  graph.stack = scratch.stack;
  graph.rounds = scratch.state->rounds;
  for (int word = 0; word < graph.words; ++word) graph.present[word] = ~std::uint64_t{0};
  for (int i = 0; i < n; ++i) graph.edges += graph.degree[i];
  graph.edges /= 2;
  return graph;
}

}  // namespace byzccl::rules
