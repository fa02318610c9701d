// SPDX-License-Identifier: MIT
#include "csrc/collective/findings.hpp"

#include <byzccl/rules/decision.hpp>
#include <cstddef>
#include <vector>

#include "csrc/collective/faults.hpp"
#include "csrc/report.hpp"

namespace byzccl::collective {

void Findings::read(Steps& steps, Report& report) const {
  std::vector<double> memory(rules::decision_bytes(plan) / sizeof(double) + 1);
  steps.read(memory.data(), decision.get(), rules::decision_bytes(plan));
  std::vector<double> D;
  if (distances) {
    D.resize(static_cast<std::size_t>(plan.lines) * static_cast<std::size_t>(plan.n));
    steps.read(D.data(), distances.get(), D.size() * sizeof(double));
  }
  report.d = columns;
  describe(rule, plan, D.data(), rules::decision_at(plan, memory.data()), report);
  if (!nan_columns) return;
  try {
    report.nan_columns = count_nan_columns(steps);
  } catch (const ProtocolError&) {
    report.nan_columns = -1;
  }
}

std::int64_t Findings::count_nan_columns(Steps& steps) const {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(plan.ranks));
  steps.read(counts.data(), nan_columns.get(), counts.size() * sizeof(std::int64_t));
  std::int64_t sum = 0;
  for (std::size_t r = 0; r < counts.size(); ++r) {
    if (counts[r] < 0 || counts[r] > columns - sum) {
      throw ProtocolError(static_cast<int>(r), "it counts more NaN columns than there are columns");
    }
    sum += counts[r];
  }
  return sum;
}

}  // namespace byzccl::collective
