// SPDX-License-Identifier: MIT
// A result may be NaN only where the report says that the rule failed, or counts the columns.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <cmath>

#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl::test {

/// Whether NaN may go through unsaid: the plain mean has what it is given, and one row alone has no
/// distance to anything.
inline bool passes_nan(const Rule& rule, const Plan& plan) {
  if (rule.scaling) return false;
  return (rule.kind == RuleKind::kMean && !rule.nnm) || (plan.needs_distances && plan.n == 1);
}

inline void check_nan_is_told(const Row& out, std::int64_t d, const Report& report) {
  std::int64_t nan_columns = 0;
  for (std::int64_t column = 0; column < d; ++column) nan_columns += std::isnan(out.at(column));
  CHECK(nan_columns == (report.failed ? d : report.nan_columns));
  CHECK(report.failed == !report.failure.empty());
}

}  // namespace byzccl::test
