// SPDX-License-Identifier: MIT
// The combiner that sorts columns, on the CPU.

#pragma once

#include <cstdint>
#include <span>

#include "csrc/cpu/mix.hpp"

namespace byzccl::cpu {

/// out [columns] = the mean of a window of each sorted column (RULES sections 2 and 4), computed in
/// float32 (float64 for float64) and rounded once to the dtype.
///
/// What is not finite counts as +inf; a column with more than f such values gives NaN.
///
/// @param rows    the vectors
/// @param mixes   one for each of window.rows rows, formed from `rows`; empty: the vectors
///                themselves. A mix without vectors is absent: +inf in every column
/// @param window  0 <= f, rows >= 2f + 1; nearest windows: 1 <= keep <= rows - f
/// @param out     may be one of the vectors; otherwise it overlaps none
/// @return the number of NaN columns
std::int64_t combine_columns(const Rows& rows, std::span<const Mix> mixes, const Window& window,
                             void* out);

}  // namespace byzccl::cpu
