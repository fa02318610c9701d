// SPDX-License-Identifier: MIT
// The work of mda, which is bounded whatever D is.

#include <algorithm>
#include <bit>
#include <byzccl/rules/mda.hpp>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/mda_inputs.hpp"

namespace byzccl::test {
namespace {

/// Far pairs that are `degree` random matchings of the first `rows` rows; no row stands out.
Distances regular_far_pairs(int n, int rows, int degree, Random& random) {
  Distances D = matrix(n, [] { return 1.; });
  std::vector<int> order(rows);
  for (int i = 0; i < rows; ++i) order[i] = i;
  for (int k = 0; k < degree; ++k) {
    std::shuffle(order.begin(), order.end(), random);
    for (int i = 0; i + 1 < rows; i += 2) {
      D[static_cast<std::size_t>(order[i]) * n + order[i + 1]] =
          D[static_cast<std::size_t>(order[i + 1]) * n + order[i]] = 2;
    }
  }
  return D;
}

const rules::MdaState& state_of(const Decided& decided) {
  return *static_cast<const rules::MdaState*>(decided.own_scratch());
}

/// Most rounds of one search for a cover by each k <= f.
std::vector<std::int64_t> search_rounds(int f) {
  std::vector<std::int64_t> rounds{1, 1, 2};
  for (int k = 3; k <= f; ++k) rounds.push_back(1 + rounds[k - 1] + rounds[k - 3]);
  return rounds;
}

/// Most rounds of a whole decision.
std::int64_t most_rounds(int f) {
  const std::vector<std::int64_t> rounds = search_rounds(f);
  std::int64_t most = 63 * rounds[f];
  for (int k = 0; k < f; ++k) most += rounds[k];
  return most;
}

using Edges = std::vector<std::pair<int, int>>;

/// A graph of `size` vertices in which each meets the `reach` next ones of a circle.
Edges circle(int size, int reach) {
  Edges edges;
  for (int i = 0; i < size; ++i) {
    for (int k = 1; k <= reach; ++k) {
      if (2 * k < size || i < k) edges.emplace_back(i, (i + k) % size);
    }
  }
  return edges;
}

/// Far pairs that are `count` copies of a graph of `size` vertices; and row n - 1, whose distances
/// let the bisection of t end late.
Distances copies(int n, int count, int size, const Edges& edges) {
  constexpr double kFarthest = 9e7;  // of the near pairs: no row is broken
  Distances D = matrix(n, [] { return 1.; });
  const auto set = [&](int i, int j, double value) {
    D[static_cast<std::size_t>(i) * n + j] = D[static_cast<std::size_t>(j) * n + i] = value;
  };
  for (int first = 0; first < count * size; first += size) {
    for (const auto& [i, j] : edges) set(first + i, first + j, kFarthest);
  }
  const auto top = std::bit_cast<std::uint64_t>(kFarthest);
  for (int j = 0; j < std::min(57, n - 2); ++j) {
    set(n - 1, j, std::bit_cast<double>(top - (std::uint64_t{1} << j)));
  }
  return D;
}

void check_fits(const Decided& decided, const char* what) {
  INFO(what << " n = " << decided.plan().n << ", f = " << decided.plan().f
            << ", rounds = " << state_of(decided).rounds);
  CHECK(decided.outcome().failure == rules::Failure::kNone);
  CHECK(state_of(decided).rounds <= most_rounds(decided.plan().f));
  CHECK(static_cast<int>(decided.selected().size()) == decided.plan().n - decided.plan().f);
}

TEST_CASE("the work is bounded whatever D is, up to the largest f") {
  Random random(4);
  for (const auto& [n, f] : {std::pair{64, 5}, {64, 12}, {64, 20}, {64, 31}, {256, 31}}) {
    check_fits(Decided(mda(f), distances(random_points(n, 2, random))), "plane");
    check_fits(Decided(mda(f), distances(random_points(n, 200, random))), "near-equal distances");
    check_fits(Decided(mda(f), matrix(n, [&] { return static_cast<double>(random() % 1000000); })),
               "random");
    check_fits(Decided(mda(f), matrix(n, [&] { return 1. + static_cast<double>(random() % 3); })),
               "three values");
    check_fits(
        Decided(mda(f), matrix(n, [&] { return std::ldexp(1., static_cast<int>(random() % 60)); })),
        "powers of two");
    for (int degree : {2, 3, 4, 5, 6}) {
      // Sparse random graphs of far pairs, where covers of f vertices just exist or just do not.
      const auto far = static_cast<std::uint64_t>(63 / degree);
      check_fits(Decided(mda(f), matrix(n, [&] { return random() % far == 0 ? 2. : 1.; })),
                 "sparse");
    }
    for (int size = 3; size <= 9; ++size) {
      for (int reach = 1; 2 * reach <= size; ++reach) {
        // Triangles, cycles, complete graphs, and what lies between.
        const int count = std::min(n - 1, 2 * f + 2 * size) / size;
        check_fits(Decided(mda(f), copies(n, count, size, circle(size, reach))), "copies");
      }
    }
    for (int rows = 2 * f - 8; rows <= std::min(n, 2 * f + 8); rows += 2) {
      check_fits(Decided(mda(f), regular_far_pairs(n, std::max(rows, 4), 3, random)), "cubic");
      check_fits(Decided(mda(f), regular_far_pairs(n, std::max(rows, 4), 5, random)), "5-regular");
    }
    Points clusters = random_points(n, 3, random);
    for (int i = 0; i < n; ++i) clusters[i][i % 3] += 40;
    check_fits(Decided(mda(f), distances(clusters)), "clusters");
  }
}

/// Rounds of the search for a cover by k rows of the pairs above 1.
std::int64_t rounds_of_search(const Distances& D, int n, int k) {
  Plan plan;
  plan.n = n;
  std::vector<std::uint8_t> broken(n, 0);
  rules::Decision decision;
  decision.broken = broken.data();
  std::vector<double> memory(rules::mda_bytes(n) / sizeof(double) + 1);
  const rules::MdaScratch scratch = rules::mda_scratch_at(n, memory.data());
  *scratch.state = {};
  rules::connect_farther(rules::Solo{}, plan, D.data(), decision, 1, scratch);
  rules::CoverGraph graph = rules::whole_graph(n, scratch);
  rules::search_cover(graph, k);
  return graph.rounds;
}

TEST_CASE("a search for a cover takes the rounds that its bound says, at most") {
  Random random(6);
  for (int k = 0; k <= 18; ++k) {
    std::int64_t most = 0;
    for (int round = 0; round < 60; ++round) {
      const int n = 8 + static_cast<int>(random() % 41);
      const unsigned far = 1 + static_cast<unsigned>(random() % 24);
      most = std::max(
          most, rounds_of_search(matrix(n, [&] { return random() % far == 0 ? 2. : 0.; }), n, k));
    }
    for (int size = 3; size <= 9; ++size) {
      for (int reach = 1; 2 * reach <= size; ++reach) {
        for (int count = 1; count * size < 64; ++count) {
          const Distances D = copies(64, count, size, circle(size, reach));
          most = std::max(most, rounds_of_search(D, 64, k));
        }
      }
    }
    CAPTURE(k);
    CHECK(most <= search_rounds(k)[k]);
    if (k <= 2) CHECK(most == search_rounds(k)[k]);
  }
}

}  // namespace
}  // namespace byzccl::test
