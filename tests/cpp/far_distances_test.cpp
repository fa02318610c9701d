// SPDX-License-Identifier: MIT
// The largest distances that count as finite: sums over up to 256 of them stay finite, so that
// every selector decides as it does over small ones.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/selector_rules.hpp"

namespace byzccl::test {
namespace {

struct Size {
  int n;
  int f;
};

/// Distances of about 1/2 between all rows but f, of about 1 from those to the other two groups, f
/// / 2 rows each and the first ones, and of about 2.5 between these; and the norms as line n.
Distances three_groups(Size size) {
  constexpr int kDimensions = 40;
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0, std::sqrt(0.25 / kDimensions));
  Points x(size.n, std::vector<double>(kDimensions + 1));
  for (int i = 0; i < size.n; ++i) {
    for (double& value : x[i]) value = normal(random);
    x[i].back() = i < size.f / 2 ? 0.7 : i < size.f / 2 * 2 ? -0.7 : 0;
  }
  return distances(x);
}

Distances times(Distances D, double factor) {
  for (double& distance : D) distance *= factor;
  return D;
}

std::vector<std::string> rules_of(Size size, const std::string& tau) {
  std::vector<std::string> rules = rules_at(size.n, size.f);
  for (std::string& rule : rules) {
    const std::size_t at = rule.find("tau=2");
    if (at != std::string::npos) rule.replace(at, 5, "tau=" + tau);
  }
  const std::vector<std::string> alone = rules;
  for (const std::string& rule : alone) {
    rules.push_back("nnm+" + rule);
  }
  return rules;
}

/// A square root of `factor`, times 2, as text that reads back as the same number.
std::string tau_of(double factor) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", 2 * std::sqrt(factor));
  return text;
}

TEST_CASE("every selector decides alike just under the largest finite distance") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (const Size size : {Size{9, 1}, {24, 4}, {256, 31}}) {
      const Distances D = three_groups(size);
      // A power of four that brings reaches of 1 under what still counts as finite, just.
      const double most = plan(Rule::parse("krum(f=0)"), 3, dtype).infinite_above;
      const double factor = std::ldexp(1, std::ilogb(most) / 2 * 2);
      const std::vector<std::string> small = rules_of(size, "2");
      const std::vector<std::string> large = rules_of(size, tau_of(factor));
      for (std::size_t k = 0; k < small.size(); ++k) {
        CAPTURE(small[k], large[k], size.n, size.f, to_text(dtype));
        const Decided near(small[k], D, dtype);
        const Decided far(large[k], times(D, factor), dtype);
        REQUIRE(near.outcome().failure == rules::Failure::kNone);
        REQUIRE(near.broken().empty());
        CHECK(far.outcome().failure == rules::Failure::kNone);
        CHECK(far.broken().empty());
        const bool same_weights = far.weights() == near.weights();
        CHECK(same_weights);
        const std::vector<double> scores = far.scores();
        const double highest = *std::max_element(scores.begin(), scores.end());
        CHECK(highest < std::numeric_limits<double>::infinity());
        const bool same_scores = scores == times(near.scores(), factor);
        CHECK(same_scores);
      }
    }
  }
}

}  // namespace
}  // namespace byzccl::test
