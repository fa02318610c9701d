// SPDX-License-Identifier: MIT
// One call of the library over rows of float64.

#pragma once

#include <byzccl/aggregate.hpp>

#include "support/vectors.hpp"

namespace byzccl::testing {

struct Result {
  Report report;
  std::vector<double> out;       ///< [d]
  std::vector<std::byte> bytes;  ///< the same as the library wrote it

  std::vector<int> selected() const;  ///< rows of non-zero weight, ascending
};

/// explain() over x [n, d], n >= 1.
Result run(const Rule& rule, const Matrix& x, DType dtype, const Caller& caller = {.own = 0});

}  // namespace byzccl::testing
