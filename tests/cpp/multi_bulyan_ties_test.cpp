// SPDX-License-Identifier: MIT
// multi_bulyan where distances, scores and the ends of windows tie, against fractions.

#include <byzccl/aggregate.hpp>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/exact_multi_bulyan.hpp"
#include "support/stack.hpp"

namespace byzccl::test {
namespace {

TEST_CASE("ties of multi_bulyan fall as in fractions") {
  Random random(1);
  for (int round = 0; round < 600; ++round) {
    const int f = round % 4;
    const int n = 4 * f + 3 + (f == 0 ? 4 : random.below(4));
    const int d = 6;
    const Integers x = few_integers(n, d, random);
    const std::vector<double> want = exact_multi_bulyan(x, f);
    for (const DType dtype : kEveryDType) {
      CAPTURE(round, n, f, to_text(dtype));
      const auto rows = stack_of(x, dtype);
      Row out(d, dtype);
      const Rule rule = Rule::parse("multi_bulyan(f=" + std::to_string(f) + ")");
      const Report report = explain(pointers(rows), d, dtype, rule, out.data());
      REQUIRE(report.broken.empty());
      CHECK(wrong_columns(out, want, dtype) == 0);
    }
  }
}

}  // namespace
}  // namespace byzccl::test
