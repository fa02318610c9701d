// SPDX-License-Identifier: MIT
// What a selector decides, as plain pointers into one piece of memory of the device that decides.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/team.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// Why a rule failed closed: the output is then NaN in every coordinate.
enum class Failure : std::int32_t {
  kNone,
  kTooManyBroken,  ///< M is infinite: no n - f rows lie within finite reach
};

struct Outcome {
  double typical_reach = 0;  ///< M, the (n-f)-th smallest reach
  double divisor = 0;  ///< > 0: W is 0 or 1, and the sum of a row is divided once by the number of
                       ///< its ones, which of one row is this
  double previous_weight = 0;    ///< of the previous output, which comes after the vectors
  std::int64_t nan_columns = 0;  ///< columns with more than f values that are not finite
  std::int32_t rows = 0;         ///< rows of W that are there; those after them are absent
  Failure failure = Failure::kNone;
};

/// Views into `decision_bytes(plan)` bytes, 8-byte aligned. What has n entries speaks of the rows
/// that the rule is given: behind bucketing they are buckets.
struct Decision {
  Outcome* outcome = nullptr;
  double* weights = nullptr;  ///< W [rows, ranks], row-major
  double* reach = nullptr;    ///< [n]
  double* scores = nullptr;  ///< [n]; what the rule ranks by: lower is better; +inf for broken rows
  double* scales = nullptr;  ///< [n] of clip and arc, set before select(); below 0: row is absent
  std::uint8_t* broken = nullptr;   ///< [n]
  std::uint8_t* flagged = nullptr;  ///< [n] broken, or beyond guarded_mean's threshold
};

/// Entries of W.
BYZCCL_HD inline std::size_t weight_count(const Plan& plan) {
  return static_cast<std::size_t>(plan.rows > 0 ? plan.rows : 1) * plan.ranks;
}

BYZCCL_HD inline std::size_t decision_bytes(const Plan& plan) {
  const std::size_t n = static_cast<std::size_t>(plan.n);
  return sizeof(Outcome) + sizeof(double) * (weight_count(plan) + 3 * n) + (2 * n + 7) / 8 * 8;
}

BYZCCL_HD inline Decision decision_at(const Plan& plan, void* memory) {
  const int n = plan.n;
  Decision decision;
  decision.outcome = static_cast<Outcome*>(memory);
  decision.weights = reinterpret_cast<double*>(decision.outcome + 1);
  decision.reach = decision.weights + weight_count(plan);
  decision.scores = decision.reach + n;
  decision.scales = decision.scores + n;
  decision.broken = reinterpret_cast<std::uint8_t*>(decision.scales + n);
  decision.flagged = decision.broken + n;
  return decision;
}

}  // namespace byzccl::rules
