// SPDX-License-Identifier: MIT
// Whether the edges of a graph can be covered by k vertices: bounded branching on an explicit
// stack, for one thread.
//
// Work, whatever the graph: one round of reduce_cover() looks at n vertices, and then ends its
// branch, lowers k by 1, or branches. It branches only at a vertex of degree 3 <= d <= k, into
// k - 1 and k - d. For k = 1 one round does: the edges are more than the largest degree, or all
// meet one vertex. So the rounds of a search are at most L(k) = 1 + L(k - 1) + L(k - 3) from
// L(0) = L(1) = 1, L(2) = 2 on: about 1.47^k.

#pragma once

#include <byzccl/rules/team.hpp>
#include <cstddef>
#include <cstdint>

#if !defined(__CUDA_ARCH__)
#include <bit>
#endif

namespace byzccl::rules {

struct RemovedVertex {
  std::int16_t vertex;
  std::int16_t degree;  ///< when it was removed
};

/// A branch point whose second side (the neighbours of `pivot`, not itself) is still to be tried.
struct BranchPoint {
  std::int16_t pivot;
  std::int16_t removed;
  std::int16_t k;
};

/// A graph of n <= 256 vertices from which vertices are removed and put back, last one first.
struct CoverGraph {
  int n = 0;
  int words = 0;                             ///< of 64 bits, in a line
  const std::uint64_t* adjacency = nullptr;  ///< [n, words] of the whole graph
  std::uint64_t* present = nullptr;          ///< [words]
  std::int16_t* degree = nullptr;            ///< [n]; 0 for removed vertices
  RemovedVertex* trail = nullptr;            ///< [n]
  BranchPoint* stack = nullptr;              ///< [n]
  int removed = 0;                           ///< entries of the trail
  int edges = 0;
  std::int64_t rounds = 0;  ///< of reduce_cover(), so far, over all searches
};

BYZCCL_HD constexpr int cover_words(int n) { return (n + 63) / 64; }

BYZCCL_HD inline int lowest_bit(std::uint64_t bits) {
#if defined(__CUDA_ARCH__)
  return __ffsll(static_cast<long long>(bits)) - 1;
#else
  return std::countr_zero(bits);
#endif
}

/// Calls f(w) for each present neighbour w of v, ascending. f may remove w.
template <class F>
BYZCCL_HD void for_each_neighbor(const CoverGraph& graph, int v, F&& f) {
  for (int word = 0; word < graph.words; ++word) {
    std::uint64_t bits =
        graph.adjacency[static_cast<std::size_t>(v) * graph.words + word] & graph.present[word];
    for (; bits != 0; bits &= bits - 1) f(word * 64 + lowest_bit(bits));
  }
}

BYZCCL_HD inline bool is_present(const CoverGraph& graph, int v) {
  return (graph.present[v / 64] >> (v % 64) & 1) != 0;
}

BYZCCL_HD inline void remove_vertex(CoverGraph& graph, int v) {
  graph.present[v / 64] &= ~(std::uint64_t{1} << (v % 64));
  graph.trail[graph.removed++] = {static_cast<std::int16_t>(v), graph.degree[v]};
  graph.edges -= graph.degree[v];
  graph.degree[v] = 0;
  std::int16_t* degree = graph.degree;
  for_each_neighbor(graph, v, [degree](int w) { --degree[w]; });
}

/// Removes all neighbours of v, which stays, alone.
BYZCCL_HD inline void remove_neighbors(CoverGraph& graph, int v) {
  for_each_neighbor(graph, v, [&graph](int w) { remove_vertex(graph, w); });
}

/// Puts vertices back until only `removed` entries of the trail are left.
BYZCCL_HD inline void restore(CoverGraph& graph, int removed) {
  while (graph.removed > removed) {
    const RemovedVertex last = graph.trail[--graph.removed];
    std::int16_t* degree = graph.degree;
    for_each_neighbor(graph, last.vertex, [degree](int w) { ++degree[w]; });
    graph.degree[last.vertex] = last.degree;
    graph.edges += last.degree;
    graph.present[last.vertex / 64] |= std::uint64_t{1} << (last.vertex % 64);
  }
}

/// Removes what some smallest cover surely holds, lowering k, until a vertex has to be chosen:
/// returns it. -1: nothing is left to cover; -2: k vertices cannot cover what is left.
BYZCCL_HD inline int reduce_cover(CoverGraph& graph, int& k) {
  for (;;) {
    if (graph.edges == 0) return -1;
    int pivot = 0;
    int leaf = -1;
    ++graph.rounds;
    for (int v = 0; v < graph.n; ++v) {
      if (graph.degree[v] > graph.degree[pivot]) pivot = v;
      if (graph.degree[v] == 1) leaf = v;
    }
    const int most = graph.degree[pivot];
    if (graph.edges > k * most) return -2;
    if (leaf >= 0) {
      remove_neighbors(graph, leaf);  // its only neighbour covers all that the leaf covers
    } else if (most > k || most == 2) {
      // Over k neighbours cannot all be taken instead; and without leaves degree 2 means cycles,
      // of which any vertex will do.
      remove_vertex(graph, pivot);
    } else {
      return pivot;
    }
    --k;
  }
}

/// Whether k vertices cover all edges. If so, those removed since the call are such a cover;
/// otherwise the graph is in some state that restore() mends.
BYZCCL_HD inline bool search_cover(CoverGraph& graph, int k) {
  int depth = 0;
  for (;;) {
    const int pivot = reduce_cover(graph, k);
    if (pivot == -1) return true;
    if (pivot >= 0) {
      graph.stack[depth++] = {static_cast<std::int16_t>(pivot),
                              static_cast<std::int16_t>(graph.removed),
                              static_cast<std::int16_t>(k)};
      remove_vertex(graph, pivot);
      --k;
      continue;
    }
    BranchPoint point{};
    do {
      if (depth == 0) return false;
      point = graph.stack[--depth];
      restore(graph, point.removed);
      k = point.k - graph.degree[point.pivot];
    } while (k < 0);
    remove_neighbors(graph, point.pivot);
  }
}

}  // namespace byzccl::rules
