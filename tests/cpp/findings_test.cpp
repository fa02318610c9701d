// SPDX-License-Identifier: MIT
// Counts of NaN columns that ranks sent: they add up, and one that cannot be is no count.

#include "csrc/collective/findings.hpp"

#include <byzccl/error.hpp>
#include <byzccl/rules/decision.hpp>
#include <cstdint>
#include <limits>
#include <vector>

#include "csrc/collective/faults.hpp"
#include "support/catch.hpp"

namespace byzccl {
namespace {

struct Case {
  std::vector<std::int64_t> counts;
  std::int64_t sum;
  int liar;  // -1: none
};

TEST_CASE("a count of NaN columns that cannot be is thrown by name, and -1 where it is read late") {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto c = GENERATE(Case{{0, 0, 0}, 0, -1}, Case{{3, 0, 7}, 10, -1}, Case{{3, 0, 8}, -1, 2},
                          Case{{0, -1, 1}, -1, 1}, Case{{10, kMost, 0}, -1, 1});
  const auto steps = make_cpu_steps();
  const Rule rule = Rule::parse("median");
  collective::Findings findings{rule,   plan(rule, 3, DType::kFloat32), 10, nullptr, nullptr,
                                nullptr};
  findings.decision = steps->allocate(rules::decision_bytes(findings.plan));
  steps->clear(findings.decision.get(), rules::decision_bytes(findings.plan));
  findings.nan_columns = steps->allocate(c.counts.size() * sizeof(std::int64_t));
  steps->copy(findings.nan_columns.get(), c.counts.data(), c.counts.size() * sizeof(std::int64_t));

  int liar = -1;
  try {
    const std::int64_t sum = findings.count_nan_columns(*steps);
    CHECK(sum == c.sum);
  } catch (const ProtocolError& error) {
    liar = error.peer();
  }
  CHECK(liar == c.liar);
  Report report;
  findings.read(*steps, report);
  CHECK(report.nan_columns == c.sum);
}

}  // namespace
}  // namespace byzccl
