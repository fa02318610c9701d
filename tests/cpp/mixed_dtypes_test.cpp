// SPDX-License-Identifier: MIT
// Adds of several dtypes in one exchange: one selection, each add in its own dtype.

#include <algorithm>
#include <array>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;

constexpr DType kF32 = DType::kFloat32;

/// What one rank holds after an exchange, and its D.
struct Outcome {
  Bytes bits;
  std::vector<double> distances;
  bool operator==(const Outcome&) const = default;
};

constexpr std::array kMixed = {DType::kFloat64, DType::kBFloat16, kF32, DType::kFloat16};

TEST_CASE("adds of several dtypes are decided as one, each rounded as its own") {
  const int n = 5;
  for (const char* text : {"krum(f=1)", "geometric_median", "median", "bulyan(f=0)", "mean",
                           "clip(tau=3)+nnm+krum(f=1)"}) {
    CAPTURE(text);
    const Rule rule = Rule::parse(text);
    std::vector<Outcome> outcomes;
    for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
      std::vector<Outcome> ranks(n);
      test::run(n, {.algorithm = algorithm, .chunk_bytes = 1000}, [&](Communicator& communicator) {
        std::vector<Bytes> pieces;
        Exchange exchange = communicator.begin(rule);
        for (const DType dtype : kMixed) {
          pieces.push_back(test::random_vector(communicator.rank(), 5000, dtype));
        }
        for (std::size_t i = 0; i < kMixed.size(); ++i) {
          exchange.add(pieces[i].data(), 5000, kMixed[i]);
        }
        Outcome& mine = ranks[static_cast<std::size_t>(communicator.rank())];
        mine.distances = exchange.finish().report().distances;
        for (const Bytes& piece : pieces) {
          mine.bits.insert(mine.bits.end(), piece.begin(), piece.end());
        }
      });
      outcomes.insert(outcomes.end(), ranks.begin(), ranks.end());
    }
    CHECK(std::count(outcomes.begin(), outcomes.end(), outcomes[0]) == 2 * n);

    if (rule.kind != RuleKind::kKrum || rule.scaling) continue;
    std::vector<double> sum(static_cast<std::size_t>(n * n));
    for (const DType dtype : kMixed) {
      std::vector<Bytes> x;
      for (int rank = 0; rank < n; ++rank) x.push_back(test::random_vector(rank, 5000, dtype));
      const test::Expected alone = test::expected_of(x, 5000, dtype, rule);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += alone.report.distances[i];
    }
    CHECK(outcomes[0].distances == sum);
  }
}

TEST_CASE("among several dtypes the narrowest says which distance counts as infinite") {
  // Rank 0 is farther away than float32 can see, in the float64 part.
  const int n = 5;
  for (const bool wide_first : {true, false}) {
    test::run(n, {}, [&](Communicator& communicator) {
      const double value = communicator.rank() == 0 ? 1e20 : communicator.rank() * 1e17;
      Bytes wide = test::constant_vector(value, 3, DType::kFloat64);
      Bytes narrow = test::constant_vector(1, 3, kF32);
      const Rule rule = Rule::parse("guarded_mean(f=1,threshold=1e7)");
      Exchange alone = communicator.begin(rule);
      alone.add(wide.data(), 3, DType::kFloat64);
      expect(alone.finish().report().broken.empty(), "float64 alone reaches that far");
      wide = test::constant_vector(value, 3, DType::kFloat64);
      Exchange both = communicator.begin(rule);
      if (wide_first) both.add(wide.data(), 3, DType::kFloat64);
      both.add(narrow.data(), 3, kF32);
      if (!wide_first) both.add(wide.data(), 3, DType::kFloat64);
      expect(both.finish().report().broken == std::vector<int>{0}, "beyond the narrowest");
    });
  }
}

}  // namespace
}  // namespace byzccl
