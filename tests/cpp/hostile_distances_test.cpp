// SPDX-License-Identifier: MIT
// In `sharded` the ranks add up D from what each of them says of its columns, and one that lies
// makes it anything: whatever it is, a rule that has not failed gives weights that are numbers.

#include <byzccl/rules/scaling.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/awkward.hpp"
#include "support/catch.hpp"
#include "support/decided.hpp"

namespace byzccl::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMost = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

/// What a sum of squares can be once it was read.
constexpr double kWild[] = {0,   kLeast, 1e-310, 1e-45, 1e-7,  1,
                            1e5, 1e30,   1e155,  1e300, kMost, kInf};

struct Case {
  std::string name;
  Distances D;  ///< [n + 1, n]
};

/// Symmetric, with a zero diagonal; `entry` gives the rest. Line n stands for the norms.
template <class Entry>
Distances matrix(int n, Entry&& entry) {
  const std::size_t size = static_cast<std::size_t>(n);
  Distances D((size + 1) * size, 0);
  for (std::size_t i = 0; i <= size; ++i) {
    for (std::size_t j = 0; j < size && j < i; ++j) {
      D[i * size + j] = entry(static_cast<int>(i), static_cast<int>(j));
      if (i < size) D[j * size + i] = D[i * size + j];
    }
  }
  for (std::size_t j = 0; j < size; ++j) D[size * size + j] = entry(n, static_cast<int>(j));
  return D;
}

std::vector<Case> hostile(int n) {
  std::mt19937_64 random(static_cast<unsigned>(n));
  std::uniform_real_distribution<double> near(0.5, 2);
  std::vector<Case> cases;
  for (const double wild : kWild) {
    for (const double size : {0.0, kLeast, 1.0, 1e150}) {
      const std::string of = " of " + std::to_string(wild) + " among " + std::to_string(size);
      cases.push_back({"one pair" + of, matrix(n, [&](int i, int j) {
                         return i == 1 && j == 0 ? wild : size * near(random);
                       })});
      cases.push_back({"every third pair" + of, matrix(n, [&](int, int) {
                         return random() % 3 == 0 ? wild : size * near(random);
                       })});
      cases.push_back({"the norms" + of,
                       matrix(n, [&](int i, int) { return i == n ? wild : size * near(random); })});
    }
  }
  for (int repeat = 0; repeat < 20; ++repeat) {
    cases.push_back({"all of it", matrix(n, [&](int, int) {
                       return kWild[random() % std::size(kWild)] * near(random);
                     })});
  }
  return cases;
}

void check_weights(const Plan& plan, const rules::Decision& decision) {
  const rules::Outcome& outcome = *decision.outcome;
  REQUIRE((outcome.rows >= 0 && outcome.rows <= plan.rows));
  for (int row = 0; row < outcome.rows; ++row) {
    double sum = outcome.previous_weight;
    for (int i = 0; i < plan.ranks; ++i) {
      const double weight = decision.weights[row * plan.ranks + i];
      CHECK(weight >= 0);
      sum += weight;
    }
    CHECK(sum < 1 + plan.ranks);
    // What is scaled down may come to nothing.
    if (!plan.needs_norms) CHECK(sum > 0.5);
  }
  for (int i = 0; i < plan.n; ++i) {
    CHECK_FALSE(std::isnan(decision.scores[i]));
    CHECK_FALSE(std::isnan(decision.reach[i]));
  }
}

TEST_CASE("Whatever the distances are, what has not failed has weights that are numbers") {
  for (const int n : {2, 5, 9, 40}) {
    for (const std::string& text : every_rule_behind_steps(n)) {
      if (n == 40 && text.find("caf") == std::string::npos) continue;  // its power steps
      for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
        Plan plan = byzccl::plan(Rule::parse(text), n, dtype);
        if (plan.needs_own) plan.own = 0;
        if (plan.rows == 0 || !plan.needs_distances) continue;
        std::vector<double> memory(rules::decision_bytes(plan) / 8 + 1);
        std::vector<double> scratch(rules::select_scratch_bytes(plan) / 8 + 1);
        const rules::Decision decision = rules::decision_at(plan, memory.data());
        for (const Case& given : hostile(plan.n)) {
          CAPTURE(text, n, to_text(dtype), given.name);
          if (plan.needs_norms) {
            const std::size_t size = static_cast<std::size_t>(plan.n);
            std::vector<double> norms(given.D.end() - plan.n, given.D.end());
            REQUIRE(norms.size() == size);
            rules::scale_rows(rules::Solo{}, plan, norms.data(), decision);
          }
          rules::select(rules::Solo{}, plan, given.D.data(), decision, scratch.data());
          if (decision.outcome->failure == rules::Failure::kNone) check_weights(plan, decision);
        }
      }
    }
  }
}

}  // namespace
}  // namespace byzccl::test
