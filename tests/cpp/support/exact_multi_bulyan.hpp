// SPDX-License-Identifier: MIT
// multi_bulyan of integers in fractions (RULES section 3): nothing is rounded but the result.

#pragma once

#include <cstdint>
#include <vector>

#include "support/stack.hpp"

namespace byzccl::test {

using Integers = std::vector<std::vector<std::int64_t>>;

/// n rows of d integers from -2 to 2: ties everywhere, and no row that is broken at n >= 7.
Integers few_integers(int n, int d, Random& random);

/// The same as vectors of a dtype.
std::vector<Row> stack_of(const Integers& x, DType dtype);

/// The rule's output, rounded once. No row of x is broken; n <= 20.
std::vector<double> exact_multi_bulyan(const Integers& x, int f);

/// Columns of `out` that are not the exact output to the rounding of a mean in `dtype`.
int wrong_columns(const Row& out, const std::vector<double>& exact, DType dtype);

}  // namespace byzccl::test
