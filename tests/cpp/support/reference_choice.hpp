// SPDX-License-Identifier: MIT
// Choosing rows and adding them up, in the reference.

#pragma once

#include <cstddef>
#include <vector>

#include "support/reference.hpp"

namespace byzccl::testing {

/// The `count` rows of lowest value, ties to the lower index, ascending.
std::vector<int> lowest(const std::vector<int>& rows, const std::vector<double>& value,
                        std::size_t count, double& margin);

/// Sets selected, out and magnitude: the sum of rows times weights.
void weigh(Answer& answer, const Matrix& x, const std::vector<int>& rows,
           const std::vector<double>& weights);

/// The same for all rows of `weights` [n] that are not 0.
void weigh_all(Answer& answer, const Matrix& x, const std::vector<double>& weights);

/// The same for the mean of the rows.
void average(Answer& answer, const Matrix& x, const std::vector<int>& rows);

}  // namespace byzccl::testing
