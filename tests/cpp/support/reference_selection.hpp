// SPDX-License-Identifier: MIT
// What the reference's rules share: the lowest of some values, and sums of rows.

#pragma once

#include <cstddef>
#include <vector>

#include "support/reference_geometry.hpp"

namespace byzccl::testing {

/// The `count` rows of lowest value, ties to the lower index, ascending; lowers `margin` to the
/// relative gap to the next one.
std::vector<int> lowest(const std::vector<int>& rows, const std::vector<double>& value,
                        std::size_t count, double& margin);

/// Sets selected, out and magnitude: the sum of the rows, each times its weight.
void weigh(Answer& answer, const Matrix& x, const std::vector<int>& rows,
           const std::vector<double>& weights);
/// The same for all rows of `weights` [n] that are not 0.
void weigh_all(Answer& answer, const Matrix& x, const std::vector<double>& weights);
/// The sum of the rows, divided once.
void average(Answer& answer, const Matrix& x, const std::vector<int>& rows);

// Rules of more than a few lines; each fills the answer's output from g and the data.

/// Krum's scores over `rows`; the others keep +inf.
std::vector<double> krum_scores(const Geometry& g, const std::vector<int>& rows, std::size_t q);
void bulyan(Answer& answer, const Geometry& g, const Matrix& x);
void multi_bulyan(Answer& answer, const Geometry& g, const Matrix& x);
void geometric_median(Answer& answer, const Geometry& g, const Matrix& x, std::int64_t iterations);
void smea(Answer& answer, const Geometry& g, const Matrix& x);
void caf(Answer& answer, const Geometry& g, const Matrix& x);

}  // namespace byzccl::testing
