// SPDX-License-Identifier: MIT
// The reference's selections of more than a few lines.

#pragma once

#include <cstddef>
#include <vector>

#include "support/reference_geometry.hpp"

namespace byzccl::testing {

// Each fills the answer's output from g and the data.

/// Krum's scores over `rows`; the others keep +inf.
std::vector<double> krum_scores(const Geometry& g, const std::vector<int>& rows, std::size_t q);
void bulyan(Answer& answer, const Geometry& g, const Matrix& x);
void multi_bulyan(Answer& answer, const Geometry& g, const Matrix& x);
void smea(Answer& answer, const Geometry& g, const Matrix& x);
void caf(Answer& answer, const Geometry& g, const Matrix& x);
/// @param v  the previous output; empty: none
void centered_clipping(Answer& answer, const Geometry& g, const Matrix& x, const Rule& rule,
                       std::vector<double> v);

}  // namespace byzccl::testing
