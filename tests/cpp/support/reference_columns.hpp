// SPDX-License-Identifier: MIT
// Sorted columns and their windows in the reference (RULES section 2).

#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "support/reference.hpp"

namespace byzccl::testing {

/// The values of one column.
using Column = std::vector<double>;

/// The middle value, or the mean of the two middle ones.
double middle(const Column& sorted);

/// The `keep` values nearest to `centre`, dropped from the ends; of equals the upper end goes.
/// room: distances that differ by at most this part of |centre| + the upper one are equal. Where
/// the values are not exact, ties have no margin.
Column nearest(Column sorted, double centre, std::size_t keep, double& margin, double room = 0,
               bool exact = true);

/// What of a sorted column is averaged, and the margin of that choice.
using Window = std::function<Column(const Column& sorted, double& margin)>;

/// Sorts each column of `rows`, values that are not finite last, and averages what `window` leaves
/// of it; NaN where more than f are not finite.
void columns(Answer& answer, const Matrix& x, const std::vector<int>& rows, int f,
             const Window& window);

}  // namespace byzccl::testing
