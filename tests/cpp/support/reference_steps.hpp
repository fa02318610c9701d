// SPDX-License-Identifier: MIT
// Steps before a rule in the reference: applied to the data itself.

#pragma once

#include <optional>

#include "support/reference.hpp"

namespace byzccl::testing {

/// What a rule is given behind its steps.
struct Stepped {
  Matrix y;                                ///< a row that is absent is NaN
  std::vector<int> present;                ///< rows, ascending
  std::vector<double> norms;               ///< [n] squared, where scaling makes them known
  std::optional<std::vector<int>> broken;  ///< at nnm
  bool failed = false;                     ///< nnm failed closed
  int steps = 0;
  double margin = kInfinity;
};

Stepped apply_steps(const Rule& rule, const Matrix& x, DType dtype, std::int64_t step);

}  // namespace byzccl::testing
