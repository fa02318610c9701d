// SPDX-License-Identifier: MIT
// Weiszfeld's iteration in the reference.

#pragma once

#include "support/reference_geometry.hpp"

namespace byzccl::testing {

/// Weiszfeld with every distance taken from the data, not from D. Rows are taken relative to one of
/// those it starts from, so that a mix of equal rows lies exactly on them.
void geometric_median(Answer& answer, const Geometry& g, const Matrix& x, std::int64_t iterations);

}  // namespace byzccl::testing
