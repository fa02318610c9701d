// SPDX-License-Identifier: MIT
// Every rule once more, in float64, plain and slow: the judge of the library. It shares no code
// with it; only a Rule's parsed fields come in.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace byzccl::testing {

/// n rows of d numbers.
using Matrix = std::vector<std::vector<double>>;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What a rule answers, and how close it came to another answer.
struct Answer {
  bool failed = false;  ///< failed closed
  bool has_distances = false;
  Matrix distances;                          ///< [n, n]; empty without distances
  std::vector<double> reach;                 ///< [n]; empty without distances
  double typical_reach = 0;                  ///< M
  std::vector<int> broken;                   ///< ascending; empty without distances
  std::vector<int> flagged;                  ///< guarded_mean's; otherwise the broken ones
  std::optional<std::vector<int>> selected;  ///< rows of non-zero weight; none for column rules
  std::vector<double> out;                   ///< [d]
  std::vector<double> magnitude;             ///< [d] largest |value| that entered the column
  std::int64_t nan_columns = 0;

  /// Smallest relative gap over which a decision made from D would flip; exact equality is a tie,
  /// which the lower index decides, and counts as no gap.
  double margin = kInfinity;
  /// How far the output may move in any coordinate when D is rounded; only where weights follow D
  /// continuously (geometric_median, centered_clipping).
  double slack = 0;
  /// Over exact distances, too, what is decided is not exact: the margin always matters.
  bool never_exact = false;
  /// The columns hold means that are not exact: their margins always matter.
  bool mixed_columns = false;
  /// [d] the same for what is decided within a column; empty where nothing is.
  std::vector<double> column_margin;
};

/// The answer of `rule` over x, for the caller of vector `own` at `step` who had `previous` [d] the
/// step before (empty: nothing); behind steps nothing is said of `selected`. The dtype only says
/// which distances count as infinite.
/// @throws std::logic_error for a rule that has no reference
Answer reference(const Rule& rule, const Matrix& x, DType dtype, int own = 0, std::int64_t step = 0,
                 const std::vector<double>& previous = {});

/// C(n, f).
double combinations(int n, int f);

/// Relative gap between two values; infinite for equal ones.
double relative_gap(double a, double b);

}  // namespace byzccl::testing
