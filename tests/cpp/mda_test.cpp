// SPDX-License-Identifier: MIT
// mda against enumeration where that is possible, and against planted answers where it is not; and
// its work, which is bounded whatever D is.

#include <algorithm>
#include <bit>
#include <byzccl/rules/mda.hpp>
#include <chrono>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "csrc/steps.hpp"
#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/ranks.hpp"

namespace byzccl::test {
namespace {

using Random = std::mt19937_64;

double diameter(const Distances& D, int n, const std::vector<int>& set) {
  double largest = 0;
  for (int i : set) {
    for (int j : set) largest = std::max(largest, D[static_cast<std::size_t>(i) * n + j]);
  }
  return largest;
}

/// The next combination of set.size() out of n in lexicographic order; false after the last.
bool next_combination(std::vector<int>& set, int n) {
  const int m = static_cast<int>(set.size());
  int at = m - 1;
  while (at >= 0 && set[at] == n - m + at) --at;
  if (at < 0) return false;
  ++set[at];
  for (int k = at + 1; k < m; ++k) set[k] = set[k - 1] + 1;
  return true;
}

std::vector<int> by_enumeration(const Distances& D, int n, int f) {
  std::vector<int> set;
  for (int i = 0; i < n - f; ++i) set.push_back(i);
  std::vector<int> best = set;
  double least = diameter(D, n, set);
  while (next_combination(set, n)) {
    const double here = diameter(D, n, set);
    if (here < least) {
      least = here;
      best = set;
    }
  }
  return best;
}

/// A symmetric matrix with entries drawn by `draw`; no metric, which mda does not ask for.
template <class Draw>
Distances matrix(int n, Draw draw) {
  Distances D(static_cast<std::size_t>(n) * n, 0);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      D[static_cast<std::size_t>(i) * n + j] = D[static_cast<std::size_t>(j) * n + i] = draw();
    }
  }
  return D;
}

Points random_points(int n, int d, Random& random) {
  std::normal_distribution<double> normal;
  Points x(n, std::vector<double>(d));
  for (auto& row : x) {
    for (double& value : row) value = normal(random);
  }
  return x;
}

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

std::string mda(int f) { return "mda(f=" + std::to_string(f) + ")"; }

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

TEST_CASE("mda agrees with enumeration") {
  Random random(1);
  int checked = 0;
  for (int n = 1; n <= 13; ++n) {
    for (int f = 0; 2 * f + 1 <= n; ++f) {
      for (int round = 0; round < 12; ++round) {
        // Entries from few values: many sets of equal diameter.
        const int values = round % 4 == 0 ? 1000 : 1 + round;
        const Distances D = matrix(n, [&] { return static_cast<double>(random() % values); });
        const Decided decided(mda(f), D);
        CAPTURE(n, f, round);
        if (!decided.broken().empty()) continue;  // M = 0; the next test has broken rows
        REQUIRE(decided.outcome().failure == rules::Failure::kNone);
        REQUIRE(decided.selected() == by_enumeration(D, n, f));
        REQUIRE(decided.outcome().divisor == n - f);
        ++checked;
      }
    }
  }
  REQUIRE(checked > 500);
}

TEST_CASE("mda takes broken rows for the first of the f that go") {
  Random random(2);
  for (int f = 1; f <= 4; ++f) {
    for (int gone = 1; gone <= f; ++gone) {
      Points x = random_points(11, 2, random);
      Points unbroken;
      std::vector<int> index;
      for (int i = 0; i < 11; ++i) {
        if (i < gone) {
          x[i][0] = 1e17 * (i + 1);
        } else {
          unbroken.push_back(x[i]);
          index.push_back(i);
        }
      }
      const Decided decided(mda(f), distances(x));
      CAPTURE(f, gone);
      REQUIRE(static_cast<int>(decided.broken().size()) == gone);
      std::vector<int> expected = by_enumeration(distances(unbroken), 11 - gone, f - gone);
      for (int& i : expected) i = index[i];
      REQUIRE(decided.selected() == expected);
    }
  }
}

TEST_CASE("mda prefers the lexicographically smallest of equal sets") {
  // The far pairs form a cycle of 5, which 2 rows cannot cover: every set of 3 has diameter 4.
  Distances D(25, 1);
  for (int i = 0; i < 5; ++i) {
    D[i * 5 + i] = 0;
    D[i * 5 + (i + 2) % 5] = D[(i + 2) % 5 * 5 + i] = 4;
  }
  REQUIRE(Decided("mda(f=2)", D).selected() == std::vector<int>{0, 1, 2});
  REQUIRE(Decided("mda(f=2)", Distances(25, 0)).selected() == std::vector<int>{0, 1, 2});
}

TEST_CASE("mda ends over sums that no distances have") {
  // Negative and NaN sums, as a lying rank's shard may hold: infinitely far, never nearest.
  const auto selected = [](const std::vector<double>& sums) {
    Distances D(25);
    make_cpu_steps()->spread(sums.data(), 1, 5, 5, D.data());
    std::vector<int> rows;
    run(1, [&](int) { rows = Decided("mda(f=2)", D).selected(); }, std::chrono::seconds(20));
    return rows;
  };
  CHECK(selected({-0.5, 0, 1, 1, 0, 1, 1, 1, 1, 1}) == std::vector<int>{0, 2, 3});
  CHECK(selected({-0.5, std::nan(""), 1, 1, 0, 1, 1, 1, 1, 1}) == std::vector<int>{0, 3, 4});
}

TEST_CASE("mda finds a planted set") {
  Random random(3);
  for (int n : {64, 128, 256}) {
    for (int f : {1, 7, 20, 31}) {
      std::vector<int> order(n);
      for (int i = 0; i < n; ++i) order[i] = i;
      std::shuffle(order.begin(), order.end(), random);
      std::vector<bool> bad(n, false);
      for (int i = 0; i < f; ++i) bad[order[i]] = true;
      std::uniform_real_distribution<double> inside(0.5, 1);
      std::uniform_real_distribution<double> anywhere(0.5, 2);
      Distances D = matrix(n, [&] { return anywhere(random); });
      std::vector<int> good;
      for (int i = 0; i < n; ++i) {
        if (bad[i]) continue;
        for (int j : good) {
          D[static_cast<std::size_t>(i) * n + j] = D[static_cast<std::size_t>(j) * n + i] =
              inside(random);
        }
        good.push_back(i);
      }
      const Decided decided(mda(f), D);
      CAPTURE(n, f);
      REQUIRE(decided.outcome().failure == rules::Failure::kNone);
      REQUIRE(decided.selected() == good);
    }
  }
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
